"""The bench check fails where a replay's ratio grew by more than 15 %, and nowhere else."""

from benchmarks import replay


def test_a_ratio_that_grew_is_told():
    before = {"a": 2.0, "b": 2.0, "gone": 1.0}
    measured = {"a": [9.0, 2.29, 0.1], "b": [2.31, 2.2, 2.4], "new": [99.0]}
    assert replay.slower(measured, before) == [
        "b: a replay takes 2.31 times its simulators, and took 2.00"
    ]
