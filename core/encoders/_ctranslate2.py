"""Tensors of a model file of CTranslate2 (model.bin, version 6), read as plain numbers: no code of it is run.

The file is a header, then for each variable its name, shape, number type and bytes; names may be aliases of others.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigError

VERSION = 6
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """All float tensors whose names begin with ``prefix``, which is taken off, as float32.

    Raises:
        ConfigError: for a file that is missing, cut off, of another version or quantised.
    """
    try:
        with path.open("rb") as file:
            return _tensors(file, prefix)
    except (OSError, struct.error, UnicodeDecodeError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path}: not readable as a CTranslate2 model of version {VERSION} ({error}); install the package "
            "again, or convert the model anew"
        ) from error


def _tensors(file: BinaryIO, prefix: str) -> dict[str, Tensor]:
    version = _number(file, "I")
    if version != VERSION:
        raise ValueError(f"version {version}")
    _text(file)  # the kind of model
    _number(file, "I")  # its revision
    found: dict[str, Tensor] = {}
    for _ in range(_number(file, "I")):
        name = _text(file)
        shape = [_number(file, "I") for _ in range(_number(file, "B"))]
        kind, size = TYPES[_number(file, "B")], _number(file, "I")
        content = file.read(size)
        if len(content) != size:
            raise ValueError(f"cut off in {name}")
        if name.startswith(prefix) and shape:
            if kind not in (np.float32, np.float16):
                raise ValueError(f"{name} is quantised to {np.dtype(kind)}")
            values = np.frombuffer(content, kind).reshape(shape).astype(np.float32)
            found[name.removeprefix(prefix)] = torch.from_numpy(values)
    return found


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0])


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()
