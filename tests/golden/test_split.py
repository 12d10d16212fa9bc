"""Method ``split``: exact where it must be, as near to softmax as it claims, never reversed."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from batches import cases
from hypothesis import given
from split_bound import bound, delta, tau
from split_by_definition import log2e, row_sum, split_row
from split_search import ascend, distance, rows_of, two_level_rows

from softmax_cosim.configs import MAX_LEN_LIMIT, PRECISIONS, Config, UsageError
from softmax_cosim.golden import metrics, reference, split, split_tables, tables
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax

FORMATS = split_tables.FORMATS
SCALES = ((16, 8), (16, 15), (16, 12), (16, 0), (12, 6), (8, 4), (8, 0), (4, 2))


def config(
    precision: str, row_exp: bool = False, in_w: int = 16, frac: int = 8, base2: bool = False
) -> Config:
    sizes = {"in_w": in_w, "frac": frac, "max_len": 4096}
    return Config("split", "split", precision, row_exp=row_exp, base2=base2, **sizes)


# The tables.


@pytest.mark.parametrize("bits", range(4, 40))
def test_the_constant_is_log2_of_e(bits: int) -> None:
    assert split_tables.log2e(bits) == log2e(bits)


@pytest.mark.parametrize("name", FORMATS)
def test_every_power_is_a_power_of_two(name: str) -> None:
    """All fractions: a unit or two from the exact power, in [1, 2), never falling."""
    fmt, table = split_tables.form(name), split_tables.power_lines(name)
    segment, t = np.divmod(np.arange(2**fmt.g), 2 ** (fmt.g - fmt.p_seg))
    mantissa = table.entry[segment] + (table.slope[segment] * t >> fmt.p_shift)
    assert mantissa.min() >= 0
    assert mantissa.max() < 2**fmt.mant
    assert (np.diff(mantissa) >= 0).all()
    # Half a unit is the rounding; at int16 the lines are longer than the last bit deserves, and
    # with base 2 slopes and segments are as few as the bound lets them be.
    most = Decimal({"int16": "3.1", "int16_base2": "3.2", "uint8_base2": "1.8"}.get(name, "1.3"))
    with localcontext(prec=40):
        step = (Decimal(2).ln() / 2**fmt.g).exp()
        exact = Decimal(1)
        for value in mantissa.tolist():
            assert abs(value - (exact - 1) * 2**fmt.mant) < most
            exact *= step


@pytest.mark.parametrize("name", FORMATS)
def test_every_reciprocal_is_a_reciprocal(name: str) -> None:
    """All normalised sums: near the exact reciprocal, never rising, never more than the sum's."""
    fmt = split_tables.form(name)
    m, s = 2**fmt.w - 1, np.arange(2**fmt.s, 2 ** (fmt.s + 1), dtype=np.int64)
    r = split.reciprocal(name, s)
    assert (np.diff(r) <= 0).all()
    assert (r < 2**fmt.r).all()
    worst = max(
        abs(Fraction(int(value), 2**fmt.r) * Fraction(int(total), 2**fmt.s) - Fraction(m, m + 1))
        for value, total in zip(r.tolist(), s.tolist(), strict=True)
    )
    assert worst * m < Fraction(7 if name == "int16_base2" else 5, 8)


def test_table_bytes_within_budget() -> None:
    budget = {"uint8": 96, "int16": 288, "uint4": 96, "uint2": 96}
    for precision, most in budget.items():
        for row_exp in (False, True):
            cfg = config(precision, row_exp)
            assert tables.table_bytes(cfg) <= most
            name = split_tables.format_name(cfg)
            bits = 0
            for table in (split_tables.power_lines(name), split_tables.reciprocal_lines(name)):
                assert table.entry.max() < 2**table.entry_bits
                assert table.slope.max() < 2**table.slope_bits
                bits += len(table.entry) * (table.entry_bits + table.slope_bits)
            assert tables.table_bytes(cfg) == -(-bits // 8)


# The accuracy.


@pytest.mark.parametrize("base2", [False, True])
@pytest.mark.parametrize("row_exp", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("in_w", "frac"), SCALES)
def test_the_bound_holds_what_is_claimed(
    precision: str, row_exp: bool, base2: bool, in_w: int, frac: int
) -> None:
    """Every score and every normalised sum gone through: all rows up to 4096 elements."""
    claim = 2 if precision == "int16" and (row_exp or base2) else 1
    assert bound(config(precision, row_exp, in_w, frac, base2)) < claim


def test_the_bound_is_the_one_written_down() -> None:
    bounds = {
        ("uint8", "e"): 0.642,
        ("uint8", "2"): 0.832,
        ("int16", "e"): 0.513,
        ("int16", "2"): 1.598,
    }
    for (precision, base), written in bounds.items():
        found = bound(config(precision, base2=base == "2"))
        assert found == pytest.approx(written, abs=0.001), (precision, base)
    for precision, written in (("uint8", 0.925), ("int16", 1.752)):
        assert bound(config(precision, True)) == pytest.approx(written, abs=0.001)


@pytest.mark.parametrize(
    ("precision", "row_exp", "in_w", "frac", "base2"),
    [
        ("uint8", False, 16, 8, False),
        ("uint8", False, 8, 4, False),
        ("uint8", False, 16, 8, True),
        ("uint8", True, 16, 8, False),
        ("int16", False, 16, 8, False),
        ("int16", False, 16, 8, True),
        ("int16", True, 16, 8, False),
        ("uint4", False, 16, 8, False),
        ("uint2", True, 8, 4, False),
    ],
)
def test_the_worst_rows_that_a_search_finds(
    precision: str, row_exp: bool, in_w: int, frac: int, base2: bool
) -> None:
    """They come near the bound and never pass it; the claim in LSB holds on every one."""
    cfg = config(precision, row_exp, in_w, frac, base2)
    limit, claim = bound(cfg), 2 if precision == "int16" and (row_exp or base2) else 1
    found = two_level_rows(cfg, 200)
    before, after, out = distance(cfg, rows_of(found))
    worst = float(before.max())
    rng = np.random.default_rng(7)
    for row in [found[i] for i in np.argsort(-before)[:2]]:
        error, changed = ascend(cfg, row, 25, rng)
        worst = max(worst, error)
        assert distance(cfg, rows_of([changed]))[1].max() <= claim
    assert 0.7 * limit < worst <= limit
    assert after.max() <= claim
    assert (out.exponent == 0).all() or row_exp


@pytest.mark.parametrize(("precision", "claim"), [("uint8", 1), ("int16", 1)])
@pytest.mark.parametrize("length", [1, 2, 3, 100, MAX_LEN_LIMIT])
def test_the_claim_on_rows_of_every_spread(precision: str, claim: int, length: int) -> None:
    cfg, rng = config(precision), np.random.default_rng(length)
    count = max(4, 40_000 // length)
    spread = rng.choice([0.1, 0.5, 2, 8, 40], (count, 1)) * 2**cfg.frac
    q = np.clip(rng.normal(0, spread, (count, length)), -32768, 32767).astype(np.int32)
    rows = Rows(q.ravel(), np.ones(q.size, np.bool_), np.arange(count + 1) * length)
    assert distance(cfg, rows)[1].max() <= claim


@pytest.mark.parametrize("base2", [False, True])
@pytest.mark.parametrize("row_exp", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_no_order_is_ever_reversed(precision: str, row_exp: bool, base2: bool) -> None:
    """The term of every score there is, octave and power as one number, never falls."""
    cfg = config(precision, row_exp, base2=base2)
    fmt, c = split.form(cfg), split.c(cfg, np.arange(-32768, 32768, dtype=np.int32))
    assert (np.diff(c) >= 0).all()
    assert c.min() >> fmt.g == 1
    assert c.max() >> fmt.g == split.octaves(cfg).last
    term = (c >> fmt.g << fmt.mant) + split.p(cfg, c) - 2**fmt.mant
    assert (np.diff(term) >= 0).all()
    # and so it is with the outputs: all scores in one row of two thousand at a time
    for start in range(0, 65536, 2048):
        q = np.arange(start - 32768, start - 32768 + 2048, dtype=np.int32)
        assert (np.diff(softmax(cfg, Rows.of([q])).y.astype(int)) >= 0).all()


def best_possible(
    p: npt.NDArray[np.float64], cfg: Config, lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Exact softmax rounded to the format, with the best row exponent if it has one."""
    starts = np.cumsum(lengths) - lengths
    exponent = np.zeros(len(lengths))
    if cfg.row_exp:
        largest = np.maximum.reduceat(p, starts)
        exponent = np.clip(np.floor(np.log2((cfg.m + 0.5) / cfg.m / largest)), 0, 15)
    scale = np.repeat(cfg.m * np.exp2(exponent), lengths)
    return np.floor(p * scale + 0.5) / scale


@pytest.mark.parametrize("length", [64, 256, 1024])
@pytest.mark.parametrize(
    ("precision", "row_exp", "published"),
    [
        ("uint8", False, {64: 0.055, 256: 0.160, 1024: 0.357}),
        ("uint8", True, {64: 0.025, 256: 0.053, 1024: 0.103}),
        ("int16", False, {64: 0.0005, 256: 0.0020, 1024: 0.0078}),
        ("int16", True, {64: 0.0002, 256: 0.0005, 1024: 0.0012}),
    ],
)
def test_the_mean_error_is_that_of_the_format(
    precision: str, row_exp: bool, published: dict[int, float], length: int
) -> None:
    """Within 3 % of the least that rounding alone costs, on logits N(0, 2)."""
    cfg, rng = config(precision, row_exp), np.random.default_rng(length)
    codes = quantise(rng.normal(0, 2, (200, length)), None, cfg)
    rows = Rows(codes.q.ravel(), codes.keep.ravel(), np.arange(201) * length)
    exact = reference.of_quantised(cfg, rows)
    out = softmax(cfg, rows)
    lsb = np.ldexp(1 / cfg.m, -out.exponent.astype(np.int32))
    ours, least = (
        metrics.row_errors(exact, o, rows.keep, rows.offsets, lsb).l1.mean()
        for o in (
            out.y * np.repeat(lsb, rows.lengths),
            best_possible(exact, cfg, rows.lengths),
        )
    )
    assert ours < 1.03 * least
    # The figures themselves, as published to a digit or two; they vary with the rows drawn.
    assert least == pytest.approx(published[length], rel=0.1, abs=0.00006)


# The row exponent.


@given(cases(method="split"))
def test_the_exponent_is_the_largest_that_does_not_saturate(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    out = softmax(cfg, rows)
    for n, (a, b) in enumerate(zip(rows.offsets[:-1], rows.offsets[1:], strict=True)):
        y, exponent = split_row(cfg, rows.q[a:b].tolist(), rows.keep[a:b].tolist())
        assert out.exponent[n] == exponent
        assert out.y[a:b].tolist() == y


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_exponent_follows_the_length_of_a_flat_row(precision: str) -> None:
    cfg = config(precision, True)
    rows = Rows.of([[5] * n for n in (1, 2, 4, 64, 4096)] + [[5]])
    out = softmax(cfg, rows)
    assert out.exponent.tolist() == [0, 1, 2, 6, 12, 0]
    assert (out.y >= cfg.m - 1).all()


def test_a_row_that_just_fits() -> None:
    """A sum just below 2: twice the largest element is M and not more, so the exponent is 1."""
    cfg = config("uint8", True)
    q = [0, -1, -1500]
    out = softmax(cfg, Rows.of([q]))
    assert out.stages["top"] == out.stages["max"]
    assert (out.exponent.tolist(), out.y.tolist()[0]) == ([1], cfg.m)
    assert split_row(cfg, q, [True] * 3) == (out.y.tolist(), 1)


def test_a_row_of_nothing_has_no_exponent() -> None:
    out = softmax(config("uint8", True), Rows.of([[1, 2, 3]] * 2, [[False] * 3, [True] * 3]))
    assert out.exponent[0] == 0
    assert not out.y[:3].any()
    assert out.y[3:].any()


@pytest.mark.parametrize("method", ["rexp", "lut2d"])
def test_a_row_exponent_goes_with_split_alone(method: str) -> None:
    with pytest.raises(UsageError, match=f"row_exp goes with method split, not {method}"):
        Config("wrong", method, "uint8", row_exp=True)


# The sum.


def test_terms_below_the_columns_are_lost_and_no_others() -> None:
    cfg = config("int16")
    per_octave = np.log(2) * 2**cfg.frac
    q = np.array([0, *(-round(n * per_octave) for n in (20, 32, 33, 64, 70))], dtype=np.int32)
    rows = Rows.of([q])
    out = softmax(cfg, rows)
    hits = metrics.TableHits()
    hits.update(cfg, rows, out)
    assert (hits.rows, hits.index_last_rows, hits.sum_last_rows) == (1, 1, 0)
    scale = split.octaves(cfg)
    windows = out.stages["o"] // scale.window
    kept = windows > windows[0] - scale.columns
    assert kept.any()
    assert not kept.all()
    short = Rows.of([q[kept]])
    assert softmax(cfg, short).stages["sum"] == out.stages["sum"]
    one_less = Rows.of([q[kept][:-1]])
    assert kept.sum() > 1
    assert softmax(cfg, one_less).stages["top"] == out.stages["top"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_digit_is_in_the_sum_or_lost_as_its_column_says(name: str) -> None:
    """Beside terms that leave nothing to the sum's next bit, some of each size and each octave."""
    base2, row_exp = name.endswith("base2"), name.endswith("rowexp")
    cfg = config(name.split("_")[0], row_exp, base2=base2)
    assert split_tables.format_name(cfg) == name
    fmt, scale = split.form(cfg), split.octaves(cfg)
    size, kept = scale.window, (scale.columns - 1) * scale.window
    foot, one = 2 * kept, 1 << fmt.mant
    full = [(foot - n, one) for n in (0, *range(scale.frac + 1, kept + 1))]
    sums = []
    for octave in range(foot - kept - size, foot + size):
        for power in (one, one + 1, 3 * one // 2, 2 * one - 1):
            for count in (1, 2, 3, 5, 400):
                terms = full + [(octave, power)] * count
                o, p = (np.array(column, np.int64) for column in zip(*terms, strict=True))
                top = np.full(len(o), o.max())
                (found,) = split.total(cfg, o, p, top, np.zeros(1, np.int64)).tolist()
                exact = [(n, Fraction(power, one)) for n, power in terms]
                _, right = row_sum(cfg, exact, int(o.max()), scale.last)
                assert found == right * 2**scale.frac
                sums.append(found - (one << scale.frac - fmt.mant))
    assert 0 in sums
    assert 1 in sums


def test_rows_are_counted_that_lose_an_element_and_not_the_elements() -> None:
    cfg = config("uint8")
    far = -round(70 * np.log(2) * 2**cfg.frac)  # below the columns, wherever the row begins
    rows = Rows.of(
        [[0, far, far, far], [0, far], [0, 0], [far, far, far], [0, far, 0]],
        [[True] * 4, [True, False], [True, True], [True] * 3, [True] * 3],
    )
    hits = metrics.TableHits()
    hits.update(cfg, rows, softmax(cfg, rows))
    assert (hits.rows, hits.index_last_rows) == (5, 2)


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_the_octave_of_a_sum_is_exact_where_floats_are_not(off: int) -> None:
    """From 2**53 on a float holds no longer every integer: one below a power rounds up to it."""
    cfg = config("int16")
    bits = range(split.octaves(cfg).frac, 62)
    total = np.array([2**n + off for n in bits], np.int64)
    leading = [int(value).bit_length() - 1 - split.octaves(cfg).frac for value in total]
    window = split.octaves(cfg).window
    for highest in (1, window, 3 * window - 1):
        foot = highest // window * window
        found = split.top(cfg, np.full(len(total), highest, np.int32), total)
        assert found.tolist() == [foot + octave for octave in leading]


def test_narrow_scores_need_one_column() -> None:
    assert split.octaves(config("uint8", in_w=8, frac=4)).columns == 1
    assert split.octaves(config("uint8", in_w=8, frac=4)).last == 24
    for precision, columns in (("int16", (16, 3)), ("uint8", (8, 4))):
        scale = split.octaves(config(precision))
        assert (scale.window, scale.columns) == columns


def test_the_pieces_of_the_bound_are_positive() -> None:
    for precision in PRECISIONS:
        assert 0 < delta(config(precision)) < 0.5
        assert 0 < tau(config(precision)) < 0.5


# The product without its last bits.


@pytest.mark.parametrize("name", FORMATS)
def test_the_cut_product_rises_with_the_power(name: str) -> None:
    """One more in the power outweighs what one digit can lose; those that wrap lose nothing."""
    fmt = split_tables.form(name)
    assert 2 ** (fmt.r - 1 - fmt.cut) > 1
    p = np.arange(2**fmt.mant, 2 ** (fmt.mant + 1), dtype=np.int64)
    s = np.arange(2**fmt.s, 2 ** (fmt.s + 1), dtype=np.int64)
    for r in np.unique(split.reciprocal(name, s))[:: max(1, 2**fmt.r // 256)]:
        found = split.product(fmt, p, r)
        assert (np.diff(found) > 0).all()
        # what is lost, in units of the last bit that is left
        lost = np.ldexp((p * r).astype(np.float64), -fmt.cut) - found
        digits = range(0, fmt.cut, 2)
        most, added = sum(1 - 2.0 ** (n - fmt.cut) for n in digits), len(digits) // 2
        assert lost.min() >= -added
        assert lost.max() <= most - added


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_comes_out_above_m(name: str) -> None:
    """A row's largest power is no larger than its sum, whatever else the row holds."""
    fmt = split_tables.form(name)
    m = 2**fmt.w - 1
    s = np.arange(2**fmt.s, 2 ** (fmt.s + 1), dtype=np.int64)
    r = split.reciprocal(name, s)
    # The largest power that is not above a sum that truncates to s; one octave further down, any.
    places = fmt.r + fmt.mant - fmt.w - fmt.cut
    below = ((s + 1) << max(fmt.mant - fmt.s, 0)) - 1 >> max(fmt.s - fmt.mant, 0)
    for power, place in ((below, places), (np.full_like(s, 2 ** (fmt.mant + 1) - 1), places + 1)):
        assert (((split.product(fmt, power, r) >> place - 1) + 1) >> 1).max() <= m


@pytest.mark.parametrize("name", [name for name in FORMATS if split_tables.form(name).newton])
def test_unity_lies_below_a_power_of_two_by_less_than_a_leading_one(
    name: str,
) -> None:
    """So that ``unity - (t << s)`` is ``~t`` above it (softmax_reciprocal.sv)."""
    fmt = split_tables.form(name)
    assert fmt.unity >> fmt.s == 2**fmt.r_out - 1


@pytest.mark.parametrize("name", [name for name in FORMATS if split_tables.form(name).newton])
def test_the_newton_error_fits_its_word(name: str) -> None:
    """All normalised sums: ``newton - 9`` bits with a sign hold it (softmax_reciprocal.sv)."""
    fmt, table = split_tables.form(name), split_tables.reciprocal_lines(name)
    s = np.arange(2**fmt.s, 2 ** (fmt.s + 1), dtype=np.int64)
    low, seen = fmt.r_in - fmt.r_seg, (s >> fmt.s - fmt.r_in) & (2**fmt.r_in - 1)
    t = table.entry[seen >> low] - (table.slope[seen >> low] * (seen & (2**low - 1)) >> fmt.r_shift)
    error = (fmt.unity - s * t) >> fmt.s + fmt.r_out - fmt.newton
    half = 2 ** (fmt.newton - 10)
    assert -half <= error.min()
    assert error.max() < half
    assert max(-error.min(), error.max()) >= half // 2


# Base 2.


def test_the_scale_follows_from_the_base_and_is_nobody_elses() -> None:
    octaves, nats = config("uint8", base2=True), config("uint8")
    assert (octaves.scale, nats.scale) == (np.log(2), 1.0)
    assert nats.replace(base2=True) == octaves
    assert octaves.replace(base2=False) == nats
    assert octaves.replace(lanes=4).scale == octaves.scale
    for wrong in ({"scale": float(np.log(2))}, {"base2": True, "scale": 2.0}):
        with pytest.raises(UsageError, match="scale goes with a design of your own"):
            Config("wrong", "split", "uint8", **wrong)
    with pytest.raises(UsageError, match="base2 goes with method split, not rexp"):
        Config("wrong", "rexp", "uint8", base2=True)
