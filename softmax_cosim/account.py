"""An account of every softmax that ran in a model: what was replaced, and what was not.

An adapter keeps one while a model runs. Whoever says "replaced" says it of what stands here as
replaced, and of nothing else.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Account", "MissedSoftmax", "account_of"]


class MissedSoftmax(UserWarning):
    """A softmax that may be attention stayed float although a function was to compute it."""


@dataclass
class Account:
    """What became of each softmax, by the name of its layer."""

    replaced: Counter[str] = field(default_factory=Counter)
    """Calls that the function answered."""
    left: Counter[str] = field(default_factory=Counter)
    """Calls that the function heard and left to the model, as a recorder does."""
    other: dict[str, str] = field(default_factory=dict)
    """Softmaxes that are no attention, and why: a classifier's, a router's, a pooling's."""
    missed: dict[str, str] = field(default_factory=dict)
    """Softmaxes that the function was not asked for although they may be attention, and why."""

    def add(self, more: Account) -> Self:
        """Take over what another account holds."""
        self.replaced.update(more.replaced)
        self.left.update(more.left)
        self.other.update(more.other)
        self.missed.update(more.missed)
        return self

    @property
    def heard(self) -> bool:
        """Whether the function was asked for any softmax at all."""
        return bool(self.replaced or self.left)

    def close(self, softmax: object) -> None:
        """At the end of a run: add to the account that the softmax keeps, warn of what was missed.

        Args:
            softmax: the function; nothing is added where it has no attribute ``account``.
        """
        account_of(softmax).add(self)
        for layer, why in self.missed.items():
            warnings.warn(f"the softmax of {layer} stayed float: {why}", MissedSoftmax, 3)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: each of the four by its name, layers in the order in which they ran."""
        return {
            "replaced": dict(self.replaced),
            "left": dict(self.left),
            "other": dict(self.other),
            "missed": dict(self.missed),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Account:
        """The account that :meth:`as_dict` wrote."""
        return cls(
            Counter(values["replaced"]),
            Counter(values["left"]),
            dict(values["other"]),
            dict(values["missed"]),
        )

    def __str__(self) -> str:
        """One line: ``12 layers replaced (480 calls), 1 not attention, 2 MISSED: ...``."""
        parts = []
        if self.replaced or not self.left:
            parts.append(f"{len(self.replaced)} layers replaced ({self.replaced.total()} calls)")
        if self.left:
            parts.append(f"{len(self.left)} left to the model ({self.left.total()} calls)")
        if self.other:
            parts.append(f"{len(self.other)} not attention: {', '.join(self.other)}")
        if self.missed:
            named = "; ".join(f"{name} ({why})" for name, why in self.missed.items())
            parts.append(f"{len(self.missed)} MISSED: {named}")
        return ", ".join(parts)


def account_of(softmax: object) -> Account:
    """The account that a softmax keeps, or one that nobody reads."""
    kept = getattr(softmax, "account", None)
    return kept if isinstance(kept, Account) else Account()
