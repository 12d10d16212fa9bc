"""What a set of boxes costs: matching, focal loss, L1 and generalised IoU; and a dense head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["CLASSES", "DenseHead", "Target", "set_loss"]

CLASSES = 10
CLASS, BOX, OVERLAP = 2.0, 5.0, 2.0
"""Weights of the three parts, in matching and in the loss alike, as in Conditional DETR."""
ALPHA = 0.25

Target = tuple[torch.Tensor, torch.Tensor]
"""Boxes [digits, 4], centre and size in shares of the picture, and classes [digits]."""


def set_loss(logits: torch.Tensor, boxes: torch.Tensor, targets: Sequence[Target]) -> torch.Tensor:
    """Loss of sets of predictions, each matched with its targets one to one.

    Args:
        logits: [sets, queries, classes].
        boxes: [sets, queries, 4].
        targets: one a set.
    """
    counts = [len(classes) for _, classes in targets]
    wanted = torch.cat([boxes for boxes, _ in targets])
    classes = torch.cat([classes for _, classes in targets])
    with torch.no_grad():
        probability = logits.sigmoid()[..., classes]
        likely = ALPHA * (1 - probability) ** 2 * -(probability + 1e-8).log()
        unlikely = (1 - ALPHA) * probability**2 * -(1 - probability + 1e-8).log()
        distance = (boxes[:, :, None] - wanted).abs().sum(-1)
        overlap = _giou(boxes[:, :, None], wanted)
        cost = (CLASS * (likely - unlikely) + BOX * distance - OVERLAP * overlap).numpy()
    sets, queries, objects = [], [], []
    for place, (stop, count) in enumerate(zip(np.cumsum(counts), counts, strict=True)):
        rows, columns = linear_sum_assignment(cost[place, :, stop - count : stop])
        sets += [place] * len(rows)
        queries += rows.tolist()
        objects += (columns + stop - count).tolist()
    truth = torch.zeros_like(logits)
    truth[sets, queries, classes[objects]] = 1
    found, wanted, total = boxes[sets, queries], wanted[objects], max(1, sum(counts))
    return (
        CLASS * _focal(logits, truth)
        + BOX * (found - wanted).abs().sum()
        + OVERLAP * (1 - _giou(found, wanted)).sum()
    ) / total


class DenseHead(nn.Module):
    """Class and box at every cell of a feature map: trains the backbone, then helps the encoder.

    The cells in the inner half of a digit's box are its own.
    """

    def __init__(self, width: int) -> None:
        """Make it for features of some width."""
        super().__init__()
        self.classes = nn.Linear(width, CLASSES)
        self.boxes = nn.Linear(width, 4)
        nn.init.constant_(self.classes.bias, -4.0)

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, targets: Sequence[Target]
    ) -> torch.Tensor:
        """The loss.

        Args:
            features: [pictures, rows, columns, width].
            mask: [pictures, rows, columns], True where there is a picture.
            targets: one a picture.
        """
        logits, raw = self.classes(features), self.boxes(features)
        truth = torch.zeros_like(logits)
        cells: list[Any] = []
        wanted = []
        for place, (boxes, classes) in enumerate(targets):
            inside = mask[place]
            rows, columns = int(inside[:, 0].sum()), int(inside[0].sum())
            y = (torch.arange(rows) + 0.5) / rows
            x = (torch.arange(columns) + 0.5) / columns
            for box, kind in zip(boxes, classes, strict=True):
                own_y = ((y - box[1]).abs() <= box[3].clamp(min=1 / rows) / 4).nonzero()[:, 0]
                own_x = ((x - box[0]).abs() <= box[2].clamp(min=1 / columns) / 4).nonzero()[:, 0]
                if not len(own_y):
                    own_y = (y - box[1]).abs().argmin()[None]
                if not len(own_x):
                    own_x = (x - box[0]).abs().argmin()[None]
                for row in own_y.tolist():
                    for column in own_x.tolist():
                        truth[place, row, column, kind] = 1
                        cells.append((place, row, column, float(x[column]), float(y[row])))
                        wanted.append(box)
        total = max(1, len(cells))
        loss = CLASS * _focal(logits[mask], truth[mask]) / total
        if cells:
            place, row, column = (torch.tensor([cell[i] for cell in cells]) for i in range(3))
            centre = torch.tensor([cell[3:] for cell in cells])
            found = raw[place, row, column]
            found = torch.cat([centre + 0.1 * found[:, :2], (found[:, 2:] - 1.5).sigmoid()], -1)
            loss = loss + OVERLAP * (1 - _giou(found, torch.stack(wanted))).sum() / total
        return loss


def _focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Sum of the sigmoid focal loss."""
    probability = logits.sigmoid()
    right = probability * truth + (1 - probability) * (1 - truth)
    weight = ALPHA * truth + (1 - ALPHA) * (1 - truth)
    entropy = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (weight * entropy * (1 - right) ** 2).sum()


def _giou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Generalised intersection over union of boxes, centre and size."""
    low_a, high_a = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    low_b, high_b = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    common = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common
    hull = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(-1) + 1e-9
    return common / (union + 1e-9) - (hull - union) / hull
