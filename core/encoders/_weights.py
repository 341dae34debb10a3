"""Weights from outside, read without running code from them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import ConfigError


def load_weights(network: nn.Module, path: Path, ignored: str) -> None:
    """Load a state dict (.safetensors, or .pth as torch writes it) strictly, but for keys that begin with ``ignored``.

    Raises:
        ConfigError: for a file that is missing, no state dict, or of another network.
    """
    state = {k: v for k, v in _read(path).items() if not k.startswith(ignored)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(f"{path}: holds the weights of another network: {error}") from error


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ConfigError(f"weights: no file {str(path)!r}; name a .safetensors or .pth file, or leave weights out")
    try:
        found = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)  # refuses anything but tensors
        )
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise ConfigError(f"{path}: not readable as weights ({error}); save the state dict as .safetensors") from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ConfigError(f"{path}: expected a state dict of tensors, found {type(found).__name__}")
    return found
