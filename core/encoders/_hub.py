"""Models of the transformers library: opened from a folder or by hub id, with or without weights, adapted, saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from core.errors import ConfigError, MissingExtraError
from core.paths import typed_path
from core.torchaudio_import import torchaudio

_QUIET = {"apply_spec_augment": False, "layerdrop": 0.0}  # randomness outside torch's seed; refuses short sound


def open_model(model: str, weights: bool) -> tuple[Any, nn.Module]:
    """Configuration and network of a local folder, which is never looked up elsewhere, or of a hub id.

    With ``weights`` False the network has the folder's configuration and random weights.

    Raises:
        ConfigError: if there is no such folder or id, or it holds no model that transformers can build.
    """
    torchaudio()  # before transformers, which imports it
    from transformers import AutoConfig, AutoModel

    local = is_local(model)
    try:
        config = AutoConfig.from_pretrained(model, local_files_only=local, trust_remote_code=False)
        for key, value in _QUIET.items():
            if hasattr(config, key):
                setattr(config, key, value)
        if not weights:
            return config, AutoModel.from_config(config, trust_remote_code=False)
        kept = {"local_files_only": local, "trust_remote_code": False}
        return config, AutoModel.from_pretrained(model, config=config, dtype="float32", **kept)
    except (OSError, ValueError, KeyError) as error:
        where = (
            "the folder" if local else "a hub id, which needs a network or an earlier download; a local folder works"
        )
        raise ConfigError(f"model {model!r} ({where}) cannot be opened: {error}") from error


def is_local(model: str) -> bool:
    """Whether ``model`` is a folder on this machine; False for a hub id, owner/name.

    Raises:
        ConfigError: for what looks like a folder and is none, or holds no config.json.
        FileError: for a path that cannot be looked at.
    """
    if not model:
        raise ConfigError("model: name the folder of a transformers model, or a hub id such as owner/name")
    folder = typed_path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"model {model!r}: the folder holds no config.json; name the one that save_pretrained wrote"
            )
        return True
    if folder.is_absolute() or model[0] in "./~" or model.count("/") > 1 or "\\" in model:
        raise ConfigError(
            f"model {model!r}: no such folder; name a folder with config.json, or a hub id such as owner/name"
        )
    return False


def encoder_part(network: Any, kind: str) -> Any:
    """The part that encodes ``kind`` ("text", "vision", "audio"): of towers its own, of two halves the first."""
    tower = getattr(network, f"{kind}_model", None)
    part = tower if tower is not None else network.get_encoder() if network.config.is_encoder_decoder else network
    if hasattr(part, "feature_extractor"):
        part.feature_extractor._requires_grad = False  # else it asks that of its input, no leaf
    return part


def tune(network: Any, how: str, rank: int) -> Any:
    """All weights trained ("full"), none ("frozen"), or low-rank additions to linear layers ("lora", Hu et al. 2022).

    Raises:
        MissingExtraError: for "lora" without peft.
        ConfigError: for "lora" on a network without linear layers.
    """
    if how == "frozen":
        return network.requires_grad_(False)
    if how == "full":
        return network
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingExtraError("peft", "adapters", "tune='lora'") from None
    try:
        return get_peft_model(network, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))
    except ValueError as error:
        raise ConfigError(f"tune='lora': {error}; choose 'full' or 'frozen'") from error


def feature_settings(model: str) -> dict[str, Any]:
    """The model's preprocessor_config.json; empty where it has none."""
    from transformers.utils import cached_file

    name, local = "preprocessor_config.json", is_local(model)
    found = cached_file(model, name, local_files_only=local, _raise_exceptions_for_missing_entries=False)
    return {} if found is None else json.loads(Path(found).read_text(encoding="utf-8"))
