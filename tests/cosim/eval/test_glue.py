"""GLUE by name: the benchmark's own file layouts, a model's labels, and a run to the end."""

import json
import socket

import numpy as np
import pytest

from softmax_cosim.cli import main
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Golden
from softmax_cosim.eval import Source, hashes, load
from softmax_cosim.eval.statistics import Baseline
from softmax_cosim.eval.tasks import glue, glue_data


def words(text):
    return text.split(" ")


WORDS = words("it was a good bad film and they said so what is the best way to cook rice")
TREE = "( ( it ) ( ( was ) ( a film ) ) )"


def mnli(number, label):
    """All sixteen columns, labels of five people among them."""
    parses = (TREE, TREE, "(ROOT it)", "(ROOT it)")
    sentences = ('they said "so', f"it was {number}")
    return (number, 7, f"{number}c", "travel", *parses, *sentences, *[label] * 5, label)


MNLI_HEAD = words(
    "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse "
    "sentence2_parse sentence1 sentence2 label1 label2 label3 label4 label5 gold_label"
)
MNLI = [mnli(n, ("entailment", "neutral", "contradiction")[n % 3]) for n in range(6)]
STSB_HEAD = words("index genre filename year old_index source1 source2 sentence1 sentence2 score")
MRPC_HEAD = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
ENTAILS = ("entailment", "not_entailment")
MRPC = [(n % 2, 10 + n, 20 + n, 'they said "so what', f"it was {n}") for n in range(5)]
#: Folder, file, rows as the benchmark's own file has them.
FILES = {
    "sst2": ("SST-2", "dev.tsv", [("sentence", "label"), *(("a good film ", 1), ("a bad", 0)) * 3]),
    "mrpc": ("MRPC", "dev.tsv", [MRPC_HEAD, *MRPC]),
    "qqp": (
        *("QQP", "dev.tsv"),
        [
            ("id", "qid1", "qid2", "question1", "question2", "is_duplicate"),
            *((n, 2 * n, 2 * n + 1, 'what is "so', "the\u2028best\x0b", n % 2) for n in range(5)),
        ],
    ),
    "stsb": (
        *("STS-B", "dev.tsv"),
        [
            STSB_HEAD,
            *(
                (
                    n,
                    *words(f"main-captions MSRvid 2012test {n:04} none none"),
                    *said,
                    f"{n * 0.8:.3f}",
                )
                for n, said in enumerate([("a film is good", 'it was "so')] * 6)
            ),
        ],
    ),
    "mnli": ("MNLI", "dev_matched.tsv", [MNLI_HEAD, *MNLI]),
    "mnli-mm": ("MNLI", "dev_mismatched.tsv", [MNLI_HEAD, *MNLI[:4]]),
    "qnli": (
        *("QNLI", "dev.tsv"),
        [
            ("index", "question", "sentence", "label"),
            *((n, "what is best", "they said", ENTAILS[n % 2]) for n in range(4)),
        ],
    ),
    "rte": (
        *("RTE", "dev.tsv"),
        [
            ("index", "sentence1", "sentence2", "label"),
            *((n, "they said so", "so", ENTAILS[n % 2]) for n in range(4)),
        ],
    ),
    "cola": (
        *("CoLA", "dev.tsv"),
        [("gj04", n % 2, "" if n % 2 else "*", f'they "said {n}') for n in range(5)],
    ),
}
HEADED = [name for name in FILES if name != "cola"]


def write(root, name, rows=None, end="\n", mark=""):
    folder, file, own = FILES[name]
    path = root / folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(map(str, row)) for row in (own if rows is None else rows)]
    path.write_bytes((mark + end.join(lines) + end).encode())
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The benchmark's folder, all tasks in it."""
    root = tmp_path_factory.mktemp("glue")
    for name in FILES:
        write(root, name)
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny BERT of random weights with some labels, as a folder."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("models")

    def model(*labels, seed=0, folder=None, kinds=2):
        path = root / (folder or f"{'-'.join(labels) or 'score'}-{kinds}")
        if not path.exists():
            torch.manual_seed(seed)
            vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)]
            config = transformers.BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=16,
                max_position_embeddings=128,
                initializer_range=1.0,
                type_vocab_size=kinds,
                id2label=dict(enumerate(labels or ["LABEL_0"])),
            )
            transformers.BertForSequenceClassification(config).save_pretrained(path)
            (path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
            (path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
        return path

    return model


def labels_of(name):
    return tuple(glue_data.TASKS[name].labels.values())


@pytest.fixture
def offline(monkeypatch):
    def refuse(*args, **more):
        raise AssertionError("something wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


# Files.


def test_there_are_eight_tasks_and_one_in_two_parts():
    assert set(glue_data.TASKS) == set(FILES)
    assert len({folder for folder, _, _ in FILES.values()}) == 8


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_to_the_last_character(data, name):
    folder, file, rows = FILES[name]
    found = glue_data.read(name, data)
    assert found.path == data / folder / file
    layout = glue_data.TASKS[name]
    head, rows = (layout.columns, rows) if name == "cola" else (rows[0], rows[1:])
    assert len(found.texts) == len(found.truth) == len(rows)
    for text, truth, values in zip(found.texts, found.truth, rows, strict=True):
        row = dict(zip(head, map(str, values), strict=True))
        assert text == tuple(row[column] for column in layout.texts)
        if name == "stsb":
            assert truth == float(row["score"])
        else:
            assert list(layout.labels)[int(truth)] == row[layout.label]
    assert glue_data.read(name, data / folder) == found


def test_mrpc_as_microsoft_publishes_it(tmp_path):
    """With a byte-order mark and carriage returns; GLUE's division of it comes first."""
    path = write(tmp_path, "mrpc", end="\r\n", mark="\ufeff")
    test = path.rename(path.with_name("msr_paraphrase_test.txt"))
    found = glue_data.read("mrpc", tmp_path)
    assert found.path == test
    assert found.texts[0] == ('they said "so what', "it was 0")
    assert found.truth == [0, 1, 0, 1, 0]
    write(tmp_path, "mrpc", [MRPC_HEAD, MRPC[1]])
    assert glue_data.read("mrpc", tmp_path).truth == [1]


def test_a_folder_without_the_file(tmp_path):
    with pytest.raises(UsageError, match=r"^there is no dev\.tsv in .*; give with --data"):
        glue_data.read("sst2", tmp_path)


@pytest.mark.parametrize("name", HEADED)
def test_a_column_that_is_missing(tmp_path, name):
    rows = [list(row) for row in FILES[name][2]]
    rows[0][-1] = "other"
    lacking = "#2 String" if name == "mrpc" else glue_data.TASKS[name].label
    path = write(tmp_path, name, rows)
    with pytest.raises(UsageError, match=rf"^{path}, line 1: there is no column '{lacking}'; the"):
        glue_data.read(name, tmp_path)


@pytest.mark.parametrize("column", ["sentence", "label"])
def test_a_column_that_is_there_twice(tmp_path, column):
    path = write(tmp_path, "sst2", [("sentence", "label", column), ("a film", 1, 0)])
    with pytest.raises(UsageError, match=rf"^{path}, line 1: there is twice a column '{column}'; "):
        glue_data.read("sst2", tmp_path)


def test_a_file_is_not_repeated_at_length(tmp_path):
    path = write(tmp_path, "sst2")
    for text in (
        "sentence\tlabel\r" + "fine\t1\r" * 999,
        "x" * 9999,
        "sentence\tlabel\na\t" + "1" * 999,
    ):
        path.write_text(text, newline="")
        with pytest.raises(UsageError) as caught:
            glue_data.read("sst2", tmp_path)
        assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_line_with_another_number_of_columns(tmp_path, name, change):
    rows = list(FILES[name][2])
    wide = len(rows[2])
    rows[2] = rows[2][:-1] if change == "shorter" else (*rows[2], "more")
    path = write(tmp_path, name, rows)
    sentence = rf"^{path}, line 3: {len(rows[2])} columns where there should be {wide}$"
    with pytest.raises(UsageError, match=sentence):
        glue_data.read(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_label_that_is_unknown(tmp_path, name):
    label = glue_data.TASKS[name].label
    rows = [list(row) for row in FILES[name][2]]
    head = list(glue_data.TASKS[name].columns) or rows[0]
    rows[3][head.index(label)] = "6.5"
    path = write(tmp_path, name, rows)
    with pytest.raises(UsageError, match=rf"^{path}, line 4: the {label} is '6\.5'; it should be "):
        glue_data.read(name, tmp_path)


def test_a_score_that_is_no_number(tmp_path):
    rows = [*FILES["stsb"][2][:2], (*FILES["stsb"][2][2][:-1], "nan")]
    write(tmp_path, "stsb", rows)
    with pytest.raises(UsageError, match=r"line 3: the score is 'nan'; it .* from 0 to 5$"):
        glue_data.read("stsb", tmp_path)


def test_a_file_without_examples_or_without_text(tmp_path):
    path = write(tmp_path, "sst2", [("sentence", "label")])
    with pytest.raises(UsageError, match=f"^{path} has no examples$"):
        glue_data.read("sst2", tmp_path)
    path.write_bytes(b"sentence\tlabel\nfine\t1\n\xff\xfe\t1\n")
    with pytest.raises(UsageError, match=rf"^{path}, line 3: this is not UTF-8 text$"):
        glue_data.read("sst2", tmp_path)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=rf"^{path}, line 1: there is no column 'sentence'"):
        glue_data.read("sst2", tmp_path)


# Labels.

MNLI_LABELS = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    ("model", "order"),
    [
        (MNLI_LABELS, [0, 1, 2]),
        (("CONTRADICTION", "Neutral", "entailment"), [2, 1, 0]),
        (("contradiction", "entailment", "neutral"), [2, 0, 1]),
        (("LABEL_0", "LABEL_1", "LABEL_2"), [0, 1, 2]),
        (("LABEL_2", "LABEL_0", "LABEL_1"), [2, 0, 1]),
        (("0", "1", "2"), [0, 1, 2]),
    ],
)
def test_labels_are_known_by_their_names(model, order):
    found, said = glue.place_labels(model, MNLI_LABELS, "glue:mnli")
    assert found == order
    assert ("taken in GLUE's order" in said) == ("n" not in "".join(model))


@pytest.mark.parametrize(
    ("model", "benchmark"),
    [
        (("joy", "anger"), ("negative", "positive")),
        (("negative", "negative"), ("negative", "positive")),
        (("LABEL_1", "LABEL_2"), ("negative", "positive")),
        (("LABEL_0", "positive"), ("negative", "positive")),
        (("negative", "neutral", "positive"), ("negative", "positive")),
        (("negative", "positive"), ()),
    ],
)
def test_other_labels_are_refused(model, benchmark):
    with pytest.raises(UsageError, match=", ".join(model)):
        glue.place_labels(model, benchmark, "glue:sst2")


def test_other_ways_to_write_them():
    assert glue.place_labels(("POS", "NEG"), ("negative", "positive"), "")[0] == [1, 0]
    found = glue.place_labels(("not entailment", "Entailment"), ENTAILS, "")[0]
    assert found == [1, 0]


# Models.


@pytest.fixture(params=FILES)
def task(request, data, models, offline):
    name = request.param
    return load(f"glue:{name}", Source(str(models(*labels_of(name))), data))


def test_every_task_to_the_end(task):
    """Its own softmax, an exact one and a coarse one, and the figures of all three."""
    step = range(len(task))
    own = task.predict(step, None)
    assert json.loads(json.dumps(own)) == own
    assert task.predict(step, None) == own
    exact = Float64()
    ours = task.predict(step, exact)
    np.testing.assert_allclose(ours, own, atol=1e-4)
    assert exact.count.rows > 0
    baseline = Baseline(task, own)
    assert [loss.absolute for loss in baseline.losses(own)] == [0] * len(task.metrics)
    assert baseline.agreement(own) == 1
    coarse = task.predict(step, Golden("rexp_uint2"))
    assert len(baseline.losses(coarse)) == len(task.metrics)
    assert set(hashes(task)) == {
        *("model/config.json", "model/model.safetensors"),
        *("model/tokenizer_config.json", "model/vocab.txt"),
        *(name for name in hashes(task) if name.startswith("data/")),
    }
    assert len(hashes(task)) == 5


def test_metrics_are_the_benchmarks(task):
    wanted = {
        "glue-mrpc": ["F1", "accuracy"],
        "glue-qqp": ["F1", "accuracy"],
        "glue-cola": ["Matthews correlation", "accuracy"],
        "glue-stsb": ["Pearson correlation", "Spearman correlation"],
    }
    assert [m.name for m in task.metrics] == wanted.get(task.name, ["accuracy"])
    truth = [task._examples.truth[place] for place in task._drawn]
    figures = Baseline(task, truth).figures
    assert [figure.value for figure in figures] == pytest.approx([1] * len(figures))


def test_logits_are_those_of_transformers_alone(data, models):
    """Example by example, without padding, in the model's own order of labels."""
    import torch
    import transformers

    folder = models("contradiction", "entailment", "neutral")
    task = load("glue:mnli", Source(str(folder), data))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = glue_data.read("mnli", data)
    said = task.predict(range(len(task)), None)
    for example, place in enumerate(task._drawn):
        with torch.no_grad():
            logits = model(**tokenizer(*found.texts[place], return_tensors="pt")).logits
        assert MNLI_LABELS[said[example]] == model.config.id2label[int(logits.argmax())]


def test_what_is_refused_before_any_forward_pass(data, models, monkeypatch, tmp_path):
    import shutil

    import transformers

    def forward(*args, **more):
        raise AssertionError("a forward pass")

    monkeypatch.setattr(transformers.BertForSequenceClassification, "forward", forward)
    good = models("negative", "positive")
    bad = tmp_path / "bad"

    def refused(task, folder):
        with pytest.raises(UsageError) as caught:
            load(task, Source(str(folder), data))
        (line,) = str(caught.value).splitlines()
        return line

    assert refused("glue:wnli", good).startswith("unknown task glue:wnli; there are: glue:sst2")
    assert refused("glue:sst2", models(*MNLI_LABELS)).startswith("the model has 3 labels")
    assert refused("glue:stsb", good).endswith("fine-tuned to this task")
    assert refused("glue:qnli", good).startswith("the model's labels are negative, positive")
    shutil.copytree(good, bad)
    (bad / "vocab.txt").unlink()
    assert "lacks vocab.txt of its tokenizer" in refused("glue:sst2", bad)
    (bad / "vocab.txt").write_text("\n".join(map(str, range(99))))
    assert "do not belong together" in refused("glue:sst2", bad)
    (bad / "vocab.txt").write_text("only\nthese\n")
    assert "does not work: WordPiece error: Missing [UNK]" in refused("glue:sst2", bad)
    shutil.copy(good / "vocab.txt", bad)
    wanted = f"{bad / 'tokenizer_config.json'}: model_max_length is "
    for longest in (0, -1, 3, "many"):
        config = {"tokenizer_class": "BertTokenizer", "model_max_length": longest}
        (bad / "tokenizer_config.json").write_text(json.dumps(config))
        assert refused("glue:sst2", bad) == f"{wanted}{longest!r}; a number from 4 on is wanted"
    config = {"tokenizer_class": "BertTokenizer", "pad_token": "<new>"}
    (bad / "tokenizer_config.json").write_text(json.dumps(config))
    assert "do not belong together" in refused("glue:sst2", bad)
    one = models(*ENTAILS, kinds=1)
    assert "makes token_type_ids of 1, and its model knows those below 1" in refused(
        "glue:rte", one
    )
    spread = models("nega\ntive", "positive", folder="spread")
    assert refused("glue:sst2", spread).startswith("the model's labels are nega tive, positive")
    assert refused("glue:sst2", "some/model").startswith("some/model is no folder and not in the")


def test_a_model_that_does_not_know_which_token_pads(data, models, tmp_path):
    """Its tokenizer does: GPT-2 takes one example at a time otherwise."""
    transformers = pytest.importorskip("transformers")
    folder = models("negative", "positive")
    config = transformers.GPT2Config(
        vocab_size=len((folder / "vocab.txt").read_text().split()),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=128,
        bos_token_id=1,
        eos_token_id=1,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    assert config.pad_token_id is None
    transformers.GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    task = load("glue:sst2", Source(str(tmp_path), data))
    assert len(task.predict(range(len(task)), None)) == len(task)


def test_from_the_command_line_and_on_with_other_weights(tmp_path, data, models, capsys):
    folder = tmp_path / "model"
    first, second = (
        models("negative", "positive", seed=seed, folder=f"seed-{seed}") for seed in (1, 2)
    )
    folder.symlink_to(first)
    line = ["eval", "glue:sst2", "--model", str(folder), "--data", str(data)]
    line += ["--config", "split_uint8", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(line) == 0
    assert "begun again" not in capsys.readouterr().out
    (task,) = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]
    assert (task["task"], task["examples"]) == ("glue-sst2", 6)
    assert task["cells"][0]["rows"] > 0
    assert len(task["hashes"]) == 5
    folder.unlink()
    folder.symlink_to(second)
    assert main(line) == 0
    assert "begun again" in capsys.readouterr().out
    (again,) = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]
    weights = "model/model.safetensors"
    assert again["hashes"][weights] != task["hashes"][weights]
