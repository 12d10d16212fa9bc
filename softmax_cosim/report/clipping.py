"""Warnings where the quantiser clipped what the softmax would have shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from softmax_cosim.configs import Config
from softmax_cosim.report.model import Report
from softmax_cosim.report.text import count, input_format

__all__ = ["LayerClipping", "clipping_of", "clipping_warnings"]


@dataclass(frozen=True)
class LayerClipping:
    """What a configuration's input could not hold of a layer's scores."""

    layer: str
    config: Config
    scores: int
    """As in :class:`.quantise.Clipping`; likewise the three that follow."""
    clipped: int
    underflow: int
    moved: int


def clipping_warnings(found: Iterable[LayerClipping]) -> list[str]:
    """A sentence for each layer and input format in which clipping moves a probability.

    Of the configurations of one format, that of which it moves most rows speaks.
    """
    worst: dict[tuple[str, str, float, bool], LayerClipping] = {}
    for one in found:
        key = one.layer, str(one.config.inputs), one.config.scale, one.config.recentre
        if one.moved and (key not in worst or one.moved > worst[key].moved):
            worst[key] = one
    return [_sentence(one) for one in worst.values()]


def clipping_of(report: Report) -> list[LayerClipping]:
    """Of every run and tensor; a tensor is called as its trace calls it, after the trace."""
    return [
        LayerClipping(
            f"{tensor.trace} {tensor.tensor}",
            run.config,
            *(tensor.scores, tensor.clipped, tensor.underflow, tensor.moved),
        )
        for run in report.runs
        for tensor in run.tensors
    ]


def _sentence(one: LayerClipping) -> str:
    config = one.config
    beyond = f"{count(one.clipped)} of {count(one.scores)} scores clipped"
    if not one.clipped:
        beyond = f"{count(one.underflow)} of {count(one.scores)} scores held at the lowest code"
    form = input_format(config) + (f" * {config.scale:g}" if config.scale != 1 else "")
    remedy = "fewer fraction bits" if config.design is None else "a wider input format"
    if not config.recentre:
        remedy = f"recentre = true, or {remedy}"
    if config.design is None:  # whose parameters we know
        remedy += " (cosim calibrate)"
    rows = "1 row" if one.moved == 1 else f"{count(one.moved)} rows"
    return (
        f"{one.layer}: {beyond} at {form}, which moves the "
        f"probabilities of {rows} ({config.name}); try {remedy}"
    )
