"""Turns once more, with noise or cut short, and what a recogniser hears in them: a model learns to live with both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

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
SHARES = (0.2, 0.4, 0.6, 0.8)  # of a turn that is heard
Change: TypeAlias = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


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
    of = _spoken(table)
    wanted = [(row, x) for i, row in of for x in (levels if every_level else [levels[i % len(levels)]])]
    return _copies(table, wanted, "noise_db", add_noise, folder, root, recogniser, progress)


def cut_copies(
    table: pd.DataFrame,
    folder: Path,
    *,
    root: Path = Path(),
    shares: Sequence[float] = SHARES,
    recogniser: Recogniser | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """The rows that have a recording, of which only the beginning was heard: as ``noisy_copies``, with ``heard_share``.

    A model that learned whole turns alone is sure of a second of sound in which nothing was said yet; one that
    answers growing sound (``domains.customer_service.streaming``) needs these rows among those it learns from, and
    among those it is calibrated on.

    Args:
        shares: of a recording's length, half a second at least; a row gets one of them by its number.
        recogniser: None: the copies have no text, since nobody knows which words were said so far.
    """
    wanted = [(row, shares[i % len(shares)]) for i, row in _spoken(table)]
    if recogniser is None:
        wanted = [({c: "" if c in ("text", "recognised") else v for c, v in row.items()}, s) for row, s in wanted]
    return _copies(table, wanted, "heard_share", _beginning, folder, root, recogniser, progress)


def _beginning(wave: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return wave[: max(round(len(wave) * share), RATE // 2)]


def _spoken(table: pd.DataFrame) -> list[tuple[int, dict[Hashable, Any]]]:
    """The rows that have a recording, with their numbers."""
    if missing := [c for c in ("turn_id", "audio") if c not in table]:
        raise ConfigError(f"copies of turns: the table needs the columns turn_id and audio, but has no {missing[0]!r}")
    return [(i, row) for i, row in enumerate(table.to_dict("records")) if str(row["audio"] or "").strip()]


def _copies(
    table: pd.DataFrame,
    wanted: Sequence[tuple[dict[Hashable, Any], float]],
    column: str,
    change: Change,
    folder: Path,
    root: Path,
    recogniser: Recogniser | None,
    progress: Progress,
) -> pd.DataFrame:
    """A copy of each row, its recording changed by so much, which ``column`` tells."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "heard.jsonl"
    heard, copies = _heard(kept), list[dict[Hashable, Any]]()
    with kept.open("a", encoding="utf-8") as out:
        for row, amount in wanted:
            name = f"{row['turn_id']}-{amount:g}"
            file = f"{name.replace('/', '%2F')}.flac"  # an id may be a path, as polyfuse hear names turns
            path = _recording(root, str(row["audio"]), folder / file, change, amount)
            text: dict[Hashable, Any] = {}
            if recogniser is not None:
                if name not in heard:
                    heard[name] = recogniser.listen(read_audio(path, RATE, max_seconds=60), RATE).text
                    print(json.dumps({"turn_id": name, "recognised": heard[name]}), file=out, flush=True)
                text = {"text": "", "recognised": heard[name]} if "text" in row else {"recognised": heard[name]}
            copies.append(row | text | {"turn_id": name, "audio": _cell(path, root), column: amount})
            progress("copies of turns", len(copies), len(wanted))
    return pd.DataFrame(copies, columns=[*dict.fromkeys([*table.columns, *(copies[0] if copies else {})])])


def _cell(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _heard(kept: Path) -> dict[str, str]:
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True) if kept.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        kept.write_text("".join(whole), encoding="utf-8")  # a line that a kill cut off is heard again
    return {r["turn_id"]: r["recognised"] for r in map(json.loads, whole)}


def _recording(root: Path, cell: str, path: Path, change: Change, amount: float) -> Path:
    """The changed recording of a row, made where it is not there; its name is the seed."""
    if "|" in cell:
        raise ConfigError(
            f"copies of turns: one recording a turn is needed, found {cell!r}; give each a row of its own"
        )
    if not path.is_file():
        seed = int.from_bytes(hashlib.sha256(path.stem.encode()).digest()[:8])
        wave = read_audio(root / cell, RATE, max_seconds=60)
        part = path.with_name(f"{path.name}.part")  # a kill leaves no half of a recording under its name
        soundfile.write(part, change(wave.numpy(), amount, np.random.default_rng(seed)), RATE, format="FLAC")
        part.replace(path)
    return path
