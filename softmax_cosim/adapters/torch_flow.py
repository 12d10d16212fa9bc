"""Where tensors come from: scores, probabilities, or parts of a softmax that is written out.

Follows the results of torch's operators by their identity. A product of two activations, as of
queries and keys, stays one through whatever changes its elements and not what they stand for
(scaling, masks, views, copies); so do probabilities, until they weigh something; so do exponentials
and their sums, until one is divided by the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from softmax_cosim.adapters import require

__all__ = ["COPIES", "LOG_SOFTMAXES", "Flow", "Heard", "Tag"]

PRODUCTS = frozenset(
    (
        *("mm", "bmm", "addmm", "baddbmm", "addbmm", "mv", "addmv", "dot", "matmul", "linear"),
        *("_grouped_mm", "_addmm_activation"),
    )
)
SUMMANDS = ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation")
"""Products whose first argument is added to them."""
LOG_SOFTMAXES = ("_log_softmax", "log_softmax")
SUMS = frozenset(
    (
        *("sum", "linalg_vector_norm", "norm", "cumsum", "scatter_add", "index_add"),
        *("scatter_reduce", "logsumexp", *LOG_SOFTMAXES),
    )
)
COPIES = frozenset(
    (
        *("_to_copy", "clone", "copy", "contiguous", "cat", "stack", "constant_pad_nd", "index"),
        *("index_select", "gather", "repeat", "_unsafe_view", "_reshape_alias", "masked_fill"),
        *("empty_like", "index_put", "slice_scatter", "select_scatter", "tril", "triu", "flip"),
        *("roll", "topk", "sort", "native_dropout", "masked_select", "im2col"),
        *("repeat_interleave", "scatter", "lift_fresh", "where"),
    )
)


@dataclass(eq=False)
class Heard:
    """A softmax, or the exponential that may become one."""

    layer: str
    asked: bool = False
    """Whether the function was asked for it."""
    scored: bool = False
    """An exponential of a product of two activations."""


@dataclass(frozen=True)
class Tag:
    """What is known of a tensor."""

    parameter: bool = False
    product: bool = False
    """Of two activations."""
    probabilities: frozenset[Heard] = frozenset()
    exponentials: frozenset[Heard] = frozenset()
    sums: frozenset[tuple[Heard, int | None]] = field(default_factory=frozenset)
    """Of which exponentials, along which axis if it is one."""
    inverse: bool = False
    """One over the sums."""


NOTHING = Tag()
PARAMETER = Tag(parameter=True)


class Flow:
    """The tags of all tensors that are alive."""

    def __init__(self) -> None:
        """Know nothing."""
        torch = require("torch", "torch")
        self._torch = torch
        self._roles: dict[Any, tuple[str, str]] = {}
        self._tags = require("torch.utils.weak", "torch").WeakTensorKeyDictionary()

    def __getitem__(self, tensor: Any) -> Tag:
        """What is known of a tensor."""
        tag: Tag | None = self._tags.get(tensor)
        if tag is None:
            return PARAMETER if isinstance(tensor, self._torch.nn.Parameter) else NOTHING
        return tag

    def __setitem__(self, tensor: Any, tag: Tag) -> None:
        """Know it."""
        if tag != NOTHING:
            self._tags[tensor] = tag
        else:
            self._tags.pop(tensor, None)

    def follow(self, func: Any, args: Any, kwargs: Any, out: Any) -> Iterator[Heard]:
        """Tag what an operator made; gives each softmax whose probabilities weighed activations.

        And each exponential of scores that did.
        """
        name, role = self.role(func)
        results = [t for t in self.tensors(out) if t.is_floating_point()]
        if not results:
            return
        if role == "":
            for result in results:
                self._tags.pop(result, None)
            return
        inputs = [t for t in self.tensors((args, kwargs)) if t.is_floating_point()]
        tags = [self[t] for t in inputs]
        if role == "product":
            factors = tags[name in SUMMANDS :][:2]
            activations = not any(tag.parameter for tag in factors)
            if activations:
                for tag in factors:
                    yield from tag.probabilities
                    yield from (heard for heard in tag.exponentials if heard.scored)
            self[results[0]] = Tag(
                product=activations and len(factors) == 2,
                exponentials=frozenset().union(*(tag.exponentials for tag in factors)),
            )
        elif role == "sum":
            self[results[0]] = self._sum(name, args, inputs, tags)
        elif any(tag is not NOTHING for tag in tags):
            for result in results:
                self[result] = self._same(name, inputs, tags, result)

    def role(self, func: Any) -> tuple[str, str]:
        """An operator's name, without what tells its variants apart, and what it does to tags."""
        found = self._roles.get(func)
        if found is None:
            name = func.overloadpacket.__name__
            name = name.rstrip("_") if func._schema.is_mutable else name
            same = self._torch.Tag.pointwise in func.tags or func.is_view or name in COPIES
            same |= name.startswith("_foreach_")
            name = name.removeprefix("_foreach_")
            kind = "product" if name in PRODUCTS else "sum" if name in SUMS else "same" * same
            found = self._roles[func] = name, kind
        return found

    def tensors(self, values: Any) -> Iterator[Any]:
        """All tensors in arguments, in their order."""
        if isinstance(values, self._torch.Tensor):
            yield values
        elif isinstance(values, list | tuple):
            for value in values:
                yield from self.tensors(value)
        elif isinstance(values, dict):
            for value in values.values():
                yield from self.tensors(value)

    def _same(self, name: str, inputs: list[Any], tags: list[Tag], result: Any) -> Tag:
        """Of what has the elements of the inputs, in some way."""
        probabilities: frozenset[Heard] = frozenset()
        for tensor, tag in zip(inputs, tags, strict=True):
            if name != "mul" or tensor.numel() >= result.numel():
                probabilities |= tag.probabilities
        inverse = any(tag.inverse for tag in tags) != (name == "reciprocal")
        sums = frozenset().union(*(tag.sums for tag in tags))
        return Tag(
            parameter=all(tag.parameter for tag in tags),
            product=any(tag.product for tag in tags),
            probabilities=probabilities,
            exponentials=frozenset().union(*(tag.exponentials for tag in tags)),
            sums=sums,
            inverse=inverse and bool(sums),
        )

    def _sum(self, name: str, args: Any, inputs: list[Any], tags: list[Tag]) -> Tag:
        place = 2 if name == "linalg_vector_norm" else 1
        single = name in ("sum", "linalg_vector_norm", "logsumexp", *LOG_SOFTMAXES)
        dims = args[place] if single and len(args) > place else ()
        dims = dims if isinstance(dims, list | tuple) else (dims,)
        axis = dims[0] % inputs[0].ndim if len(dims) == 1 and inputs[0].ndim else None
        heard = frozenset().union(*(tag.exponentials for tag in tags))
        if name in ("logsumexp", *LOG_SOFTMAXES):
            heard = frozenset([Heard("")])
        return Tag(
            product=name in LOG_SOFTMAXES and tags[0].product,
            exponentials=heard if name == "sum" else frozenset(),
            sums=frozenset((one, axis) for one in heard),
        )

    def rename(self, tensor: Any, **changes: Any) -> None:
        """Change what is known of a tensor."""
        self[tensor] = replace(self[tensor], **changes)
