"""Train the small Conditional DETR of the task ``detection``: ``python -m training.detection``.

Stage 1 trains the backbone alone, with batch norm, under a dense head; stage 2 freezes the batch
norm and trains all: losses after each decoder layer, four groups of queries of which the first is
kept (Group DETR), the dense head on what the encoder makes. Everything is counted in steps and
drawn from fixed seeds, in one thread, so that the same versions on the same kind of machine give
the same weights. A run that was interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    ConditionalDetrConfig,
    ConditionalDetrForObjectDetection,
    ResNetBackbone,
    ResNetConfig,
)
from transformers.models.conditional_detr.image_processing_pil_conditional_detr import (
    ConditionalDetrImageProcessorPil,
)

from softmax_cosim.adapters.scenes import SIDE, Scenes
from softmax_cosim.paths import PACKAGE, ROOT
from training.losses import CLASSES, DenseHead, Target, set_loss

GROUPS, QUERIES, WIDTH = 4, 16, 64
STEPS, BATCH, RATE = 7000, 8, 6e-4
BACKBONE_STEPS, BACKBONE_BATCH, BACKBONE_RATE = 500, 16, 2e-3
SEED, KEPT_EVERY = 0, 250
FIRST_OF_STAGE_1 = 10_000_000
"""Scenes of stage 1 are numbered from here on, those of stage 2 from 0."""
PLATEAU = 0.65
"""Share of the steps with one learning rate."""


def main(words: Sequence[str] | None = None) -> None:
    """Train the model and write its folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="of stage 2; changes the result")
    parser.add_argument("--out", type=Path, default=PACKAGE / "models" / "detection")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "build/training/detection.pt")
    args = parser.parse_args(words)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    scenes, processor = Scenes(), processor_of(SIDE)
    model: Any = ConditionalDetrForObjectDetection(configuration())
    trainer = Trainer(model, args.steps)
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if args.checkpoint.is_file():
        state = torch.load(args.checkpoint)
        begun_for = state.get("steps", "an unknown number of")
        if begun_for != args.steps:
            parser.error(
                f"{args.checkpoint} was begun for {begun_for} steps and cannot go on for "
                f"{args.steps}, as the rates differ; remove it or name another with --checkpoint"
            )
        trainer.load(state)
    else:
        backbone = pretrained_backbone(scenes, processor)
        model.model.backbone.model.load_state_dict(backbone.state_dict())
    trainer.run(scenes, processor, args.checkpoint)
    model.half().save_pretrained(args.out)
    processor.save_pretrained(args.out)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters in {args.out}")


def configuration() -> ConditionalDetrConfig:
    """Of the model."""
    return ConditionalDetrConfig(
        backbone_config=ResNetConfig(
            embedding_size=16,
            hidden_sizes=[24, WIDTH],
            depths=[1, 2],
            layer_type="basic",
            out_features=["stage2"],
        ),
        num_queries=QUERIES,
        d_model=WIDTH,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=192,
        decoder_ffn_dim=192,
        dropout=0.0,
        num_labels=CLASSES,
        id2label={number: str(number) for number in range(CLASSES)},
        label2id={str(number): number for number in range(CLASSES)},
    )


def processor_of(side: int) -> Any:
    """Pictures as they are, always padded to one size: the answers depend on the padding."""
    return ConditionalDetrImageProcessorPil(
        do_resize=False, pad_size={"height": side, "width": side}
    )


def batch_of(
    scenes: Scenes, processor: Any, numbers: range
) -> tuple[torch.Tensor, torch.Tensor, list[Target]]:
    """Pictures, their masks and what is on them."""
    drawn = [scenes.scene("train", number) for number in numbers]
    inputs = processor([scene.pixels for scene in drawn], return_tensors="pt")
    targets = []
    for scene in drawn:
        height, width = scene.pixels.shape[:2]
        centres = scene.boxes[:, :2] + scene.boxes[:, 2:] / 2
        boxes = np.concatenate([centres, scene.boxes[:, 2:]], 1) / [width, height, width, height]
        targets.append((torch.tensor(boxes, dtype=torch.float32), torch.tensor(scene.classes)))
    return inputs["pixel_values"], inputs["pixel_mask"], targets


def pretrained_backbone(scenes: Scenes, processor: Any) -> nn.Module:
    """Stage 1."""
    backbone: Any = ResNetBackbone(configuration().backbone_config)
    backbone.train()
    head = DenseHead(WIDTH)
    optimizer = torch.optim.AdamW(
        [*backbone.parameters(), *head.parameters()], BACKBONE_RATE, weight_decay=1e-4
    )
    for step in range(BACKBONE_STEPS):
        _set_rate(optimizer, BACKBONE_RATE, step, BACKBONE_STEPS)
        first = FIRST_OF_STAGE_1 + step * BACKBONE_BATCH
        pixels, mask, targets = batch_of(scenes, processor, range(first, first + BACKBONE_BATCH))
        features = backbone(pixels).feature_maps[-1].permute(0, 2, 3, 1)
        small = nn.functional.interpolate(mask[None].float(), size=features.shape[1:3])[0].bool()
        loss = head(features, small, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"stage 1, step {step}: loss {loss.item():.3f}", flush=True)
    return backbone


class Trainer:
    """Stage 2."""

    def __init__(self, model: Any, steps: int) -> None:
        """Add to the model what only training wants."""
        self._model, self._steps = model, steps
        self._begun = 0
        for part in (model.model.encoder, model.model.decoder):
            part.set_attn_implementation("eager")
        for parameter in model.parameters():
            parameter.requires_grad_(True)  # transformers freezes the whole of a small ResNet
        nn.init.constant_(model.class_labels_classifier.bias, -math.log(99))
        nn.init.normal_(model.model.query_position_embeddings.weight)
        self._head = DenseHead(WIDTH)
        self._more = nn.Parameter(torch.randn((GROUPS - 1) * QUERIES, WIDTH))
        self._parameters = [*model.parameters(), *self._head.parameters(), self._more]
        self._optimizer = torch.optim.AdamW(self._parameters, RATE, weight_decay=1e-4)
        self._layers: list[torch.Tensor] = []
        for layer in model.model.decoder.layers:
            layer.register_forward_hook(lambda *call: self._layers.append(call[-1]))

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._model.load_state_dict(state["model"])
        self._head.load_state_dict(state["head"])
        self._more.data.copy_(state["more"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._begun = state["step"]

    def run(self, scenes: Scenes, processor: Any, checkpoint: Path) -> None:
        """Take all steps that are left."""
        self._model.train()
        begun, batch = time.perf_counter(), BATCH
        shown = []
        for step in range(self._begun, self._steps):
            _set_rate(self._optimizer, RATE, step, self._steps)
            loss = self._loss(*batch_of(scenes, processor, range(step * batch, (step + 1) * batch)))
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._parameters, 1.0)
            self._optimizer.step()
            shown.append(loss.item())
            if (step + 1) % 100 == 0:
                took = time.perf_counter() - begun
                print(f"step {step + 1}: loss {np.mean(shown):.3f}, {took:.0f} s", flush=True)
                shown = []
            if (step + 1) % KEPT_EVERY == 0:
                self._save(checkpoint, step + 1)

    def _save(self, checkpoint: Path, step: int) -> None:
        state = {
            "model": self._model.state_dict(),
            "head": self._head.state_dict(),
            "more": self._more.data,
            "optimizer": self._optimizer.state_dict(),
            "step": step,
            "steps": self._steps,
        }
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)

    def _loss(
        self, pixels: torch.Tensor, mask: torch.Tensor, targets: Sequence[Target]
    ) -> torch.Tensor:
        """Of the four groups, side by side as if they were more pictures, and of the dense head."""
        parts = self._model.model
        features, small = parts.backbone(pixels, mask)[-1]
        positions = (
            parts.position_embedding(
                shape=features.shape, device=pixels.device, dtype=pixels.dtype, mask=small
            )
            .flatten(2)
            .transpose(1, 2)
        )
        encoded = parts.encoder(
            inputs_embeds=parts.input_projection(features).flatten(2).transpose(1, 2),
            attention_mask=small.flatten(1),
            spatial_position_embeddings=positions,
        ).last_hidden_state
        queries = torch.cat([parts.query_position_embeddings.weight, self._more])
        queries = queries.view(GROUPS, QUERIES, WIDTH).repeat_interleave(len(pixels), 0)
        self._layers.clear()
        decoded = parts.decoder(
            inputs_embeds=torch.zeros_like(queries),
            spatial_position_embeddings=positions.repeat(GROUPS, 1, 1),
            object_queries_position_embeddings=queries,
            encoder_hidden_states=encoded.repeat(GROUPS, 1, 1),
            encoder_attention_mask=small.flatten(1).repeat(GROUPS, 1),
        )
        reference = torch.logit(decoded.reference_points, eps=1e-5).transpose(0, 1)
        loss = self._head(encoded.view(*small.shape, -1), small, targets)
        for layer in self._layers:
            hidden = parts.decoder.layernorm(layer)
            raw = self._model.bbox_predictor(hidden)
            boxes = torch.cat([raw[..., :2] + reference, raw[..., 2:]], -1).sigmoid()
            loss = loss + set_loss(
                self._model.class_labels_classifier(hidden), boxes, list(targets) * GROUPS
            )
        return loss


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """A short warm-up, a plateau, and in the last part a cosine down to nothing.

    Up to there a step does not depend on the number of steps.
    """
    warm = min(1.0, (step + 1) / 100)
    done = max(0.0, step / steps - PLATEAU) / (1 - PLATEAU)
    for group in optimizer.param_groups:
        group["lr"] = rate * warm * (1 + math.cos(math.pi * done)) / 2


if __name__ == "__main__":
    main()
