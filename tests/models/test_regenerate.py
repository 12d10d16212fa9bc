"""The committed traces come out of their models again."""

from softmax_cosim import extract


def test_made_again_they_agree():
    assert extract.regenerate()
