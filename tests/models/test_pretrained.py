"""The files of a model that the user names."""

import json
from pathlib import Path

import huggingface_hub
import pytest
import torch
import transformers

from softmax_cosim.adapters import pretrained
from softmax_cosim.configs import UsageError


@pytest.fixture
def folder(tmp_path):
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        num_labels=3,
    )
    torch.manual_seed(0)
    path = tmp_path / "model"
    transformers.BertForSequenceClassification(config).save_pretrained(path)
    return path


KIND = "AutoModelForSequenceClassification"


def change(path, edit):
    """Load tensors, let them be edited, save them."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_a_model_is_loaded_whole(folder, capfd):
    model = pretrained.load_model(KIND, pretrained.find(str(folder), hub=False))
    assert not model.training
    assert model.config._attn_implementation == "eager"
    assert set(pretrained.hashes(folder)) == {"model/config.json", "model/model.safetensors"}
    assert capfd.readouterr().err == ""


def test_other_weights_have_another_hash(folder):
    before = pretrained.hashes(folder)
    change(folder / "model.safetensors", lambda tensors: tensors["classifier.bias"].add_(1))
    after = pretrained.hashes(folder)
    assert after["model/config.json"] == before["model/config.json"]
    assert after["model/model.safetensors"] != before["model/model.safetensors"]


def test_missing_weights_are_named(folder):
    change(folder / "model.safetensors", lambda tensors: tensors.pop("classifier.bias"))
    with pytest.raises(UsageError, match=r"lacks weights that .* has: classifier\.bias; give"):
        pretrained.load_model(KIND, folder)
    change(folder / "model.safetensors", lambda tensors: tensors.pop("classifier.weight"))
    with pytest.raises(UsageError, match=r"has: classifier\.bias and 1 more; give"):
        pretrained.load_model(KIND, folder)


def test_weights_of_another_shape(folder):
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"hidden_size": 8', '"hidden_size": 16'))
    sentence = r"^the model .* has bert\.\S+ of shape \[8\], and its config\.json makes it \[16\]; "
    with pytest.raises(UsageError, match=sentence):
        pretrained.load_model(KIND, folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(folder, value):
    change(folder / "model.safetensors", lambda tensors: tensors["classifier.bias"].fill_(value))
    with pytest.raises(UsageError, match=r"has weights that are no numbers: classifier\.bias$"):
        pretrained.load_model(KIND, folder)


def test_a_damaged_file(folder):
    for name in ("model.safetensors", "config.json"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:50])
        with pytest.raises(UsageError, match=r"^cannot load the model [^\n]+$"):
            pretrained.load_model(KIND, folder)
        (folder / name).write_bytes(whole)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
DAMAGED = [
    ("config.json", '{"a": 1,\n}', r"config\.json, line 2: "),
    ("config.json", "[1]", r"config\.json, line 1: a JSON object is wanted, in braces"),
    ("config.json", b"\xff\xfe{}", r"config\.json is no JSON in UTF-8: "),
    ("tokenizer_config.json", "[" * 200_000, r"tokenizer_config\.json is no JSON in UTF-8: "),
    ("generation_config.json", "{", r"generation_config\.json, line 1: "),
    ("model.safetensors", b"", r"model\.safetensors is empty; "),
    ("model.safetensors", b"x" * 50, r"model\.safetensors is no whole file of safetensors: "),
    ("model.safetensors", POINTER, r"model\.safetensors is a pointer of Git LFS and not the file"),
    ("source.spm", "", r"source\.spm is empty; "),
    ("source.spm", POINTER, r"source\.spm is a pointer of Git LFS and not the file; "),
]


@pytest.mark.parametrize(("name", "text", "sentence"), DAMAGED)
def test_every_file_is_looked_at_first(folder, name, text, sentence):
    """Of some transformers would say something untrue, others it would do without in silence."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=rf"^{folder}/{sentence}[^\n]*$"):
        pretrained.find(str(folder), hub=False)


def test_weights_cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=rf"^{path} is no whole file of safetensors: "):
        pretrained.find(str(folder), hub=False)


def test_files_that_nobody_reads_may_be_what_they_like(folder):
    (folder / "modules.json").write_text("[]")
    (folder / "notes.json").write_text("{")
    (folder / "notes.txt").write_text("")
    assert pretrained.find(str(folder), hub=False) == folder


def test_a_file_of_torch_that_is_none(folder):
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    path.write_text("<html>")
    with pytest.raises(UsageError, match=rf"^{path} is no file of torch with tensors alone$"):
        pretrained.load_model(KIND, folder)


def test_nothing_is_looked_up_on_the_hub(tmp_path, monkeypatch):
    """A DETR whose configuration has no more than the name of its backbone."""
    import socket

    def refuse(*args, **more):
        raise AssertionError("something wants the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    config = {"model_type": "detr", "backbone": "some/resnet", "use_timm_backbone": False}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match=r"names what is on the hub alone, which is not asked$"):
        pretrained.load_model("AutoModelForObjectDetection", tmp_path)
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_a_folder_without_a_tokenizer(folder):
    sentence = rf"^the model {folder} lacks vocab\.txt of its tokenizer, a BertTokenizer; copy"
    with pytest.raises(UsageError, match=sentence):
        pretrained.load_tokenizer(folder)
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwords\n")
    assert pretrained.load_tokenizer(folder)("words")["input_ids"] == [2, 5, 3]
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(UsageError, match=rf"^cannot make AutoTokenizer from {folder}: [^\n]+$"):
        pretrained.load_tokenizer(folder)


def test_what_a_library_says_is_one_line_of_some_length():
    long = "\x1b[1mfirst\x1b[0m\n\n" + "more " * 100
    said = pretrained.sentence(ValueError(long))
    assert said.startswith("first more more")
    assert said.endswith("more ...")
    assert len(said) < 250
    assert pretrained.sentence(KeyError()) == "KeyError"


def test_a_tokenizer_of_several_files(folder):
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "RobertaTokenizer"}')
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(UsageError, match=r"^(the model .* lacks|cannot make) [^\n]*$"):
        pretrained.load_tokenizer(folder)


@pytest.mark.parametrize(
    ("name", "sentence"), [("config.json", "no config.json"), ("model.safetensors", "no weights")]
)
def test_a_folder_that_lacks_a_file(folder, name, sentence):
    (folder / name).unlink()
    with pytest.raises(UsageError, match=f"^the model {folder} has {sentence}"):
        pretrained.find(str(folder), hub=False)


def test_a_name_that_is_not_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = []

    def snapshot(name, *, local_files_only, allow_patterns):
        asked.append(local_files_only)
        raise huggingface_hub.errors.LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    sentence = "^some/model is no folder and not in the local cache; give a folder, or allow"
    with pytest.raises(UsageError, match=sentence):
        pretrained.find("some/model", hub=False)
    with pytest.raises(UsageError, match=r"^cannot download some/model: not here$"):
        pretrained.find("some/model", hub=True)
    assert asked == [True, False]


def test_a_name_that_is_in_the_cache(monkeypatch, folder):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **more: str(folder))
    assert pretrained.find("some/model", hub=False) == Path(folder)
