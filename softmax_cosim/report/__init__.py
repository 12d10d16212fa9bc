"""Results of a replay, and how they are written: JSON, Parquet, HTML and the terminal."""

from softmax_cosim.report.folder import ReportFolder
from softmax_cosim.report.model import (
    AttentionMap,
    Failure,
    Formula,
    Merit,
    Report,
    RowBatch,
    RowDetail,
    RunResult,
    TraceInfo,
)
from softmax_cosim.report.tally import Tally
from softmax_cosim.report.terminal import print_report

__all__ = [
    "AttentionMap",
    "Failure",
    "Formula",
    "Merit",
    "Report",
    "ReportFolder",
    "RowBatch",
    "RowDetail",
    "RunResult",
    "Tally",
    "TraceInfo",
    "print_report",
]
