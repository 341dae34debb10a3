"""What ``polyfuse hear`` does."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.cli_spec import Done

if TYPE_CHECKING:
    from core.progress import Progress


def hear_options(hear: argparse.ArgumentParser) -> None:
    """What ``hear`` may be told."""
    hear.add_argument("folder", type=Path, help="recordings; two channels are customer and agent of a call")
    hear.add_argument("--out", type=Path, required=True, help="new folder for the table and the sound of its turns")
    hear.add_argument("--recogniser", default="faster_whisper", help="faster_whisper (default) or whisper")
    hear.add_argument("--model", help="folder or name of its model; default: the installed Whisper tiny.en")
    hear.add_argument("--unmasked", action="store_true", help="keep what identifies people in text and sound")


def hear(options: argparse.Namespace, progress: Progress) -> Done:
    """A table of turns of recorded calls, with their recognised words."""
    from core import recognition
    from domains.customer_service.hearing import hear_folder

    model: dict[str, Any] = {} if options.model is None else {"model": options.model}
    recogniser = recognition.build(options.recogniser, **model)
    found = hear_folder(options.folder, options.out, recogniser, private=not options.unmasked, progress=progress)
    lines = [f"{found.turns} turns of {found.recordings} recordings in {found.table}"]
    if found.left_out:
        lines.append(f"{len(found.left_out)} left out, with the reason: {found.table.parent / 'left_out.csv'}")
    train = shlex.join(["polyfuse", "train", str(found.table), "--domain", "customer_service"])
    lines.append(f"to train on them, add a column intent, then: {train} --out RUN")
    return {k: str(v) if k == "table" else v for k, v in asdict(found).items()}, "\n".join(lines), True
