"""The parts of a mastery model, and how they are kept: safetensors, JSON and LightGBM's text; opening runs no code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from core.atomic import recover, replace_folder
from core.errors import BundleError
from domains.education.mastery_bkt import Bkt
from domains.education.mastery_features import FEATURES, Difficulty
from domains.education.mastery_net import Coder, NetOptions, SequenceNet

FORMAT = 1


@dataclass
class Parts:
    """Fitted experts, their weights (in the order network, linear, trees, tracing) and the temperature."""

    options: NetOptions
    coder: Coder
    difficulty: Difficulty
    nets: list[SequenceNet]
    linear: np.ndarray
    trees: str
    tracing: Bkt
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0))
    temperature: float = 1.0
    facts: dict[str, Any] = field(default_factory=dict)


def write_parts(folder: Path, parts: Parts) -> None:
    """Write ``mastery.json``, ``mastery.safetensors`` and ``trees.txt`` as a whole."""
    tensors = {f"net.{i}.{k}": v.contiguous() for i, net in enumerate(parts.nets) for k, v in net.state_dict().items()}
    arrays = {"linear": parts.linear, "tracing": parts.tracing.table, "center": parts.coder.center,
              "scale": parts.coder.scale, "weights": parts.weights}  # fmt: skip
    tensors |= {k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float64)) for k, v in arrays.items()}
    content = {
        "format": FORMAT, "features": list(FEATURES), "options": asdict(parts.options), "nets": len(parts.nets),
        "questions": parts.coder.questions, "concepts": parts.coder.concepts, "traced": parts.tracing.concepts,
        "difficulty": asdict(parts.difficulty), "temperature": parts.temperature, "facts": parts.facts,
    }  # fmt: skip
    with replace_folder(folder) as new:
        save_file(tensors, new / "mastery.safetensors")
        (new / "trees.txt").write_text(parts.trees, encoding="utf-8")
        (new / "mastery.json").write_text(json.dumps(content), encoding="utf-8")


def read_parts(folder: Path) -> Parts:
    """Open what ``write_parts`` wrote.

    Raises:
        BundleError: if it is missing, corrupt or made by another version.
    """
    recover(folder)
    if not (folder / "mastery.json").is_file():
        raise BundleError(f"{folder}: no mastery model here (mastery.json is missing); name the folder of `train`")
    try:
        data = json.loads((folder / "mastery.json").read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["features"] != list(FEATURES):
            raise BundleError(f"{folder}: made by another version of Polyfuse; train it again")
        tensors = load_file(folder / "mastery.safetensors")
        arrays = {k: v.numpy() for k, v in tensors.items() if not k.startswith("net.")}
        options = NetOptions(**data["options"])
        coder = Coder(tuple(data["questions"]), tuple(data["concepts"]), arrays["center"], arrays["scale"])
        question, concept = (
            {k: (r, n) for k, (r, n) in data["difficulty"][c].items()} for c in ("question", "concept")
        )
        nets = [_net(tensors, i, coder, options) for i in range(data["nets"])]
        return Parts(
            options, coder, Difficulty(question, concept, data["difficulty"]["base"]), nets, arrays["linear"],
            (folder / "trees.txt").read_text(encoding="utf-8"), Bkt(tuple(data["traced"]), arrays["tracing"]),
            arrays["weights"], data["temperature"], data["facts"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BundleError(f"{folder}: the mastery model is corrupt ({error}); save or copy it again") from error


def _net(tensors: dict[str, torch.Tensor], index: int, coder: Coder, options: NetOptions) -> SequenceNet:
    net, start = SequenceNet(len(coder.questions), len(coder.concepts), options), f"net.{index}."
    net.load_state_dict({k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)})
    return net.eval()
