"""A small generated service: turns of customers with speech, text, dialogue and behaviour, and its knowledge base.

    python -m domains.customer_service.sample OUT --turns 800 --seed 7

A dialogue depends on the seed and its number only: the first ones of a large set are those of a small one. Columns that
tell how a turn was made (``NEVER_INPUTS``) are for tests and studies, never for training. ``routing.toml`` is kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.atomic import replace_folder
from core.errors import ConfigError
from core.progress import Bars, Progress, silent
from domains.customer_service import sample_knowledge, sample_voices
from domains.customer_service.sample_behaviour import CATEGORIES, NUMBERS, Account, behaviour
from domains.customer_service.sample_voices import VOICES, Line, Voice
from domains.customer_service.sample_words import Person, Speech, greeting, intents, phrases, reply, say

COLUMNS = (
    "turn_id", "dialogue_id", "customer_id", "speaker", "group", "split", "time", "audio", "text", "recognised",
    "recognised_confidence", "dialogue", *NUMBERS, *CATEGORIES, "intent", "urgency", "queue", "action", "reply",
    "spoken", "manner", "line", "synthetic",
)  # fmt: skip
NEVER_INPUTS = ("spoken", "manner", "line", "synthetic")
QUEUES = {
    "billing": ("bill_question", "payment_failed", "refund_request"),
    "contracts": ("cancel_contract", "change_plan", "move_home"),
    "technical": ("internet_down", "slow_internet", "technician_visit"),
    "logistics": ("delivery_status",),
    "security": ("sim_blocked", "login_problem"),
    "general": ("out_of_scope",),
}
_MARK = "sample.json"
_OURS = {"audio", "knowledge", "manifest.csv", "README.md", "routing.toml", _MARK}
_START = datetime(2025, 3, 3, 8, tzinfo=UTC)
_BLOCK = ("train",) * 12 + ("val",) * 3 + ("test",) * 5  # splits of 20 customers


@dataclass(frozen=True)
class Customer:
    """Who calls or writes: one person, one voice, one side of the split."""

    id: str
    split: str
    channel: str
    voice: Voice
    person: Person
    account: Account

    @classmethod
    def draw(cls, seed: int, number: int) -> Customer:
        """A customer of a set."""
        block, within = divmod(number, len(_BLOCK))
        split = _BLOCK[np.random.default_rng([seed, 1, block]).permutation(len(_BLOCK))[within]]
        rng = np.random.default_rng([seed, 2, number])
        channel = str(rng.choice(["phone", "chat", "mail"], p=[0.55, 0.33, 0.12]))
        voice = VOICES[split][int(rng.integers(len(VOICES[split])))]
        return cls(f"customer-{number:05d}", split, channel, voice, Person.draw(rng), Account.draw(rng))


def dialogues(seed: int) -> Iterator[list[dict[str, str]]]:
    """One dialogue after another without end, each as its customer turns: rows of the manifest without files."""
    number = customers = 0
    while True:
        rng = np.random.default_rng([seed, 3, number])
        again = customers > 5 and rng.random() < 0.25
        who = int(rng.integers(customers)) if again else customers
        customers += not again
        yield _dialogue(number, Customer.draw(seed, who), rng)
        number += 1


def _dialogue(number: int, customer: Customer, rng: np.random.Generator) -> list[dict[str, str]]:
    time = _START + timedelta(minutes=17 * number + int(rng.integers(12)))
    intent = _intent(number, rng)
    lines = [f"agent: {greeting(rng)}"]
    rows = []
    for turn in range(1, 1 + int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))):
        if turn > 1 and rng.random() < 0.15:
            intent = _intent(number, rng)  # another matter
            manner = "whole"
        else:
            manner = _manner(intent, turn, rng)
        time += timedelta(seconds=int(rng.integers(20, 120)))
        urgency = _urgency(intent, rng)
        how = Speech(manner, urgency, customer.channel == "phone", customer.split == "test")
        said, answered = say(intent, customer.person, how, rng), reply(intent, "\n".join(lines), rng)
        rows.append(_row(number, turn, customer, time, intent, how, said, lines, rng) | {"reply": answered})
        lines += [f"customer: {said}", f"agent: {answered}"]
    return rows


def _row(
    number: int, turn: int, customer: Customer, time: datetime, intent: str, how: Speech, said: str,
    lines: Sequence[str], rng: np.random.Generator,
) -> dict[str, str]:  # fmt: skip
    line = Line.draw(rng)
    written = not how.spoken or rng.random() < 0.12  # some calls were written down by a person
    return {
        "turn_id": f"turn-{number:05d}-{turn}", "dialogue_id": f"dialogue-{number:05d}", "customer_id": customer.id,
        "speaker": customer.voice.id if how.spoken else "", "split": customer.split,
        "group": customer.voice.id if how.spoken else customer.id, "time": time.isoformat(),
        "text": said if written else "", "dialogue": "\n".join(lines),
        **behaviour(intent, how.urgency, customer.channel, turn, customer.account, rng),
        "intent": intent, "urgency": how.urgency, "queue": next(q for q, held in QUEUES.items() if intent in held),
        "action": phrases()["intents"][intent]["action"], "spoken": said if how.spoken else "", "manner": how.manner,
        "line": json.dumps([line.speed, line.telephone, line.snr_db]) if how.spoken else "", "synthetic": "true",
    }  # fmt: skip


def _intent(number: int, rng: np.random.Generator) -> str:
    """The matter of a dialogue; outages come in waves, so the mix drifts over time."""
    names = intents()
    wave = 3.0 if (number // 60) % 4 == 3 else 1.0
    share = np.array([wave if n == "internet_down" else 1.3 if n == "out_of_scope" else 1.0 for n in names])
    return str(rng.choice(names, p=share / share.sum()))


def _manner(intent: str, turn: int, rng: np.random.Generator) -> str:
    if turn > 1 and rng.random() < 0.6:
        return "follow"
    known = any(intent in group["intents"] for group in phrases()["vague"])
    return "vague" if known and rng.random() < 0.11 else "whole"


def _urgency(intent: str, rng: np.random.Generator) -> str:
    high = phrases()["intents"][intent]["urgent"]
    return str(rng.choice(["low", "normal", "high"], p=[(1 - high) * 0.3, (1 - high) * 0.7, high]))


def generate(
    folder: Path, turns: int, seed: int = 7, *, speech: bool = True, recogniser: str | None = None,
    progress: Progress = silent,
) -> Path:  # fmt: skip
    """Write ``turns`` turns and the knowledge base; return the path of ``manifest.csv``.

    A set made before is replaced as a whole; a folder with anything else in it is refused.

    Args:
        folder: where to write.
        turns: how many customer turns.
        seed: decides everything, on one version of the speech programs.
        speech: also speak the calls; else they keep the text that was said and have no sound.
        recogniser: writes down what it hears in each call, with its errors; see ``core.recognition``.
        progress: told of every turn.

    Raises:
        ConfigError: for a folder that is not ours, less than one turn, or a speech program that is not installed.
    """
    if turns < 1:
        raise ConfigError(f"turns: at least 1 is needed, found {turns}")
    if speech:
        sample_voices.check_programs()
    _check_ours(folder)
    rows = [row for _, found in zip(range(turns), dialogues(seed)) for row in found][:turns]
    with replace_folder(folder) as new:
        for number, row in enumerate(rows):
            row.update(_sound(new, row, seed, number) if speech else {"text": row["text"] or row["spoken"]})
            progress("turns", number + 1, turns)
        if recogniser is not None:
            _recognise(new, rows, recogniser, progress)
        _write(new, rows, turns, seed)
        if (folder / "routing.toml").is_file():
            shutil.copy(folder / "routing.toml", new)
    return folder / "manifest.csv"


def _sound(folder: Path, row: dict[str, str], seed: int, number: int) -> dict[str, str]:
    """Speak a row; the cell of its file."""
    if not row["spoken"]:
        return {}
    voice = next(v for voices in VOICES.values() for v in voices if v.id == row["speaker"])
    path = folder / "audio" / f"{row['turn_id']}.ogg"
    rng = np.random.default_rng([seed, 4, number])
    sample_voices.speak(row["spoken"], voice, Line(*json.loads(row["line"])), path, rng)
    return {"audio": path.relative_to(folder).as_posix()}


def _recognise(folder: Path, rows: Sequence[dict[str, str]], name: str, progress: Progress) -> None:
    from core import recognition

    recogniser = recognition.build(name)
    said = dict[str, str]()  # of the dialogue so far, what was heard in place of what was said
    for done, row in enumerate(rows):
        said = said if row["turn_number"] not in ("", "1") else {}
        for true, heard in said.items():
            row["dialogue"] = row["dialogue"].replace(f"customer: {true}\n", f"customer: {heard}\n")
        if row.get("audio"):
            found = recogniser.transcribe(folder / row["audio"])
            row |= {"recognised": found.text, "recognised_confidence": f"{found.confidence:.3f}"}
            said[row["spoken"]] = found.text
        progress("recognising", done + 1, len(rows))


def _write(folder: Path, rows: Sequence[dict[str, str]], turns: int, seed: int) -> None:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sample_knowledge.write(folder / "knowledge")
    (folder / "README.md").write_text(_readme(turns, seed), encoding="utf-8")
    (folder / _MARK).write_text(json.dumps({"made_by": __spec__.name, "turns": turns, "seed": seed}) + "\n", "utf-8")


def _check_ours(folder: Path) -> None:
    """Refuse to replace a folder unless all of it was made here."""
    held = (
        {entry.name for entry in folder.iterdir()} if folder.is_dir() else {folder.name} if folder.exists() else set()
    )
    strange = held - _OURS
    if strange or (held - {"routing.toml"} and _MARK not in held):
        named = ", ".join(sorted(strange or held)[:4])
        raise ConfigError(
            f"{folder}: holds what this generator did not make ({named}) and is left alone; choose another folder"
        )


def _readme(turns: int, seed: int) -> str:
    return f"""# A generated service

"Harbour" does not exist, and nobody stands behind any of these {turns} turns: words, names, numbers and behaviour were
drawn, and the calls spoken by espeak-ng and flite (synthetic voices, with noise and the band of a telephone), by

    python -m domains.customer_service.sample sample_data/customer_service --turns {turns} --seed {seed} \\
        --recognise faster_whisper

`manifest.csv` has a row a customer turn: `audio` or `text` (some calls have both), `recognised` (what Whisper tiny.en
heard, with its errors), `dialogue`, behaviour columns, `intent` ({len(intents())} with `out_of_scope`), `urgency`,
`queue`, `action`, `reply` (what the agent answered) and `split`. Voices and customers are in one split only, and a
sixth of the wordings occur in test rows only. `knowledge/` holds Markdown pages and `answers.csv`, `routing.toml` the
routing table. Never use {", ".join(f"`{c}`" for c in NEVER_INPUTS)} as inputs: they tell how a turn was made.
Some turns are vague or mean something only after the turns before, by design; figures measured here say how the
software works, nothing about a real service.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m domains.customer_service.sample", description="Write sample turns."
    )
    parser.add_argument("folder", type=Path, help="where to write; a set made before is replaced")
    parser.add_argument("--turns", type=int, default=800)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--text-only", action="store_true", help="no sound: calls keep the text that was said")
    parser.add_argument("--recognise", metavar="NAME", help="a recogniser writes down the calls: faster_whisper")
    given = parser.parse_args(arguments)
    try:
        with Bars() as bars:
            made = generate(
                given.folder,
                given.turns,
                given.seed,
                speech=not given.text_only,
                recogniser=given.recognise,
                progress=bars,
            )
        print(made)
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
