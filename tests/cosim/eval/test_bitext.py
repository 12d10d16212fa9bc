"""Test sets of sentences and translations, in the layouts that there are."""

import pytest

from softmax_cosim.configs import UsageError
from softmax_cosim.eval.tasks import bitext

LINES = ["One sentence.", "Another.", "Eine.", "Noch eine.", "The last."]


def written(folder, files):
    folder.mkdir()
    for name, lines in files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def test_layouts(tmp_path):
    two = [LINES[:2], LINES[2:4]]
    names = {
        "new": ("wmt17.en-de.src", "wmt17.en-de.ref"),
        "subset": ("wmt14_full.en-de.src", "wmt14_full.en-de.ref"),
        "old": ("en-de.en", "en-de.de"),
    }
    for name, files in names.items():
        folder = written(tmp_path / name, dict(zip(files, two, strict=True)))
        (folder / "wmt17.en-de.docid").write_text("a\nb\n")
        (folder / "raw").mkdir()
        found = bitext.read(folder)
        assert found.languages == ("en", "de")
        assert found.rows == list(zip(*two, strict=True))
        assert [path.name for path in found.files] == list(files)
    folder = written(tmp_path / "plain", {"src.txt": two[0], "ref.txt": two[1]})
    assert bitext.read(folder).languages is None
    assert bitext.read(folder, "pt-en").languages == ("pt", "en")


def test_several_references_are_all_taken(tmp_path):
    folder = written(
        tmp_path / "wmt21",
        {"wmt21.de-en.src": ["a"], "wmt21.de-en.ref-0": ["b"], "wmt21.de-en.ref-1": ["c"]},
    )
    assert bitext.read(folder).rows == [("a", "b", "c")]


def test_a_line_ends_at_a_line_feed_alone(tmp_path):
    """What Unicode calls a separator stands within sentences of WMT."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "src.txt").write_bytes("one\u2028two\x0cthree\r\nfour\n".encode())
    (folder / "ref.txt").write_bytes(b"eins zwei drei\nvier")
    rows = bitext.read(folder).rows
    assert rows == [("one\u2028two\x0cthree", "eins zwei drei"), ("four", "vier")]


def test_a_byte_order_mark_is_no_part_of_the_first_sentence(tmp_path):
    folder = written(tmp_path / "plain", {"src.txt": ["\ufeffone", "two"], "ref.txt": ["a", "b"]})
    assert bitext.read(folder).rows == [("one", "a"), ("two", "b")]


def test_a_line_that_is_blank_on_both_sides_stays(tmp_path):
    folder = written(tmp_path / "plain", {"src.txt": ["one", ""], "ref.txt": ["a", ""]})
    assert bitext.read(folder).rows == [("one", "a"), ("", "")]


REFUSED = [
    ({"a.txt": ["x"]}, "", r"{0} holds no test set: no NAME\.en-de\.src with .*"),
    ({"src.txt": ["x"]}, "", r"{0} holds no test set: .*"),
    ({"src.txt": ["x"] * 3, "ref.txt": ["y"] * 2}, "",
     r"{0}/src\.txt has 3 lines and {0}/ref\.txt 2: line 3 of src\.txt has nothing beside it"),
    ({"en-de.en": ["x"], "en-de.de": ["y"] * 2}, "",
     r"{0}/en-de\.de has 2 lines and {0}/en-de\.en 1: line 2 of en-de\.de has nothing beside it"),
    ({"src.txt": [], "ref.txt": []}, "", r"{0}/src\.txt is empty; give a sentence a line"),
    ({"src.txt": ["", ""], "ref.txt": ["", ""]}, "", r"{0}/src\.txt is empty; give a sentence .*"),
    ({"src.txt": ["x", "y"], "ref.txt": ["x", " "]}, "",
     r"{0}/ref\.txt, line 2: blank, and that of src\.txt is not"),
    ({"w.en-de.src": ["", "y"], "w.en-de.ref-0": ["", "y"], "w.en-de.ref-1": ["x", "y"]}, "",
     r"{0}/w\.en-de\.src, line 1: blank, and that of w\.en-de\.ref-1 is not"),
    ({"w.en-de.src": ["x"]}, "", r"{0}/w\.en-de\.src has no w\.en-de\.ref beside it, nor .*"),
    ({"en-de.en": ["x"]}, "", r"{0}/en-de\.en has no en-de\.de beside it"),
    ({"en-de.en": ["x"], "en-de.de": ["y"]}, "en-fr", r"{0} holds the pairs en-de; not en-fr"),
    ({"en-de.en": ["x"], "en-de.de": ["y"]}, "german", r"'german' is no pair of languages; .*"),
    ({"w.en-de.src": ["x"], "w.en-de.ref": ["x"], "w.de-en.src": ["x"], "w.de-en.ref": ["x"]}, "",
     r"{0} holds the pairs de-en, en-de; choose one, as in translation:de-en"),
    ({"v.en-de.src": ["x"], "v.en-de.ref": ["x"], "w.en-de.src": ["x"], "w.en-de.ref": ["x"]}, "",
     r"{0} holds two test sets of en-de: v\.en-de\.src, w\.en-de\.src; give a folder with one"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "pair", "sentence"), REFUSED)
def test_folders_that_are_refused(tmp_path, files, pair, sentence):
    folder = written(tmp_path / "data", files)
    with pytest.raises(UsageError, match=f"^{sentence.format(folder)}$"):
        bitext.read(folder, pair)


def test_text_that_is_not_utf_8_is_named_by_its_line(tmp_path):
    folder = written(tmp_path / "data", {"src.txt": LINES, "ref.txt": LINES})
    (folder / "ref.txt").write_bytes(b"one\ntwo\nth\xffree\nfour\nfive\n")
    with pytest.raises(UsageError, match=rf"^{folder}/ref\.txt, line 3: not UTF-8; convert"):
        bitext.read(folder)
