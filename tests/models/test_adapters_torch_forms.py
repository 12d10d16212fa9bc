"""Further ways in which torch code comes to a softmax: each is heard, or named as missed."""

import math

import numpy as np
import pytest

from softmax_cosim.account import MissedSoftmax
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from softmax_cosim.adapters import torch_module  # noqa: E402

X = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(1))
ONES = torch.ones(7, 1)


def into(s):
    out = torch.empty(0)
    torch.softmax(s, -1, out=out)
    return out


def log_into(s):
    out = torch.empty_like(s)
    return torch.log_softmax(s, -1, out=out).exp()


def ratio_into(s):
    e = s.exp()
    out = torch.full_like(s, math.nan)
    torch.div(e, e.sum(-1, keepdim=True), out=out)
    return out


def mean(s):
    e = s.exp()
    return e / (7 * e.mean(-1, keepdim=True))


def negative_power(s):
    e = s.exp()
    return e * e.sum(-1, keepdim=True) ** -1


def with_ones(s):
    e = s.exp()
    return e / (e @ ONES)


def power_of_e(s):
    e = torch.pow(math.e, s)
    return e / e.sum(-1, keepdim=True)


def less_one(s):
    e = torch.expm1(s) + 1
    return e / e.nansum(-1, keepdim=True)


def one_by_one(s):
    e = s.exp()
    return e / sum(e.unbind(-1)).unsqueeze(-1)


def row_by_row(s):
    return torch.stack([torch.stack([r.exp() / r.exp().sum() for r in rows]) for rows in s])


def scattered(s):
    e, place = s.exp(), torch.zeros(2, 7, 7, dtype=torch.long)
    return e / torch.zeros(2, 7, 1).scatter_add_(-1, place, e)


def in_segments(s):
    e = s.exp().view(-1)
    total = torch.segment_reduce(e, "sum", lengths=torch.full((14,), 7))
    return (e / total.repeat_interleave(7)).view_as(s)


def convolved(s):
    e = s.exp()
    return e / functional.conv1d(e.view(14, 1, 7), torch.ones(1, 1, 7)).view(2, 7, 1)


def unit_squares(s):
    return functional.normalize((s / 2).exp(), dim=-1).square()


def pairwise_logarithm(s):
    total = s[..., 0]
    for key in range(1, 7):
        total = torch.logaddexp(total, s[..., key])
    return (s - total.unsqueeze(-1)).exp()


def running_logarithm(s):
    return (s - s.logcumsumexp(-1)[..., -1:]).exp()


def all_at_once(s):
    return functional.normalize(torch._foreach_exp([s])[0], p=1, dim=-1)


def under_vmap(s):
    return torch.vmap(lambda one: one.softmax(-1))(s)


@torch.library.custom_op("somebody::weights", mutates_args=())
def of_somebody(s: torch.Tensor) -> torch.Tensor:
    return s.softmax(-1)


HEARD = [into, log_into, ratio_into, mean, negative_power, with_ones, power_of_e, less_one]
HEARD += [
    one_by_one,
    scattered,
    in_segments,
    convolved,
    unit_squares,
    pairwise_logarithm,
    running_logarithm,
]
HEARD += [all_at_once, row_by_row, under_vmap, of_somebody]


class Attention(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def forward(self, x):
        return self.weights(x @ x.mT / 4) @ x


def name_of(way):
    return getattr(way, "__name__", "of_somebody")


@pytest.mark.parametrize("way", HEARD, ids=name_of)
@torch.no_grad()
def test_it_is_heard(way):
    """Recording changes no bit; what is answered is what weighs."""
    model = Attention(way)
    plain = model(X)
    calls = 14 if way is row_by_row else 1
    with torch_module.patched(Recorder(), model) as account:
        assert torch.equal(model(X), plain)
    assert account.left == {"Attention": calls}
    assert not account.missed
    assert not account.other
    with torch_module.patched(Float64(), model) as account:
        np.testing.assert_allclose(model(X), plain, atol=2e-6)
    with torch_module.patched(lambda s, m: np.zeros_like(s), model):
        assert not model(X).any()


def divided_late(s, x):
    weighed = s.exp() @ torch.cat([x, torch.ones(2, 7, 1)], -1)
    return weighed[..., :-1] / weighed[..., -1:]


def sharpened(s, x):
    return (2 * s.log_softmax(-1)).exp() @ x


class Beside(nn.Module):
    """A plain attention, and another one."""

    def __init__(self, way):
        super().__init__()
        self.plain = Attention(lambda s: s.softmax(-1))
        self.odd = nn.Module()
        self.odd.forward = lambda x: way(x @ x.mT / 4, x)

    def forward(self, x):
        return self.plain(x), self.odd(x)


@pytest.mark.parametrize("way", [divided_late, sharpened], ids=name_of)
@torch.no_grad()
def test_exponentials_that_weigh_values_are_named(way):
    model = Beside(way)
    with (
        pytest.warns(MissedSoftmax, match="softmax of odd stayed float: its exponentials weigh"),
        torch_module.patched(Float64(), model) as account,
    ):
        model(X)
    assert set(account.missed) == {"odd"}
    alone = pytest.raises(UsageError, match=r"no softmax of Module .*: Module \(its exponentials")
    with alone, torch_module.patched(Float64(), model.odd):
        model.odd(X)


@torch.no_grad()
def test_scores_that_leave_torch_are_named():
    def by_numpy(s, x):
        e = np.exp(np.asarray(s))
        return torch.from_numpy(e / e.sum(-1, keepdims=True)) @ x

    model = Beside(by_numpy)
    with (
        pytest.warns(MissedSoftmax, match="of odd stayed float: its scores are handed to numpy"),
        torch_module.patched(Float64(), model) as account,
    ):
        model(X)
    assert account.replaced == {"plain": 1}
    before = torch.Tensor.numpy
    with torch_module.patched(Float64(), model.plain) as account:
        (model.plain(X) @ X.mT).numpy()  # of no module
    assert not account.missed
    assert torch.Tensor.numpy is before


def test_exponentials_of_anything_else_are_none():
    """As of a variance, or of a decay: no scores, no softmax."""
    model = Beside(lambda s, x: (x.mean(-1, keepdim=True).exp() * x) @ x.mT)
    with torch_module.patched(Float64(), model) as account:
        model(X)
    assert account.replaced == {"plain": 1}
    assert not account.missed


def test_an_operator_of_which_nobody_knows_what_is_in_it():
    library = torch.library.Library("somebody", "FRAGMENT")
    library.define("mute(Tensor x) -> Tensor")
    library.impl("mute", lambda x: torch.from_numpy(np.tanh(x.numpy())), "CPU")  # as in C++
    model = Beside(lambda s, x: torch.ops.somebody.mute(s) @ x)
    with (
        torch.no_grad(),
        pytest.warns(MissedSoftmax, match="of odd stayed float: it runs in somebody::mu"),
        torch_module.patched(Float64(), model) as account,
    ):
        model(X)
    assert account.replaced == {"plain": 1}


def test_a_method_that_is_called_by_its_name():
    class Model(Attention):
        def encode(self, x):
            return self.inner(x), self.forward(x)

    model = Model(lambda s: s.softmax(-1))
    model.inner = Attention(lambda s: s.softmax(-1))
    with (
        pytest.warns(MissedSoftmax, match=r"softmax of Model.forward stayed float: it runs in"),
        torch_module.patched(Float64(), model) as account,
    ):
        model.encode(X)
    assert account.replaced == {"inner": 1}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_rows_of_several_lengths():
    def attend(layout):
        x = torch.nested.nested_tensor([X[0], X[1][:5]], layout=layout)
        if layout is torch.strided:
            return torch.softmax(x, -1).to_padded_tensor(0.0)
        heads = x.unsqueeze(2).transpose(1, 2)
        out = functional.scaled_dot_product_attention(heads, heads, heads)
        return out.transpose(1, 2).squeeze(2).to_padded_tensor(0.0)

    with torch.no_grad():
        for layout in (torch.strided, torch.jagged):
            plain, recorder, exact = attend(layout), Recorder(), Float64()
            with torch_module.patched(recorder):
                assert torch.equal(attend(layout), plain)
            assert [call.scores.shape[-2] for call in recorder.calls] == [7, 5]
            with torch_module.patched(exact) as account:
                np.testing.assert_allclose(attend(layout), plain, atol=2e-6)
            assert account.replaced.total() == 1
            assert exact.count.rows == 12
