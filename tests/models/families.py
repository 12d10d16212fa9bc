"""Every family of transformers that can be built small: ``make test-families``.

``python -m tests.models.families [family ...]`` goes through them, keeps what it found in
``build/families.json`` (a second run does what is missing) and writes ``docs/families.md``.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from softmax_cosim.account import MissedSoftmax
from softmax_cosim.adapters import huggingface
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

RESULTS = Path("build/families.json")
PAGE = Path("docs/families.md")
SECONDS = 30
LARGEST = 20_000_000
"""Parameters of a model that is called small."""
TOLERANCE = 1e-4
"""Of the exact softmax against the model's own, of the largest output or 1."""

SIZES = (
    (r"(hidden_size|d_model|n_embd|embed_dim|dim|hidden_dim|width|embedding_size|n_state)$", 32),
    (r"(encoder|decoder|vision|text|audio|projection|mlp|entity_emb|cross_attention)_.*dim$", 32),
    (r"(num_key_value_heads|num_kv_heads|n_head_kv)$", 2),
    (r"(attention_heads|num_heads|n_heads?|n_head|num_attention_heads)$", 4),
    (r"(head_dim|d_kv|d_head|qk_nope_head_dim|v_head_dim|qk_rope_head_dim|kv_channels)$", 8),
    (r"(?<!extract_)(?<!adapter_)(layers|n_layers?|n_layer|num_blocks|num_hidden_groups)$", 2),
    (r"(intermediate_size|ffn_dim|d_ff|n_inner|ffn_hidden_size|feedforward_channels)$", 48),
    (r"(num_experts|n_routed_experts|num_local_experts|moe_num_experts)$", 4),
    (r"(experts_per_tok\w*|moe_top_?k|moe_k|n_group|topk_group)$", 1),
    (r"(q_lora_rank|kv_lora_rank)$", 16),
    (r"^(vocab_size|\w+_vocab_size|vocab_size\w*|n_vocab)$", 99),
    (r"^(image_size|img_size|input_size|video_size)$", 64),
    (r"^(num_queries|num_detections_per_image)$", 6),
    (r"^(spectrogram_length|max_source_positions)$", 32),
)
RESNET = {
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "out_features": ["stage2", "stage3", "stage4"],
}
TOKEN = re.compile(r"_token_(id|index)$|^(image|video|audio|eoi|boi)_token_id$")
LENGTH = 16


class TooSlow(Exception):
    """A family that takes longer than it may."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise where something takes too much of the processor's time."""

    def late(*_: Any) -> None:
        raise TooSlow(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


#: Ways to shrink: patterns that are left alone, and sizes instead of those above.
WAYS: tuple[tuple[str, dict[int, int]], ...] = (
    ("", {}),
    ("head_dim|d_kv|lora_rank", {}),
    ("head_dim|d_kv|kv_heads|vision", {32: 256, 4: 2, 48: 64}),
)


def small(kind: Any, way: int = 0) -> dict[str, Any]:
    """Arguments that make a configuration small."""
    leave, instead = WAYS[way]
    default = kind()
    given: dict[str, Any] = {}
    token = 3
    for key, value in vars(default).items():
        part = kind.sub_configs.get(key)
        if key == "backbone_config" and "resnet" in str(value or "resnet").lower():
            given[key] = RESNET | {"model_type": "resnet"}
            if hasattr(value, "downsample_in_bottleneck") and value.model_type != "resnet":
                given[key]["model_type"] = value.model_type
        elif key == "encoder_in_channels":
            given[key] = RESNET["hidden_sizes"][1:]
        elif key == "backbone_config" and value is not None:
            given[key] = small(type(value), way) | {"model_type": value.model_type}
        elif part is not None and value is not None:
            given[key] = small(type(value), way) | (
                {"model_type": value.model_type} if value.model_type else {}
            )
        elif isinstance(value, bool):
            continue
        elif TOKEN.search(key) and isinstance(value, int):
            given[key], token = (token, token + 1) if value > 2 else (value, token)
        elif isinstance(value, int):
            for pattern, size in SIZES:
                if re.search(pattern, key) and not (leave and re.search(leave, pattern)):
                    given[key] = min(value, instead.get(size, size)) if value > 0 else value
                    break
    return given


def build(family: str, way: int = 0) -> Any:
    """A small model of a family, with random weights.

    Raises:
        ValueError: there is none, or it is not small.
    """
    kind = transformers.CONFIG_MAPPING[family]
    try:
        config = kind(**small(kind, way))
    except Exception:
        config = kind()
    for name in ("MODEL_MAPPING", "MODEL_FOR_PRETRAINING_MAPPING"):
        mapping = getattr(transformers, name)
        if kind in mapping:
            found = mapping[kind]
            break
    else:
        raise ValueError("the library has no base model of it")
    found = found[0] if isinstance(found, tuple) else found
    with torch.device("meta"):
        size = sum(p.numel() for p in found(config).parameters())
    if size > LARGEST:
        raise ValueError(f"{size / 1e6:.0f} million parameters after shrinking")
    torch.manual_seed(0)
    return found(config).eval()


def inputs_for(model: Any) -> Iterator[dict[str, Any]]:
    """What the model may want, the likeliest first."""
    config, main = model.config, model.main_input_name
    vision = getattr(config, "vision_config", config)
    ids = torch.arange(10, 10 + LENGTH)[None]
    size = getattr(vision, "image_size", 64) or 64
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    pixels = torch.randn(1, getattr(vision, "num_channels", 3) or 3, height, width)
    pair = {"decoder_input_ids": ids} if config.is_encoder_decoder else {}
    text = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    mels = getattr(config, "num_mel_bins", None) or getattr(config, "feature_size", 80)
    positions = getattr(config, "max_source_positions", 32)
    both = {"pixel_values": pixels} | text
    if main == "input_ids":
        yield text | pair
        yield {"input_ids": ids}
        yield both | pair
        yield text | {"bbox": torch.zeros(1, LENGTH, 4, dtype=torch.long)}
        yield both | {"bbox": torch.zeros(1, LENGTH, 4, dtype=torch.long)}
    if main == "pixel_values":
        yield {"pixel_values": pixels} | pair
        yield both
        yield {"pixel_values": torch.randn(1, 3, 224, 224)}
        yield {"pixel_values": torch.randn(1, 4, 3, height, width)}
    if main == "input_values":
        yield {"input_values": torch.randn(1, 4000)} | pair
        yield {"input_values": torch.randn(1, 1, 4000)}
        yield {"input_values": torch.randn(1, LENGTH, mels)}
        yield {"input_values": torch.randn(1, getattr(config, "max_length", 64) or 64, mels)}
    if main in ("input_features", "audio_values"):
        yield {main: torch.randn(1, mels, 2 * positions)} | pair
        yield {main: torch.randn(1, 4 * LENGTH, mels)} | pair
        yield {main: torch.randn(1, 4 * LENGTH, 160)} | pair
    yield text
    yield {"pixel_values": pixels}
    yield both
    yield {"pixel_values": pixels, "input_ids": ids} | pair
    yield {"past_values": torch.randn(1, getattr(config, "context_length", 32) or 32, 1)}
    yield {"past_values": torch.randn(1, getattr(config, "context_length", 32) or 32)}
    yield {"input_features": torch.randn(1, 4 * LENGTH, mels)} | text


def flat(output: Any) -> list[Any]:
    """All floating tensors of an output."""
    if isinstance(output, torch.Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = list(output.values())
    return [t for one in output for t in flat(one)] if isinstance(output, list | tuple) else []


def identical(these: list[Any], those: list[Any]) -> bool:
    """Whether two outputs are equal, bit by bit."""
    pairs = zip(these, those, strict=True)
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


class Native(TorchDispatchMode):
    """Counts the softmaxes that torch itself computes: independent of what the adapter says."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        words = ("_softmax.", "_safe_softmax", "_scaled_dot_product", "_native_multi_head")
        name = func.name().removeprefix("aten::") + "."
        self.count += name.startswith(words)
        return func(*args, **(kwargs or {}))


def runnable(model: Any) -> dict[str, Any]:
    """Inputs with which the model runs.

    Raises:
        ValueError: none was found, with what the likeliest came to.
    """
    first = ""
    for inputs in inputs_for(model):
        try:
            with torch.no_grad():
                torch.manual_seed(0)
                if flat(model(**inputs)):
                    return inputs
        except TooSlow:
            raise
        except Exception as error:
            first = first or said(error)
    raise ValueError(first or "no floating output")


def said(error: BaseException) -> str:
    """An error in one line."""
    line = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {line}"[:160]


def check(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run the model as it is, recorded, and with the exact softmax."""

    def run() -> list[Any]:
        torch.manual_seed(0)
        with torch.no_grad():
            return flat(model(**inputs))

    with Native() as native:
        plain = run()
    result: dict[str, Any] = {"class": type(model).__name__, "softmaxes": native.count}
    if any(
        not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(run(), plain, strict=True)
    ):
        return result | {"outcome": "not tried", "why": "two runs of the model differ"}
    with warnings.catch_warnings(record=True) as said_aloud:
        warnings.simplefilter("always")
        try:
            recorder = Recorder()
            with huggingface.attention(model, recorder) as left:
                recorded = run()
            with Native() as native, huggingface.attention(model, Float64()) as account:
                exact = run()
        except UsageError as error:
            true = "no softmax of" in str(error) and not result["softmaxes"]
            why = "there is no softmax in it" if true else str(error)
            return result | {"outcome": "refused", "why": why}
    missed = {str(w.message) for w in said_aloud if issubclass(w.category, MissedSoftmax)}
    pairs = list(zip(plain, exact, strict=True))
    off = max(
        float((a - b).nan_to_num().abs().max() / max(1.0, float(a.nan_to_num().abs().max())))
        for a, b in pairs
        if a.numel()
    )
    same = identical(recorded, plain)
    unexplained = native.count > 0 and not account.other and not account.missed
    told = {bool(account.missed), bool(left.missed), bool(missed)} in ({True}, {False})
    good = same and off < TOLERANCE and not unexplained and told
    good = good and left.left.keys() == account.replaced.keys()
    return result | {
        "outcome": ("named" if account.missed else "replaced") if good else "WRONG",
        "identical": same,
        "error": off,
        "layers": len(account.replaced),
        "calls": account.replaced.total(),
        "other": len(account.other),
        "missed": dict(account.missed),
        "native": native.count,
    }


def tried(family: str) -> dict[str, Any]:
    """What comes of a family."""
    first = ""
    for way in range(len(WAYS)):
        try:
            with limit(SECONDS), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = build(family, way)
                inputs = runnable(model)
        except (TooSlow, Exception) as error:
            first = first or said(error)
            continue
        with limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return check(model, inputs)
    return {"outcome": "not tried", "why": first}


def families() -> list[str]:
    """Those that have a model of their own, and are no part of another."""
    kinds = (transformers.MODEL_MAPPING, transformers.MODEL_FOR_PRETRAINING_MAPPING)
    return sorted(
        name
        for name, kind in transformers.CONFIG_MAPPING.items()
        if any(kind in mapping for mapping in kinds)
    )


def page(results: dict[str, Any], total: int) -> str:
    """The table of so many families, as Markdown."""
    groups: dict[str, list[str]] = {}
    for family, one in results.items():
        groups.setdefault(one["outcome"], []).append(family)
    many = {outcome: len(found) for outcome, found in groups.items()}
    ran = [one for one in results.values() if "identical" in one]
    lines = [
        "# Model families",
        "",
        "Written by `make test-families`, which builds a small model with random weights of every",
        f"family of transformers {transformers.__version__} whose configuration lets shrink, and",
        "runs it as it is, recorded, and with the exact softmax in its place, through",
        "`softmax_cosim.adapters.huggingface`. What torch itself computes meanwhile is counted",
        "apart. *Not tried* says nothing about the adapter: no small model could be built without",
        "knowing the family, or no input that it takes.",
        "",
        f"* {total} families; {len(ran) + many.get('refused', 0)} ran.",
        f"* {many.get('replaced', 0)} replaced: every attention softmax.",
        f"* {many.get('named', 0)} replaced in part, with a warning that names the rest.",
        f"* {sum(one['identical'] for one in ran)} of {len(ran)} recorded bit by bit as without.",
        f"* {many.get('refused', 0)} refused; {many.get('not tried', 0)} not tried.",
        *[f"* {total - len(results)} were not reached yet."] * (len(results) < total),
        f"* {many.get('WRONG', 0)} wrong: bits that changed, an output that differs by more than",
        f"  {TOLERANCE:g} of the largest, or a softmax that nobody accounts for.",
        "",
        "| family | model | layers | calls | not attention | largest difference | outcome |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for family, one in results.items():
        if one["outcome"] == "not tried":
            continue
        if "identical" in one:
            cells = [str(one[key]) for key in ("layers", "calls", "other")]
            cells.append(f"{one['error']:.0e}")
            why = "; ".join(f"`{name}`: {text}" for name, text in one["missed"].items())
        else:
            cells, why = ["–"] * 4, one["why"]
        outcome = f"{one['outcome']}: {why}" if why else one["outcome"]
        lines.append(f"| {family} | {one['class']} | {' | '.join(cells)} | {outcome} |")
    lines += ["", "Not tried:", ""]
    for family in groups.get("not tried", []):
        why = results[family]["why"].replace("|", "/").replace("<", "&lt;")
        lines.append(f"* {family}: {why}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Go through the families that are named, or all; 1 if one is wrong."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for family in sys.argv[1:] or families():
        if family in results and not sys.argv[1:]:
            continue
        results[family] = {"outcome": "not tried", "why": "it ended the process"}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1))
        results[family] = tried(family)
        print(f"{family}: {results[family]}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1))
    results = dict(sorted(results.items()))
    PAGE.write_text(page(results, len(families())), encoding="utf-8")
    return any(one["outcome"] == "WRONG" for one in results.values())


if __name__ == "__main__":
    sys.exit(main())
