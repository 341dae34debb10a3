"""Turns once more with noise, and what a recogniser hears in them, so that a model learns to live with both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from core.damage.sound import add_noise
from core.errors import ConfigError
from core.preprocess.audio_io import read_audio
from core.progress import Progress, silent
from core.recognition import Recogniser

RATE = 16000
LEVELS = (20.0, 10.0, 5.0, 0.0)  # dB of the turn over the noise


def noisy_copies(
    table: pd.DataFrame,
    folder: Path,
    *,
    root: Path = Path(),
    levels: Sequence[float] = LEVELS,
    every_level: bool = False,
    recogniser: Recogniser | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """The rows that have a recording, with pink noise in it; to be put below the rows themselves.

    A copy has the columns of its row, so that group and split keep it on the same side, but for ``turn_id`` (the level
    is added), ``audio`` (a file in ``folder``), ``noise_db``, and ``text`` and ``recognised``: a recogniser's words
    take the place of what a person wrote down. What ``folder`` holds already is not made again.

    Args:
        table: with ``turn_id`` and ``audio``, as in ``domains.customer_service.recipe``.
        folder: for the recordings and ``heard.jsonl``, which holds what customers said; best below ``root``, where a
            table may name files.
        root: what the paths of ``audio`` are relative to.
        levels: dB; a row gets one of them by its number.
        every_level: a row gets all of them.
        recogniser: None: only the sound changes, and both texts stay.
        progress: called a copy.

    Raises:
        ConfigError: without those columns, or with an ``audio`` cell of several files.
        FileError: for a recording that cannot be read.
    """
    if missing := [c for c in ("turn_id", "audio") if c not in table]:
        raise ConfigError(f"noisy copies: the table needs the columns turn_id and audio, but has no {missing[0]!r}")
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "heard.jsonl"
    heard, copies = _heard(kept), []
    spoken = [(i, row) for i, row in enumerate(table.to_dict("records")) if str(row["audio"] or "").strip()]
    wanted = [(row, x) for i, row in spoken for x in (levels if every_level else [levels[i % len(levels)]])]
    with kept.open("a", encoding="utf-8") as out:
        for row, level in wanted:
            name = f"{row['turn_id']}-{level:g}"
            path = _recording(root, str(row["audio"]), folder / f"{name}.flac", level)
            text: Mapping[str, str] = {}
            if recogniser is not None:
                if name not in heard:
                    heard[name] = recogniser.listen(read_audio(path, RATE, max_seconds=60), RATE).text
                    print(json.dumps({"turn_id": name, "recognised": heard[name]}), file=out, flush=True)
                text = {"text": "", "recognised": heard[name]} if "text" in row else {"recognised": heard[name]}
            copies.append({**row, **text, "turn_id": name, "audio": _cell(path, root), "noise_db": level})
            progress("turns with noise", len(copies), len(wanted))
    return pd.DataFrame(copies, columns=[*dict.fromkeys([*table.columns, *(copies[0] if copies else {})])])


def _cell(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _heard(kept: Path) -> dict[str, str]:
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    return {r["turn_id"]: r["recognised"] for r in map(json.loads, lines)}


def _recording(root: Path, cell: str, path: Path, level: float) -> Path:
    """The noisy recording of a row, made where it is not there; its name is the seed."""
    if "|" in cell:
        raise ConfigError(f"noisy copies: one recording a turn is needed, found {cell!r}; give each a row of its own")
    if not path.is_file():
        seed = int.from_bytes(hashlib.sha256(path.stem.encode()).digest()[:8])
        wave = read_audio(root / cell, RATE, max_seconds=60)
        soundfile.write(path, add_noise(wave.numpy(), level, np.random.default_rng(seed)), RATE)
    return path
