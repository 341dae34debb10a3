"""A checkpoint an epoch, written so that a killed run goes on to the same end. Safetensors and JSON only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.atomic import replace_folder
from core.errors import BundleError

STATE, TENSORS = "state.json", "tensors.safetensors"


def save(
    folder: Path, model: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> None:
    """Replace the checkpoint in ``folder`` as a whole: a kill leaves the old one or the new one."""
    moments = optimizer.state_dict()
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()} | {f"best/{k}": v for k, v in best.items()}
    tensors |= {f"moment/{i}/{k}": v for i, kept in moments["state"].items() for k, v in kept.items() if v is not None}
    tensors["rng/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng/cuda"] = torch.cuda.get_rng_state()
    with replace_folder(folder) as new:
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, new / TENSORS)
        (new / STATE).write_text(json.dumps(facts | {"groups": moments["param_groups"]}))


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Put the checkpoint of ``folder`` into model, optimiser and random state; returns its facts and best weights.

    None if there is none. A kill between the two renames of ``save`` leaves it under ``.new``; that one is taken.
    """
    for place in (folder, folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")):
        if (place / STATE).is_file() and (place / TENSORS).is_file():
            break
    else:
        return None
    try:
        facts = json.loads((place / STATE).read_text())
        tensors = load_file(place / TENSORS)
    except (json.JSONDecodeError, SafetensorError) as error:
        raise BundleError(
            f"{place}: the checkpoint cannot be read ({error}); delete the folder to start again"
        ) from error
    model.load_state_dict(_under(tensors, "model/"))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _under(tensors, "moment/").items():
        index, name = key.split("/")
        moments.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": facts["groups"]})
    torch.set_rng_state(tensors["rng/cpu"])
    if "rng/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng/cuda"])
    return facts, _under(tensors, "best/")


def remove(folder: Path) -> None:
    """Delete a checkpoint that is no longer needed."""
    for suffix in ("", ".new", ".old"):
        shutil.rmtree(folder.with_name(folder.name + suffix), ignore_errors=True)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
