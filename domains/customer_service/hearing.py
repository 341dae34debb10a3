"""Recordings to a table of turns: calls are cut into turns, and their words are those that a recogniser heard.

What is private is masked in the text and silent in the sound before anything is written, see ``core.privacy``; a number
stands for each recording's name, which may tell who called. A run that was killed goes on: what was heard stands in
``heard.jsonl``.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
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
    left_out: dict[str, str]  # by recording as the table names it, why
    names: Path | None  # beside the table's folder: which number is which file; None where they keep their names


@dataclass(frozen=True)
class _Recording:
    file: Path
    key: str  # that an earlier run heard it under
    name: str  # in all that is written


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
        private: False: text and sound keep what identifies people, and recordings their names. Else they are numbered,
            and ``OUT-names.csv`` beside ``out``, for its owner to read alone, says which is which.
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
    how = {"recogniser": recogniser.name, "private": private, "names": "numbered" if private else "kept"}
    known = _known(kept, how)
    recordings = _numbered(files, known) if private else _named(folder, files)
    names = out.with_name(f"{out.name}-names.csv") if private else None
    if names is not None:  # before anything is heard, so that a run that is killed has told it too
        names.touch(mode=0o600)
        told = ({"recording": r.name, "file": r.file.relative_to(folder).as_posix()} for r in recordings)
        _write(names, ("recording", "file"), list(told))
    with kept.open("a", encoding="utf-8") as log:
        for number, recording in enumerate(recordings, 1):
            if recording.key not in known:
                found = _hear(recording.file, recording.name, out, recogniser, private)
                known[recording.key] = found | {"file": recording.name}
                print(json.dumps({"key": recording.key} | known[recording.key]), file=log, flush=True)
            progress("recordings", number, len(files))
    heard = [known[r.key] for r in recordings]
    rows, left_out = [r for h in heard for r in h["rows"]], {h["file"]: h["why"] for h in heard if h["why"]}
    _write(out / "left_out.csv", ("file", "reason"), [{"file": f, "reason": w} for f, w in left_out.items()])
    if not rows:
        raise FileError(f"{folder}: none of {len(files)} recordings could be heard; {out / 'left_out.csv'} says why")
    _write(out / "manifest.csv", _COLUMNS, rows)
    return Heard(out / "manifest.csv", len(files) - len(left_out), len(rows), left_out, names)


def _named(folder: Path, files: Sequence[Path]) -> list[_Recording]:
    names = [file.relative_to(folder).as_posix() for file in files]
    return [_Recording(file, f"{name} {file.stat().st_size}", name) for file, name in zip(files, names)]


def _numbered(files: Sequence[Path], known: Mapping[str, Mapping[str, Any]]) -> list[_Recording]:
    """Recordings under numbers; one that was heard keeps its own, and is known by its content, not by its name."""
    found, copies, fresh = list[_Recording](), Counter[str](), itertools.count(len(known) + 1)
    for file in files:
        content = _digest(file)
        copies[content] += 1
        key = f"{content} {copies[content]}"
        name = known[key]["file"] if key in known else f"recording-{next(fresh):04d}"
        found.append(_Recording(file, key, name))
    return found


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:  # left out with the reason when its turn comes
        return "unreadable"


def _hear(file: Path, name: str, out: Path, recogniser: Recogniser, private: bool) -> dict[str, Any]:
    """The rows of a recording, or why there are none."""
    try:
        two = channel_count(file) == 2
        rows = _call(file, name, out, recogniser, private) if two else _turn(file, name, out, recogniser, private)
    except FileError as error:
        why = str(error).removeprefix(f"{file}: ")
        return {"rows": [], "why": why.replace(str(file), name).replace(file.name, name) if private else why}
    return {"rows": rows, "why": "" if rows else "the customer, on the first channel, says nothing; swap the channels"}


def _call(file: Path, name: str, out: Path, recogniser: Recogniser, private: bool) -> list[dict[str, Any]]:
    place = Path("audio") / name  # a folder with the name of the file: no two calls share one
    table = read_call(file).write(out / place, recogniser=recogniser, private=private, name=place.stem)
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
