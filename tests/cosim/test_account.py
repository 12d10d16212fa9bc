"""What became of every softmax of a model."""

import json
import warnings

import pytest

from softmax_cosim.account import Account, MissedSoftmax


def full():
    account = Account()
    account.replaced["encoder.0"] += 3
    account.left["encoder.1"] += 1
    account.other["head"] = "a classifier"
    account.missed["pool"] = "written out"
    return account


def test_it_survives_json():
    assert Account.from_dict(json.loads(json.dumps(full().as_dict()))) == full()


def test_it_says_what_it_holds():
    said = str(full())
    assert said.startswith("1 layers replaced (3 calls), 1 left to the model (1 calls)")
    assert "1 not attention: head" in said
    assert said.endswith("1 MISSED: pool (written out)")


def test_what_was_missed_is_a_warning_that_names_it():
    with pytest.warns(MissedSoftmax, match="^the softmax of pool stayed float: written out$"):
        full().close(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Account().close(None)


@pytest.mark.filterwarnings("ignore::softmax_cosim.account.MissedSoftmax")
def test_a_softmax_that_keeps_an_account_gets_it():
    class Kept:
        account = full()

    full().close(Kept)
    assert Kept.account.replaced == {"encoder.0": 6}
    assert Kept.account.heard
    assert not Account().heard
