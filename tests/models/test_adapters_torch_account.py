"""Every softmax of a torch module is accounted for, however it is written and wherever it runs."""

import threading
import warnings

import numpy as np
import pytest

from softmax_cosim.account import Account, MissedSoftmax
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from softmax_cosim.adapters import torch_module  # noqa: E402

X = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(1))
HIDDEN = torch.arange(7) > 4


def exp_sum(s):
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def exp_sum_in_place(s):
    e = s.clone().exp_()
    return e.div_(e.sum(-1, keepdim=True))


def exp_sum_reciprocal(s):
    e = s.exp()
    return e * (1 / e.sum(-1)).unsqueeze(-1)


def exp_mask_sum(s):
    e = s.exp() * ~HIDDEN
    return e / (e.sum(-1, keepdim=True) + 1e-9)


def exp_norm(s):
    return functional.normalize(s.exp(), p=1, dim=-1)


def exp_other_axis(s):
    e = s.mT.exp()
    return (e / e.sum(1, keepdim=True)).mT


def log_exp(s):
    return functional.log_softmax(s, -1).exp()


def logsumexp(s):
    return (s - s.logsumexp(-1, keepdim=True)).exp()


def log_sum_exp(s):
    return torch.exp(s - s.exp().sum(-1, keepdim=True).log())


def softmin(s):
    return functional.softmin(-s, -1)


def widened(s):
    e = s.double().exp()
    return (e / e.sum(-1, keepdim=True)).float()


WRITTEN = [exp_sum, exp_sum_in_place, exp_sum_reciprocal, exp_mask_sum, exp_norm, exp_other_axis]
WRITTEN += [log_exp, logsumexp, log_sum_exp, softmin, widened]


class Attention(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, x):
        return self.way(x @ x.mT / 4) @ x


@pytest.mark.parametrize("way", WRITTEN, ids=lambda way: way.__name__)
def test_a_softmax_that_is_written_out(way):
    model = Attention(way)
    plain = model(X)
    recorder = Recorder()
    with torch_module.patched(recorder, model) as account:
        assert torch.equal(model(X), plain)
    assert account == Account(left=account.left)
    assert account.left == {"Attention": 1}
    (call,) = recorder.calls
    scores = (X @ X.mT / 4).numpy()
    kept = np.ones_like(scores, bool) if call.mask is None else call.mask
    assert kept.all() == (way is not exp_mask_sum)
    shift = np.where(kept, call.scores - scores, np.nan)
    np.testing.assert_allclose(np.nanmax(shift, -1), np.nanmin(shift, -1), atol=1e-5)
    exact = Float64()
    with torch_module.patched(exact, model) as account:
        np.testing.assert_allclose(model(X), plain, atol=2e-6)
    assert account.replaced == {"Attention": 1}
    assert exact.count.rows == 14
    with torch_module.patched(lambda s, m: np.zeros_like(s), model):
        assert not model(X).any()


def late(s):
    e = s.exp()
    return (e @ X) / e.sum(-1, keepdim=True)


def plus_one(s):
    e = s.exp()
    return e / (1 + e.sum(-1, keepdim=True)) @ X


def groups(s):
    e = s.exp()
    place = torch.arange(7) % 3
    sums = torch.zeros(2, 7, 3).index_add_(2, place, e)
    return e / sums[..., place] @ X


@pytest.mark.parametrize("way", [late, plus_one, groups], ids=lambda way: way.__name__)
def test_one_that_cannot_be_replaced_is_a_warning_that_names_it(way):
    """Divided after the product, with a sum of more than the row, over groups of elements."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.plain = Attention(lambda s: s.softmax(-1))
            self.odd = nn.Module()
            self.odd.forward = lambda x: way(x @ x.mT / 4)

        def forward(self, x):
            return self.plain(x), self.odd(x)

    model = Both()
    plain = model(X)
    for softmax in (Recorder(), Float64()):
        with (
            pytest.warns(MissedSoftmax, match="softmax of odd stayed float: it is written out"),
            torch_module.patched(softmax, model) as account,
        ):
            _, odd = model(X)
        assert torch.equal(odd, plain[1])
        assert account.heard
        assert set(account.missed) == {"odd"}
    alone = pytest.raises(UsageError, match=r"no softmax of Module was replaced .*: odd|Module \(")
    with alone, torch_module.patched(Float64(), model.odd):
        model.odd(X)


def test_a_module_without_softmax_is_refused():
    model = nn.Linear(16, 16)
    said = r"^no softmax of Linear was replaced or recorded although it ran: none was heard"
    with pytest.raises(UsageError, match=said), torch_module.patched(Float64(), model):
        model(X)
    with (
        pytest.raises(UsageError, match="no softmax of the module"),
        torch_module.patched(Float64()),
    ):
        model(X)
    with (
        pytest.raises(UsageError, match=r"none was heard|log-softmax"),
        torch_module.patched(Float64()),
    ):
        functional.log_softmax(X, -1)


@pytest.mark.parametrize("within", [True, False])
def test_what_did_not_run_is_a_warning(within):
    model = Attention(exp_sum) if within else None
    with (
        pytest.warns(MissedSoftmax, match="it did not run inside the context"),
        torch_module.patched(Float64(), model),
    ):
        pass


def test_no_verdict_on_top_of_an_error():
    with (
        pytest.raises(ZeroDivisionError),
        torch_module.patched(Float64(), nn.Linear(16, 16)) as account,
    ):
        raise ZeroDivisionError
    assert not account.missed


@pytest.mark.parametrize("within", [True, False])
def test_another_thread(within):
    """As for models that are served, or stream what they generate."""
    model = Attention(lambda s: s.softmax(-1))
    with torch.no_grad():
        plain = model(X)
    got = []

    def run():
        with torch.no_grad():
            got.append(model(X))

    exact = Float64()
    recorder = Recorder(exact)
    with torch_module.patched(recorder, model if within else None) as account:
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(recorder.calls) == len(got) == 4
    assert account.replaced.total() == 4
    for one in got:
        assert not torch.equal(one, plain)
        np.testing.assert_allclose(one, plain, atol=2e-6)


def test_two_threads_do_not_share_names():
    one, two = Attention(exp_sum), Attention(exp_sum)
    both = nn.ModuleDict({"one": one, "two": two})
    turn = threading.Barrier(2)
    for module in both.values():
        module.register_forward_pre_hook(lambda *_: print(turn.wait(30)))
    recorder = Recorder()
    with torch_module.patched(recorder, both):
        threads = [threading.Thread(target=m, args=(X,)) for m in both.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(call.layer for call in recorder.calls) == ["one", "two"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_heard():
    model = torch.jit.trace(Attention(lambda s: s.softmax(-1)), X)
    plain = model(X)
    for _ in range(3):  # the first runs are profiled
        with torch_module.patched(Float64(), model) as account:
            np.testing.assert_allclose(model(X), plain, atol=2e-6)
        assert account.replaced.total() == 1


@pytest.mark.filterwarnings("ignore")
def test_what_was_compiled_runs_as_written():
    model = Attention(lambda s: s.softmax(-1))
    compiled = torch.compile(model, backend="aot_eager")
    plain = compiled(X)
    for within in (compiled, model, None):
        with torch_module.patched(lambda s, m: np.zeros_like(s), within) as account:
            assert not compiled(X).any()
        assert account.replaced.total() == 1
    assert torch.equal(compiled(X), plain)


def test_a_log_softmax_is_no_attention():
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = Attention(exp_sum)
            self.classes = nn.LogSoftmax(-1)

        def forward(self, x):
            return self.classes(self.attention(x))

    model = Classifier()
    with torch_module.patched(Float64(), model) as account:
        model(X)
    assert account.replaced == {"attention": 1}
    assert account.other == {"classes": "a log-softmax, of a classifier or a loss"}


def test_a_softmax_with_an_account_gets_it():
    class Kept(Float64):
        account = Account()

    kept = Kept()
    for _ in range(2):
        with torch_module.patched(kept):
            X.softmax(-1)
    assert kept.account.replaced == {"": 2}


def test_an_empty_batch():
    model = Attention(lambda s: s.softmax(-1))
    mha = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    for softmax in (Recorder(), Float64()):
        with torch.no_grad(), torch_module.patched(softmax):
            assert model(X[:0]).shape == (0, 7, 16)
            assert mha(X[:0], X[:0], X[:0])[0].shape == (0, 7, 16)
            heads = X[:0].view(0, 7, 4, 4).mT
            assert functional.scaled_dot_product_attention(heads, heads, heads).shape == heads.shape


def test_nothing_is_said_where_everything_was_heard():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch_module.patched(Float64()) as account:
            X.softmax(-1)
    assert account == Account(replaced=account.replaced)
