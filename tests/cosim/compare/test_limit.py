"""The grammar of ``--fail-on``."""

import operator
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from softmax_cosim.compare.limit import Limit, parse
from softmax_cosim.configs import UsageError

OPERATORS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
#: Names of designs are ends of paths: anything but a line's end, and no blanks around them.
DESIGNS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12)
FIGURES = st.from_regex(r"[a-z_][a-z0-9_-]{0,6}(\.[a-z0-9_-]{1,6}){0,2}", fullmatch=True)
LIMITS = st.builds(
    Limit, FIGURES, st.sampled_from(list(OPERATORS)), NUMBERS, DESIGNS,
    st.sampled_from(["value", "delta", "factor"]),
)  # fmt: skip


@given(LIMITS)
def test_what_is_written_is_read_back(limit):
    assert parse(str(limit)) == limit


@given(LIMITS, st.text(" \t", max_size=3))
def test_blanks_mean_nothing(limit, blanks):
    assume(not limit.design)
    text = str(limit)
    for part in (limit.operator, "x") if limit.kind == "factor" else (limit.operator,):
        place = text.rindex(part)
        text = f"{text[:place]}{blanks}{part}{blanks}{text[place + len(part) :]}"
    assert parse(f"{blanks}{text}{blanks}") == limit


@given(st.text(max_size=30))
def test_any_text_is_a_limit_or_one_sentence(text):
    try:
        limit = parse(text)
    except UsageError as error:
        said = str(error)
    else:
        assert parse(str(limit)) == limit
        return
    assert "--fail-on" in said
    assert "\n" not in said


@given(st.sampled_from(list(OPERATORS)), NUMBERS, NUMBERS, NUMBERS)
def test_operators_are_those_of_numbers(sign, number, value, before):
    holds = OPERATORS[sign]
    assert Limit("a", sign, number).broken(value) == holds(value, number)
    assert Limit("a", sign, number, "", "delta").broken(value, before) == holds(
        value - before, number
    )
    assert Limit("a", sign, number, "", "factor").broken(value, before) == holds(
        value, number * before
    )


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("total.l1 > 0.02", Limit("total.l1", ">", 0.02)),
        ("lost_rows!=0", Limit("lost_rows", "!=", 0)),
        ("split_uint8: latency.p99 >= 3e2", Limit("latency.p99", ">=", 300, "split_uint8")),
        ("c:/a b/my.toml: total.l1<.5", Limit("total.l1", "<", 0.5, "c:/a b/my.toml")),
        ("a > b: kl > 1", Limit("kl", ">", 1, "a > b")),
        ("delta total.l1 > -0.001", Limit("total.l1", ">", -0.001, "", "delta")),
        ("total.l1 > 1.05x", Limit("total.l1", ">", 1.05, "", "factor")),
        ("translation-pten.loss > 1", Limit("translation-pten.loss", ">", 1)),
        ("delta > 1", Limit("delta", ">", 1)),
    ],
)
def test_examples(text, limit):
    assert parse(text) == limit


@pytest.mark.parametrize(
    "text",
    [
        "", "total.l1", "> 1", "total.l1 > ", "total.l1 > x", "total.l1 >> 1", "total.l1 = 1",
        "total.l1 > 1 and lost_rows > 0", "total.l1 > nan", "total.l1 > inf", "total.l1 > 1e999",
        ": total.l1 > 1", "delta total.l1 > 1.05x", "total.l1 > 1.05 y", "1 < total.l1",
        "total..l1 > 1\nx > 2", "split: : > 1",
    ],
)  # fmt: skip
def test_what_is_no_limit(text):
    with pytest.raises(UsageError, match=re.escape(repr(text))):
        parse(text)
