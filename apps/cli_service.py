"""What ``polyfuse hear``, ``noisy`` and ``replies`` do: calls to turns, turns with noise, ranked replies."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.cli_spec import Done
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.progress import Progress
    from core.recognition import Recogniser


def hear_options(hear: argparse.ArgumentParser) -> None:
    """What ``hear`` may be told."""
    hear.add_argument("folder", type=Path, help="recordings; two channels are customer and agent of a call")
    hear.add_argument("--out", type=Path, required=True, help="new folder for the table and the sound of its turns")
    _recogniser_options(hear, "faster_whisper (default) or whisper")
    hear.add_argument("--unmasked", action="store_true", help="keep what identifies people in text, sound and names")


def hear(options: argparse.Namespace, progress: Progress) -> Done:
    """A table of turns of recorded calls, with their recognised words."""
    from domains.customer_service.hearing import hear_folder

    found = hear_folder(
        options.folder, options.out, _recogniser(options), private=not options.unmasked, progress=progress
    )
    lines = [f"{found.turns} turns of {found.recordings} recordings in {found.table}"]
    if found.left_out:
        lines.append(f"{len(found.left_out)} left out, with the reason: {found.table.parent / 'left_out.csv'}")
    if found.names is not None:
        lines.append(f"recordings are numbered; which is which: {found.names} (it holds their names, keep it apart)")
    train = shlex.join(["polyfuse", "train", str(found.table), "--domain", "customer_service"])
    lines.append(f"to train on them, add a column intent, then: {train} --out RUN")
    told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(found).items()}
    return told, "\n".join(lines), True


def noisy_options(noisy: argparse.ArgumentParser) -> None:
    """What ``noisy`` may be told."""
    noisy.add_argument("table", type=Path, help="turns with the columns turn_id and audio")
    noisy.add_argument("--out", type=Path, required=True, help="folder for the sound, in the folder of the table")
    noisy.add_argument("--levels", default="20,10,5,0", help="dB of the turn over the noise (default 20,10,5,0)")
    noisy.add_argument("--every-level", action="store_true", help="a turn gets all levels, not one of them in turn")
    noisy.add_argument("--cut", action="store_true", help="also turns of which the beginning alone was heard")
    _recogniser_options(noisy, "faster_whisper (default), whisper, or none: the text stays")


def noisy(options: argparse.Namespace, progress: Progress) -> Done:
    """The table once more, with copies of its turns that have noise in them, and what a recogniser hears there."""
    import pandas as pd

    from core.table import StringTable
    from domains.customer_service.noisy import cut_copies, noisy_copies

    root = options.table.absolute().parent
    if not options.out.absolute().is_relative_to(root):
        raise ConfigError(f"--out {options.out}: a table names files in its own folder; choose a folder in {root}")
    try:
        levels = [float(level) for level in options.levels.split(",")]
    except ValueError as error:
        raise ConfigError(f"--levels {options.levels!r}: numbers of dB are due, such as 20,10,0") from error
    table = StringTable.open(options.table).frame()
    recogniser = None if options.recogniser == "none" else _recogniser(options)
    parts = [
        table,
        noisy_copies(
            table, options.out, root=root, levels=levels, every_level=options.every_level, recogniser=recogniser,
            progress=progress,
        ),
    ]  # fmt: skip
    if options.cut:
        parts.append(cut_copies(table, options.out, root=root, recogniser=recogniser, progress=progress))
    path = root / f"{options.table.name.split('.')[0]}-noisy.csv"
    found = pd.concat(parts, ignore_index=True)
    found.to_csv(path, index=False)
    text = f"{len(table)} turns and {len(found) - len(table)} copies in {path}"
    return {"table": str(path), "turns": len(table), "copies": len(found) - len(table)}, text, True


def replies_options(replies: argparse.ArgumentParser) -> None:
    """What ``replies`` may be told."""
    replies.add_argument("folder", type=Path, help="where the suggester is kept")
    replies.add_argument("--table", type=Path, help="learn from the answered turns of a table, all but its test rows")
    replies.add_argument(
        "--knowledge", type=Path, nargs="+", help="learn from Markdown and CSV files, or folders of them"
    )
    replies.add_argument("--record", type=Path, help="learn from what agents approved, edited and rejected")
    replies.add_argument("--model", help="folder or hub id of a sentence encoder; default: the installed MiniLM")
    replies.add_argument("--seed", type=int, default=0)
    replies.add_argument("--measure", type=Path, help="how high the given reply stands, on the test rows of a table")
    replies.add_argument("--ask", help="what the customer said, or lines 'customer: …' and 'agent: …'")
    replies.add_argument("-k", type=int, default=3, help="so many replies (default 3)")


def replies(options: argparse.Namespace, progress: Progress) -> Done:
    """Learn what to reply, measure it, or ask it; a folder that was learned before is opened."""
    from core.record import Record
    from domains.customer_service import ReplySuggester
    from domains.customer_service.knowledge import Knowledge

    if options.table or options.knowledge or options.record:
        if options.record and not options.record.is_file():
            raise ConfigError(f"--record {options.record}: no such file; give the record of the app")
        knowledge = Knowledge.read(*options.knowledge) if options.knowledge else None
        record = Record(options.record) if options.record else None
        found = ReplySuggester(options.model, seed=options.seed)
        found.fit(options.table, knowledge, record=record, progress=progress).save(options.folder)
    else:
        found = ReplySuggester.load(options.folder)
    data: dict[str, Any] = {"about": found.about}
    lines = [f"{name}: {told}" for name, told in found.about.items()]
    if options.measure:
        data["measured"] = found.evaluate(options.measure)
        lines += [f"{name:9} {value:.4g}" for name, value in data["measured"].items()]
    if options.ask:
        best = found.suggest(options.ask, k=options.k)
        data["suggested"] = [asdict(s) for s in best]
        lines += [f"{s.score:.2f} {s.text}  [{s.source}]" for s in best]
    return data, "\n".join(lines), True


def _recogniser_options(parser: argparse.ArgumentParser, names: str) -> None:
    parser.add_argument("--recogniser", default="faster_whisper", help=names)
    parser.add_argument("--model", help="folder or name of its model; default: the installed Whisper tiny.en")


def _recogniser(options: argparse.Namespace) -> Recogniser:
    from core import recognition

    return recognition.build(options.recogniser, **({} if options.model is None else {"model": options.model}))
