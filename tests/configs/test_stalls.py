import itertools

import pytest

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.configs.stalls import ALIASES, PATTERNS, SINK, SOURCE, Gate, Pattern, profile


def steps(pattern: Pattern, seed: int, side: int, cycles: int) -> str:
    gate = Gate(pattern, seed, side)
    return "".join(".#"[not gate.step()] for _ in range(cycles))


# A C++ transactor computes the same sequences: these strings are the agreement.
@pytest.mark.parametrize(
    ("name", "seed", "side", "expected"),
    [
        ("light", 1, SOURCE, ".........##.........##....#...........##....##.....#........#..."),
        ("heavy", 7, SINK, "..#######..#.########..######.####.#####.#.#####.######..##.####"),
        ("bursty", -1, SINK, "....................................############################"),
    ],
)
def test_a_seed_means_this_very_sequence(name: str, seed: int, side: int, expected: str) -> None:
    assert steps(PATTERNS[name], seed, side, 64) == expected


def test_sides_and_seeds_differ() -> None:
    sequences = [
        steps(PATTERNS["heavy"], seed, side, 256)
        for seed, side in itertools.product(range(20), (SOURCE, SINK))
    ]
    assert len(set(sequences)) == len(sequences)


@pytest.mark.parametrize("name", PATTERNS)
def test_phases_stay_in_their_ranges(name: str) -> None:
    pattern = PATTERNS[name]
    runs = [(key, len(list(run))) for key, run in itertools.groupby(steps(pattern, 3, 0, 20_000))]
    shut = [length for key, length in runs[:-1] if key == "#"]
    if pattern.always_open:
        assert not shut
    else:  # a skipped open phase joins its neighbours, so only the lower end is strict
        assert min(shut) >= max(pattern.shut[0], 1)
        assert max(shut) > 1


def test_names() -> None:
    assert profile("heavy").source == profile("heavy").sink == PATTERNS["heavy"]
    crossed = profile("light/none")
    assert (crossed.source, crossed.sink) == (PATTERNS["light"], PATTERNS["none"])
    for alias in ALIASES:
        assert profile(alias).name == alias
    for wrong in ("nonsense", "light/nonsense", "/light", "light/light/light", ""):
        with pytest.raises(UsageError, match="stuck"):
            profile(wrong)


@pytest.mark.parametrize("phases", [((0, 0), (0, 0)), ((2, 1), (0, 1)), ((-1, 1), (1, 1))])
def test_impossible_patterns_are_refused(phases: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="phase"):
        Pattern(*phases)
