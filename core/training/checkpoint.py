"""A checkpoint an epoch, written so that a killed run goes on to the same end. Safetensors and JSON only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.atomic import replace_folder
from core.errors import BundleError, ConfigError

STATE, TENSORS = "state.json", "tensors.safetensors"


def save(
    folder: Path,
    model: nn.Module,
    epochs: Mapping[int, Mapping[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    facts: dict[str, Any],
) -> None:
    """Replace the checkpoint in ``folder`` as a whole: a kill leaves the old one or the new one.

    ``epochs``: weights by epoch.
    """
    moments = optimizer.state_dict()
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"epoch/{epoch}/{k}": v for epoch, weights in epochs.items() for k, v in weights.items()}
    tensors |= {f"moment/{i}/{k}": v for i, kept in moments["state"].items() for k, v in kept.items() if v is not None}
    with replace_folder(folder) as new:
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, new / TENSORS)
        (new / STATE).write_text(json.dumps(facts | {"groups": moments["param_groups"]}))


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: str
) -> tuple[dict[str, Any], dict[int, dict[str, Tensor]]] | None:
    """Put the checkpoint of ``folder`` into model and optimiser.

    Returns:
        Its facts and the weights by epoch; None without a checkpoint.

    Raises:
        ConfigError: if its identity is not this run's.
        BundleError: if it cannot be read.
    """
    if not folder.exists():
        return None
    try:
        facts = json.loads((folder / STATE).read_text())
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError, SafetensorError) as error:
        raise BundleError(
            f"{folder}: the checkpoint cannot be read ({error}); delete the folder to start again"
        ) from error
    if facts["identity"] != identity:
        raise ConfigError(f"{folder}: holds a run of another config or table; choose another folder or delete it")
    model.load_state_dict(_under(tensors, "model/"))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _under(tensors, "moment/").items():
        index, name = key.split("/")
        moments.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": facts["groups"]})
    weights: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _under(tensors, "epoch/").items():
        epoch, _, name = key.partition("/")
        weights.setdefault(int(epoch), {})[name] = tensor
    return facts, weights


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
