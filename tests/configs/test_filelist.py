"""File lists as simulators read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim.configs import UsageError, filelist


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_sv", ".sv").replace("_f", ".f")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_everything_a_list_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IP", str(tmp_path / "ip"))
    put(
        tmp_path,
        top_f="""\
// a comment   # another
+incdir+inc+"more inc"  # two of them
+define+WIDTH=8+FAST
-D DEPTH=4 -define NAME="a b"
/* over
   two lines: gone.sv */ a.sv \\
-y lib +libext+.v+.sv
-v lib/cells.sv -incdir far
-sv
$IP/b.sv ${IP}/c.sv
-f ip/nested.f
-F ip/own.f
""",
        a_sv="",
        lib__cells_sv="",
        ip__b_sv="",
        ip__c_sv="",
        ip__d_sv="",
        e_sv="",
        ip__nested_f="e.sv\n",  # relative to the folder of the first list, as with -f
        ip__own_f="d.sv\n+incdir+.\n",
    )
    found = filelist.read(tmp_path / "top.f")
    names = [str(file.relative_to(tmp_path)) for file in found.files]
    assert names == ["a.sv", "lib/cells.sv", "ip/b.sv", "ip/c.sv", "e.sv", "ip/d.sv"]
    folders = [str(folder.relative_to(tmp_path)) for folder in found.include_dirs]
    assert folders == ["inc", "more inc", "far", "ip"]
    assert found.defines == {"WIDTH": "8", "FAST": "", "DEPTH": "4", "NAME": '"a b"'}
    assert (found.libraries, found.suffixes) == ([tmp_path / "lib"], [".v", ".sv"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("missing.sv", "line 1: there is no file .*missing.sv"),
        ("\n-f nothing.f", "cannot read the file list .*nothing.f': No such file"),
        ("-f a\0b.f", r"cannot read the file list .*a\\x00b\.f': no file can have that name"),
        ("-f top.f", "top.f: the file list names itself"),
        ("$NO_SUCH_PLACE/a.sv", r"line 1: \$NO_SUCH_PLACE is not set"),
        ("-y", "line 1: -y and nothing behind it"),
        ("-timescale=1ns/1ps", "line 1: '-timescale=1ns/1ps' is not understood; a list may have"),
    ],
)
def test_what_is_wrong_with_a_list(text: str, sentence: str, tmp_path: Path):
    put(tmp_path, top_f=text)
    with pytest.raises(UsageError, match=sentence):
        filelist.read(tmp_path / "top.f")
