"""A sample of ``make test-families``: every kind of attention that transformers knows."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from tests.models import families  # noqa: E402

#: How many layers are replaced, and how many softmaxes are no attention.
SAMPLE = {
    "albert": (1, 0),  # one layer, twice
    "bert": (2, 0),
    "bloom": (2, 0),
    "clip": (4, 0),
    "gpt_oss": (2, 2),
    "llama": (2, 0),
    "mixtral": (2, 2),
    "siglip": (5, 0),
    "t5": (6, 0),
    "vit": (2, 0),
    "whisper": (6, 0),
}


@pytest.mark.parametrize("family", SAMPLE)
def test_family(family):
    torch.set_num_threads(1)
    found = families.tried(family)
    assert found["outcome"] == "replaced", found
    assert found["identical"]
    assert (found["layers"], found["other"]) == SAMPLE[family]


def test_one_without_softmax_is_refused():
    found = families.tried("fnet")
    assert (found["outcome"], found["why"]) == ("refused", "there is no softmax in it")


def test_what_is_wrong_is_called_wrong(monkeypatch):
    """A softmax that torch itself computes and nobody accounts for."""
    from softmax_cosim.adapters import torch_listen

    monkeypatch.setattr(torch_listen, "SOFTMAXES", ())
    monkeypatch.setattr(torch_listen.Listener, "_refuse_unknown", lambda *_: None)
    found = families.tried("siglip")  # its pooling head is outside of the interface
    assert found["outcome"] == "WRONG"
    assert found["native"] > 0


def test_the_page_counts():
    ran = {"class": "M", "identical": True, "error": 1e-7, "layers": 2, "calls": 3, "other": 1}
    results = {
        "a": ran | {"outcome": "replaced", "missed": {}},
        "b": ran | {"outcome": "WRONG", "missed": {}, "identical": False},
        "c": {"class": "N", "outcome": "refused", "why": "there is no softmax in it"},
        "d": {"outcome": "not tried", "why": "too large"},
    }
    page = families.page(results, 6)
    assert "6 families; 3 ran" in page
    assert "2 were not reached yet" in page
    assert "1 of 2 recorded bit by bit" in page
    assert "1 wrong" in page
    assert "| c | N | – | – | – | – | refused: there is no softmax in it |" in page
    assert "* d: too large" in page
