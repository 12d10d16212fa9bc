"""Results of a replay, and how they are written: JSON, Parquet, HTML and the terminal."""

from softmax_cosim.report.folder import ReportFolder
from softmax_cosim.report.model import (
    AttentionMap,
    Failure,
    Formula,
    LeftOut,
    Merit,
    OwnDesign,
    PowerUp,
    Report,
    RowBatch,
    RowDetail,
    RunResult,
    SourceFile,
    Stated,
    TraceInfo,
)
from softmax_cosim.report.tally import Tally
from softmax_cosim.report.terminal import print_report

__all__ = [
    "AttentionMap",
    "Failure",
    "Formula",
    "LeftOut",
    "Merit",
    "OwnDesign",
    "PowerUp",
    "Report",
    "ReportFolder",
    "RowBatch",
    "RowDetail",
    "RunResult",
    "SourceFile",
    "Stated",
    "Tally",
    "TraceInfo",
    "print_report",
]
