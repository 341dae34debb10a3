"""Recordings to a table of turns: calls are cut into turns, and their words are those that a recogniser heard.

What is private is masked in the text and silent in the sound before anything is written; see ``core.privacy``. A run
that was killed goes on: what was heard stands in ``heard.jsonl``.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from core.endings import ENDINGS
from core.errors import ConfigError, FileError
from core.preprocess.audio_io import channel_count, read_audio
from core.privacy.text import Masker
from core.progress import Progress, silent
from core.recognition import Recogniser
from core.schema import Modality
from domains.customer_service.call import RATE, discreet, read_call

SOUNDS = (*ENDINGS[Modality.AUDIO], ".webm")
_COLUMNS = (
    "turn_id", "dialogue_id", "audio", "recognised", "recognised_confidence", "dialogue", "turn_number", "t_seconds",
    "gap_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What became of a folder of recordings; those left out stand in ``table``'s folder as ``left_out.csv``."""

    table: Path
    recordings: int
    turns: int
    left_out: dict[str, str]  # by file, why


def hear_folder(
    folder: Path, out: Path, recogniser: Recogniser, *, private: bool = True, progress: Progress = silent
) -> Heard:
    """Write ``manifest.csv`` with a row a turn of the customer, and ``audio/`` with its sound, 16 kHz FLAC.

    Two channels are a call, customer first: its rows have the dialogue so far, and share a ``dialogue_id``, so that
    they stay on one side of every split. One channel is one turn, of at most 30 s.

    Args:
        folder: recordings, also in folders of it.
        out: not within ``folder``.
        recogniser: see ``core.recognition``.
        private: False: text and sound keep what identifies people.
        progress: called a recording.

    Raises:
        ConfigError: for an ``out`` within ``folder``, or one that was made with another recogniser or ``private``.
        FileError: without any recording, or any that could be heard.
    """
    folder, out = folder.absolute().resolve(), out.absolute().resolve()
    if out.is_relative_to(folder):
        raise ConfigError(f"{out}: lies within {folder}, so its sound would be heard as well; choose another place")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SOUNDS and file.is_file())
    if not files:
        raise FileError(f"{folder}: no recording is there; looked for {', '.join(SOUNDS)}")
    kept = out / "heard.jsonl"
    known = _known(kept, {"recogniser": recogniser.name, "private": private})
    with kept.open("a", encoding="utf-8") as log:
        for number, file in enumerate(files, 1):
            name = file.relative_to(folder).as_posix()
            key = f"{name} {file.stat().st_size}"
            if key not in known:
                known[key] = _hear(file, name, out, recogniser, private) | {"file": name}
                print(json.dumps({"key": key} | known[key]), file=log, flush=True)
            progress("recordings", number, len(files))
    heard = [known[f"{f.relative_to(folder).as_posix()} {f.stat().st_size}"] for f in files]
    rows, left_out = [r for h in heard for r in h["rows"]], {h["file"]: h["why"] for h in heard if h["why"]}
    _write(out / "left_out.csv", ("file", "reason"), [{"file": f, "reason": w} for f, w in left_out.items()])
    if not rows:
        raise FileError(f"{folder}: none of {len(files)} recordings could be heard; {out / 'left_out.csv'} says why")
    _write(out / "manifest.csv", _COLUMNS, rows)
    return Heard(out / "manifest.csv", len(files) - len(left_out), len(rows), left_out)


def _hear(file: Path, name: str, out: Path, recogniser: Recogniser, private: bool) -> dict[str, Any]:
    """The rows of a recording, or why there are none."""
    try:
        two = channel_count(file) == 2
        rows = _call(file, name, out, recogniser, private) if two else _turn(file, name, out, recogniser, private)
    except FileError as error:
        return {"rows": [], "why": str(error).removeprefix(f"{file}: ")}
    return {"rows": rows, "why": "" if rows else "the customer, on the first channel, says nothing; swap the channels"}


def _call(file: Path, name: str, out: Path, recogniser: Recogniser, private: bool) -> list[dict[str, Any]]:
    place = Path("audio") / name  # a folder with the name of the file: no two calls share one
    table = read_call(file).write(out / place, recogniser=recogniser, private=private)
    return [
        row
        | {"turn_id": f"{name}-{row['turn_number']}", "dialogue_id": name, "audio": (place / row["audio"]).as_posix()}
        for row in table.to_dict("records")
    ]


def _turn(file: Path, name: str, out: Path, recogniser: Recogniser, private: bool) -> list[dict[str, Any]]:
    wave = read_audio(file, RATE)
    heard = recogniser.listen(wave, RATE)
    if not heard.words:
        raise FileError(f"{file}: no speech found; record it again, or leave it out")
    text, wave = discreet(heard, wave, Masker()) if private else (heard.text, wave)
    audio = Path("audio") / f"{name}.flac"
    (out / audio).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(out / audio, wave.numpy(), RATE)
    told = {"recognised": text, "recognised_confidence": round(heard.confidence, 3)}
    return [{"turn_id": name, "dialogue_id": name, "audio": audio.as_posix()} | told]


def _known(kept: Path, how: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What an earlier run heard, by recording; its first line says how it was heard."""
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(how) + "\n", encoding="utf-8")
        return {}
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True)
    if not lines or json.loads(lines[0]) != how:
        before = "".join(lines[:1]).strip()
        raise ConfigError(
            f"{kept.parent}: was heard in another way ({before}) than now ({json.dumps(how)}); choose another folder, "
            "or delete that one"
        )
    whole = [line for line in lines if line.endswith("\n")]
    kept.write_text("".join(whole), encoding="utf-8")  # a line that a kill cut off is heard again
    return {found.pop("key"): found for found in map(json.loads, whole[1:])}


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
