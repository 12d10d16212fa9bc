"""Translators of transformers, tiny and random, on test sets in the layouts that there are."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import sentencepiece as spm
import torch
import transformers

from softmax_cosim.cli import main
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder
from softmax_cosim.eval import Source, load

LINES = """\
The old man walked slowly along the beach and looked at the grey sea.
Please put the blue cups on the table before the guests arrive.
She opened the window because the room had become too warm.
Our train leaves early in the morning.
The children built a small boat out of wood.
""".splitlines()
TINY = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "init_std": 0.3}
TINY |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
TINY |= {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16}


def pieces():
    """A small sentencepiece model: its file's bytes, and the pieces in order."""
    file = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=file, vocab_size=60, minloglevel=2
    )
    model = spm.SentencePieceProcessor(model_proto=file.getvalue())
    return file.getvalue(), [model.id_to_piece(i) for i in range(model.get_piece_size())]


def saved(model, folder):
    torch.manual_seed(3)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder


def marian(folder, *more):
    """A Helsinki-NLP model's files, with tokens of languages if there are ``more``."""
    folder.mkdir()
    proto, words = pieces()
    order = ["</s>", "<unk>", *more, *(w for w in words if w not in ("<s>", "</s>", "<unk>"))]
    vocabulary = {word: number for number, word in enumerate([*order, "<pad>"])}
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(proto)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "MarianTokenizer"}')
    pad = vocabulary["<pad>"]
    config = transformers.MarianConfig(
        **TINY,
        vocab_size=len(vocabulary),
        max_position_embeddings=64,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        bos_token_id=None,
        forced_eos_token_id=0,
    )
    model = transformers.MarianMTModel(config)
    model.generation_config.num_beams = 4  # as those models are released
    return saved(model, folder)


def t5(folder):
    _, words = pieces()
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(w, -float(n)) for n, w in enumerate(words) if w not in ("<s>", "</s>", "<unk>")]
    tokenizer = transformers.T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(folder)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
    )
    return saved(transformers.T5ForConditionalGeneration(config), folder)


def m2m(folder):
    folder.mkdir()
    proto, words = pieces()
    (folder / "sentencepiece.bpe.model").write_bytes(proto)
    order = ["<s>", "<pad>", "</s>", "<unk>"]
    order += [word for word in words if word not in order]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(order)}))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "M2M100Tokenizer"}')
    config = transformers.M2M100Config(
        **TINY, vocab_size=len(order) + 108, max_position_embeddings=64
    )
    return saved(transformers.M2M100ForConditionalGeneration(config), folder)


def nllb(folder):
    letters = sorted({letter for line in LINES for letter in line.replace(" ", "▁")})
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    vocabulary |= {letter: 4 + number for number, letter in enumerate(letters)}
    tokenizer = transformers.NllbTokenizer(vocab=vocabulary, merges=[])
    tokenizer.save_pretrained(folder)
    config = transformers.M2M100Config(
        **TINY, vocab_size=len(tokenizer), max_position_embeddings=128
    )
    return saved(transformers.M2M100ForConditionalGeneration(config), folder)


MODELS = {made.__name__: made for made in (marian, t5, m2m, nllb)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: made(folder / name) for name, made in MODELS.items()}


@pytest.fixture
def wmt(tmp_path):
    """As ``sacrebleu -t wmt14 -l en-de --echo src`` leaves it behind."""
    return written(tmp_path / "wmt14", {"wmt14.en-de.src": LINES, "wmt14.en-de.ref": LINES})


def written(folder, files):
    folder.mkdir()
    for name, lines in files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_translates_and_its_softmax_can_be_replaced(models, wmt, name):
    task = load("translation", Source(str(models[name]), wmt))
    assert (task.name, len(task)) == ("translation-en-de", len(LINES))
    own = task.predict(range(4), None)
    before, after = Recorder(Float64()), Recorder(lambda s, m: np.full(s.shape, 1 / s.shape[-1]))
    assert task.predict(range(4), before) == own
    task.predict(range(4), after)
    # Two layers of the encoder, two attentions of the decoder's one: its own and the other
    assert len({call.layer for call in before.calls}) == 2 + (4 if name == "t5" else 2)
    np.testing.assert_array_equal(before.calls[0].scores, after.calls[0].scores)
    assert np.abs(before.calls[1].scores - after.calls[1].scores).max() > 0.01
    assert not any("__de__" in text or "deu_Latn" in text for text in own)
    assert json.loads(json.dumps(own)) == own


def test_what_is_said_is_what_generate_says_greedily(models, wmt):
    """Whatever number of beams the model was released with; and one sentence at a time."""
    task = load("translation", Source(str(models["marian"]), wmt))
    tokenizer = transformers.AutoTokenizer.from_pretrained(models["marian"])
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(models["marian"]).eval()
    assert model.generation_config.num_beams == 4
    for said, sentence in zip(task.predict(range(3), None), task._sources, strict=False):
        inputs = tokenizer([sentence], return_tensors="pt")
        most = 2 * inputs["input_ids"].shape[1] + 32
        greedy = model.generate(
            **inputs, num_beams=1, do_sample=False, max_new_tokens=min(most, 63)
        )
        alone = tokenizer.decode(greedy[0], skip_special_tokens=True).strip()
        assert said.startswith(alone[: len(alone) // 2])


def test_the_model_is_told_the_languages(models, wmt, tmp_path):
    def translator(name, pair=""):
        return load(f"translation:{pair}", Source(str(models[name]), plain))._translate.__self__

    plain = written(tmp_path / "plain", {"src.txt": LINES, "ref.txt": LINES})
    assert translator("t5", "en-de")._prefix == "translate English to German: "
    assert translator("marian", "")._prefix == ""
    said = translator("m2m", "de-fr")
    assert said._tokenizer.src_lang == "de"
    assert said._greedy.forced_bos_token_id == said._tokenizer.get_lang_id("fr")
    said = translator("nllb", "en-cs")
    assert said._tokenizer.src_lang == "eng_Latn"
    token = said._tokenizer.convert_ids_to_tokens(said._greedy.forced_bos_token_id)
    assert token == "ces_Latn"
    both = marian(tmp_path / "several", ">>deu<<", ">>fra<<")
    task = load("translation:en-fra", Source(str(both), plain))
    assert task._translate.__self__._prefix == ">>fra<< "
    for name in ("t5", "m2m", "nllb"):
        with pytest.raises(UsageError, match=r"has several languages, .* translation:en-de$"):
            translator(name)
        with pytest.raises(UsageError, match=r"does not know the language 'xx'$"):
            translator(name, "en-xx")
    with pytest.raises(UsageError, match=r"several does not know the language 'es'$"):
        load("translation:en-es", Source(str(both), plain))


def test_the_command_makes_a_report_with_the_hashes(models, wmt, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["translation", "--model", str(models["marian"]), "--data", str(wmt)]
    assert main(["eval", *words, "--config", "rexp_uint4", "--jobs", "1", "--out", str(out)]) == 0
    (task,) = json.loads((out / "results.json").read_text())["tasks"]
    assert (task["task"], task["examples"]) == ("translation-en-de", 5)
    assert set(task["hashes"]) == {
        *(f"model/{n}" for n in ("config.json", "generation_config.json", "model.safetensors")),
        *(f"model/{n}" for n in ("source.spm", "target.spm", "tokenizer_config.json")),
        *("model/vocab.json", "data/wmt14.en-de.src", "data/wmt14.en-de.ref"),
    }


# Refusals, before any forward pass.


@pytest.mark.parametrize(
    ("model", "name"),
    [
        *(("marian", name) for name in ("source.spm", "target.spm", "vocab.json")),
        *(("m2m", name) for name in ("sentencepiece.bpe.model", "vocab.json")),
    ],
)
def test_a_tokenizer_without_a_file(models, wmt, tmp_path, model, name):
    folder = shutil.copytree(models[model], tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(UsageError, match=rf"^the model {folder} lacks {name} of its tokenizer, a"):
        load("translation", Source(str(folder), wmt))


def test_a_tokenizer_that_is_broken(models, wmt, tmp_path):
    folder = shutil.copytree(models["marian"], tmp_path / "model")
    (folder / "source.spm").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"^cannot make AutoTokenizer from .*source\.spm$"):
        load("translation", Source(str(folder), wmt))


def test_tokens_that_the_model_does_not_have(models, wmt, tmp_path):
    """Seen in the sentences: a word more than the model has, unused, does no harm."""
    folder = shutil.copytree(models["marian"], tmp_path / "model")
    words = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(words | {"unheard": 999}))
    assert len(load("translation", Source(str(folder), wmt))) == len(LINES)
    (folder / "vocab.json").write_text(json.dumps({w: i + 900 * (i > 5) for w, i in words.items()}))
    sentence = rf"^{wmt}/wmt14\.en-de\.src, line 1: the tokenizer of {folder} makes token 9\d\d of"
    with pytest.raises(UsageError, match=sentence):
        load("translation", Source(str(folder), wmt))


SEARCHES = [
    {"num_return_sequences": 3},
    {"return_dict_in_generate": True, "output_scores": True},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"prompt_lookup_num_tokens": 3},
    {"force_words_ids": [[5]]},
    {"stop_strings": ["a"]},
    {"max_time": 1e-5},
    {"min_new_tokens": 60},
    {"no_repeat_ngram_size": 2, "repetition_penalty": 3.0},
]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: next(iter(search)))
def test_how_a_model_was_released_to_search_is_not_taken(models, wmt, tmp_path, search):
    own = load("translation", Source(str(models["marian"]), wmt)).predict(range(3), None)
    folder = shutil.copytree(models["marian"], tmp_path / "model")
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | search))
    assert load("translation", Source(str(folder), wmt)).predict(range(3), None) == own


@pytest.mark.parametrize("start", [None, 999, -1])
def test_a_translation_that_begins_with_no_token(models, wmt, tmp_path, start):
    folder = shutil.copytree(models["marian"], tmp_path / "model")
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"decoder_start_token_id": start}))
    with pytest.raises(UsageError, match=rf"^{path}: decoder_start_token_id is {start}; one of "):
        load("translation", Source(str(folder), wmt))


def test_weights_that_are_missing(models, wmt, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(models["marian"], tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["model.encoder.layers.1.fc1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"lacks weights .* model\.encoder\.layers\.1\.fc1\.wei"):
        load("translation", Source(str(folder), wmt))


def test_a_sentence_too_long_is_named(models, tmp_path):
    data = written(tmp_path / "d", {"src.txt": [LINES[0], "word " * 90], "ref.txt": ["a", "b"]})
    sentence = rf"^{data / 'src.txt'}, line 2: \d+ tokens; the model .* takes 64$"
    with pytest.raises(UsageError, match=sentence):
        load("translation", Source(str(models["marian"]), data))


def test_the_command_refuses_without_a_word_more(models, tmp_path, capsys):
    data = written(tmp_path / "data", {"src.txt": LINES, "ref.txt": LINES[:4]})
    out = tmp_path / "out"
    words = ["eval", "translation", "--model", str(models["marian"]), "--data", str(data)]
    assert main([*words, "--out", str(out)]) == 2
    assert not Path(out).exists()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "src.txt has 5 lines" in said.err
