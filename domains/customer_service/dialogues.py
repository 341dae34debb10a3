"""Turns of both sides of a chat or call, to two tables to learn from: what the agent decided, and whole sessions.

Read is a table of turns (CSV, .csv.gz, Parquet), a row a turn, in order or with ``turn``; other names in brackets:

    dialogue_id (conversation_id, session_id)    role (side, who): customer or user; agent, wizard, assistant, system
    text (utterance, recognised)                 turn (turn_number, turn_idx)    the place of the turn, if wanted
    action (action_label)    what the agent did, if wanted; rows of the agent without one are then set aside
    customer_id (user_worker, user_id, group)    whose rows stay on one side of a split; without one each dialogue's
    split                    kept where no customer stands on both sides of it
    behaviour                the NUMBERS and CATEGORIES of ``domains.customer_service.recipe``

    python -m domains.customer_service.dialogues TURNS.csv --out FOLDER
    polyfuse train FOLDER/decisions.csv --domain customer_service --target next_action --out RUN
    polyfuse replies REPLIES --table FOLDER/decisions.csv

``--typed ACTION[,ACTION]`` names actions that are no known reply, such as "typed freely": they stay what happened
before, and are no answer to learn or to measure (nothing could have suggested them).

``decisions.csv``, a row each turn of the agent: turn_id, dialogue_id, customer_id, split, ``text`` (what the customer
just said), ``dialogue`` (the last lines before), behaviour as it stood then, ``previous_action``, ``action_before``
(the one before that; read with ``--set categories=action_before``), and the answers: ``reply`` and ``next_action``.
``sessions.csv``, a row a dialogue: what the customer said as ``text``, and COUNTS; ``--sessions TABLE --keep COLUMNS``
puts columns of a table of sessions, such as what is to be predicted, beside them by their dialogue_id. No other column
comes along: suggestions that were made from the agent's own draft, or a survey after the chat, give the answer away.
``set_aside.csv``: rows that could not be used, counted from 1 below the header, with the reason.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from core.errors import ConfigError, FileError, PolyfuseError, unknown
from core.numbers import number_or_none
from core.recipes import as_names
from core.table import StringTable
from domains.customer_service.recipe import CATEGORIES, NUMBERS
from domains.customer_service.sides import AGENT, CUSTOMER, ROLES, SIDES, side_of

ALIASES = {
    "dialogue_id": ("dialogue_id", "conversation_id", "session_id"),
    "role": ROLES,
    "text": ("text", "utterance", "recognised"),
    "turn": ("turn", "turn_number", "turn_idx"),
    "action": ("action", "action_label"),
    "customer_id": ("customer_id", "user_worker", "user_id", "group"),
    "split": ("split",),
}
NEEDED = ("dialogue_id", "role", "text")
COUNTS = (
    "customer_turns", "agent_turns", "last_customer_words", "distinct_actions", "repeated_actions",
    "out_of_scope_actions", "api_changes",
)  # fmt: skip
LINES = 4
_WHEN_DECIDED = ("kb_queries_so_far", "last_api")  # as the agent's own row has them; all else as the customer's last
_MADE = ("turn_number", "previous_action")  # counted here


class SetAside(NamedTuple):
    """A row that could not be used, counted from 1 below the header."""

    row: int
    dialogue_id: str
    reason: str


@dataclass
class Dialogues:
    """What was read; see above."""

    source: str
    decisions: pd.DataFrame
    sessions: pd.DataFrame
    aside: list[SetAside] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, folder: Path | str) -> list[Path]:
        """Write the three tables; returns where they are.

        Raises:
            FileError: if no decision is left, or the folder cannot be written.
        """
        if self.decisions.empty:
            raise FileError(f"{self.source}: no turn of an agent is left to write\n{self.text()}")
        aside = pd.DataFrame(self.aside, columns=SetAside._fields)
        tables = {"decisions.csv": self.decisions, "sessions.csv": self.sessions, "set_aside.csv": aside}
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for name, table in tables.items():
                table.to_csv(Path(folder) / name, index=False)
        except OSError as error:
            raise FileError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
        return [Path(folder) / name for name in tables]

    def text(self) -> str:
        """What was read, for people."""
        lines = [f"{self.source}: {len(self.decisions)} decisions of agents in {len(self.sessions)} dialogues"]
        reasons = Counter(a.reason for a in self.aside)
        lines += [f"  set aside {count} × {reason}" for reason, count in reasons.most_common(20)]
        return "\n".join(lines + [f"  note: {n}" for n in self.notes])


def read_dialogues(source: Path | str | pd.DataFrame, *, lines: int = LINES, typed: Collection[str] = ()) -> Dialogues:
    """Both tables of a table of turns.

    Args:
        source: the table, or its path.
        lines: so many lines before the customer's last words make the dialogue.
        typed: actions that stand for the agent's own words; they are history, and no decision to learn.

    Raises:
        ConfigError: for a column that is needed and not there, or a ``typed`` action that no turn has.
        FileError: if the table cannot be read.
    """
    table = StringTable.open(source)
    found = {name: next((c for c in others if c in table.columns), None) for name, others in ALIASES.items()}
    if lacking := [n for n in NEEDED if found[n] is None]:
        raise ConfigError(
            f"{table.source}: dialogues need the columns {', '.join(NEEDED)}; {lacking[0]} "
            f"({', '.join(ALIASES[lacking[0]])}) is not among {', '.join(table.columns)}"
        )
    aside, notes = list[SetAside](), list[str]()
    talks = _talks(_rows(table.frame(), {n: c for n, c in found.items() if c}), aside)
    decisions = [row for talk in talks.values() for row in _decisions(talk, lines, found["action"] is not None, aside)]
    met = Counter(row.get("next_action", "") for row in decisions)
    if alien := sorted({*typed} - {*met}):
        raise unknown("action", alien[0], met)
    if found["action"]:
        decisions = _to_learn(decisions, met, typed, aside)
    told = pd.DataFrame([{k: v for k, v in d.items() if k != "row"} for d in decisions])
    whole = pd.DataFrame([_session(talk) for talk in talks.values()])
    if found["action"] is None:
        notes.append(f"no column {' or '.join(ALIASES['action'])}: decisions have a reply, and no next_action")
    aside.sort()
    told, whole = (_whole_splits(t, notes) for t in (told, whole))
    return Dialogues(table.source, told, whole, aside, list(dict.fromkeys(notes)))


def with_columns(sessions: pd.DataFrame, other: Path | str | pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Sessions with columns of another table, found by their dialogue_id; blank where it has no such dialogue.

    Raises:
        ConfigError: for a column that the table lacks, or a dialogue that stands there twice.
    """
    table = StringTable.open(other)
    key = next((c for c in ALIASES["dialogue_id"] if c in table.columns), "dialogue_id")
    if alien := [n for n in (key, *names) if n not in table.columns]:
        raise unknown("column of the table of sessions", alien[0], table.columns)
    more = table.frame().set_index(key)[list(names)]
    if twice := list(more.index[more.index.duplicated()]):
        raise ConfigError(f"{table.source}: dialogue {twice[0]!r} stands there twice; keep one row of each")
    return sessions.drop(columns=[n for n in names if n in sessions]).join(more, on="dialogue_id").fillna("")


def _rows(frame: pd.DataFrame, columns: Mapping[str, str]) -> list[dict[str, str]]:
    """Rows by documented names, with nothing else than these and behaviour."""
    behaviour = [c for c in (*NUMBERS, *CATEGORIES) if c in frame and c not in _MADE]
    kept = pd.DataFrame({c: frame[c] for c in behaviour} | {n: frame[c] for n, c in columns.items()})
    rows = [{k: " ".join(v.splitlines()).strip() for k, v in row.items()} for row in kept.to_dict("records")]
    return [row | {"row": str(i)} for i, row in enumerate(rows, start=1)]


def _talks(rows: Iterable[dict[str, str]], aside: list[SetAside]) -> dict[str, list[dict[str, str]]]:
    """The usable turns of each dialogue, in order."""
    talks, seen = dict[str, list[dict[str, str]]](), set[tuple[str, str]]()
    for row in rows:
        place = row["dialogue_id"], row.setdefault("turn", str(len(talks.get(row["dialogue_id"], ()))))
        if reason := _unusable(row, place in seen):
            aside.append(SetAside(int(row["row"]), row["dialogue_id"], reason))
            continue
        seen.add(place)
        talks.setdefault(row["dialogue_id"], []).append(row)
    return {name: sorted(talk, key=lambda t: number_or_none(t["turn"]) or 0.0) for name, talk in talks.items()}


def _unusable(row: Mapping[str, str], again: bool) -> str:
    """Why a row is no turn of a dialogue; "" where it is one."""
    side = side_of(row["role"])
    if not row["dialogue_id"]:
        return "no dialogue_id"
    if side is None:
        return f"role {row['role']!r} is neither {' nor '.join(' or '.join(words) for words in SIDES.values())}"
    if number_or_none(row["turn"]) is None:
        return f"turn {row['turn']!r} is no number"
    if again:
        return f"turn {row['turn']} stands twice in its dialogue"
    return "" if row["text"] or (side == AGENT and row.get("action")) else "no text"


def _decisions(
    talk: Sequence[Mapping[str, str]], most: int, has_actions: bool, aside: list[SetAside]
) -> list[dict[str, str]]:
    """A row each turn of the agent, as things stood before it."""
    rows, lines, said, actions, last = (
        list[dict[str, str]](),
        list[str](),
        list[str](),
        ["start", "start"],
        dict[str, str](),
    )
    for turn in talk:
        if side_of(turn["role"]) == CUSTOMER:
            said.append(turn["text"])
            last = dict(turn)
            continue
        action = turn.get("action", "")
        if has_actions and not action:
            aside.append(SetAside(int(turn["row"]), turn["dialogue_id"], "a turn of the agent without an action"))
        else:
            rows.append(
                _named(turn, talk)
                | {"text": " ".join(said), "dialogue": "\n".join(lines[-most:] if most else [])}
                | {c: (turn if c in _WHEN_DECIDED else last).get(c, "") for c in (*NUMBERS, *CATEGORIES) if c in turn}
                | {"turn_number": str(len(lines)), "reply": turn["text"], "row": turn["row"]}
                | ({"previous_action": actions[-1], "action_before": actions[-2]} if has_actions else {})
                | ({"next_action": action} if has_actions else {})
            )
        lines += [f"customer: {s}" for s in said] + ([f"agent: {turn['text']}"] if turn["text"] else [])
        said, actions = [], [*actions, action or "none"]
    return rows


def _named(turn: Mapping[str, str], talk: Sequence[Mapping[str, str]]) -> dict[str, str]:
    name = turn["dialogue_id"]
    own = {n: next((t[n] for t in talk if t[n]), "") for n in ("customer_id", "split") if n in turn}
    return {"turn_id": f"{name}-{turn['turn']}", "dialogue_id": name, "customer_id": name} | {
        n: v for n, v in own.items() if v or n == "split"
    }


def _session(talk: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A whole dialogue: what the customer said, and how it went."""
    said = [t["text"] for t in talk if side_of(t["role"]) == CUSTOMER]
    did = [a for t in talk if side_of(t["role"]) == AGENT and (a := t.get("action"))]
    called = [a for t in talk if (a := t.get("last_api"))]
    counts = (
        len(said), len(talk) - len(said), len(said[-1].split()) if said else 0, len(set(did)),
        len(did) - len(set(did)), did.count("out_of_scope"), sum(a != b for a, b in pairwise(called)) if called else "",
    )  # fmt: skip
    named = {k: v for k, v in _named(talk[0], talk).items() if k != "turn_id"}
    return named | {"text": "\n".join(said)} | dict(zip(COUNTS, map(str, counts)))


def _to_learn(
    rows: list[dict[str, str]], met: Mapping[str, int], typed: Collection[str], aside: list[SetAside]
) -> list[dict[str, str]]:
    """Decisions of actions that stand for a reply and were taken more than once, so that one can be tested."""
    kept = list[dict[str, str]]()
    for row in rows:
        action = row["next_action"]
        if action not in typed and met[action] > 1:
            kept.append(row)
            continue
        reason = f"{action!r} is no known reply" if action in typed else "the only decision with its action"
        aside.append(SetAside(int(row["row"]), row["dialogue_id"], reason))
    return kept


def _whole_splits(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Without the column split where it puts one customer on both sides, or leaves a row without one."""
    if "split" not in table:
        return table
    if (table["split"] != "").all() and (table.groupby("customer_id")["split"].nunique() == 1).all():
        return table
    notes.append("split is left out: it is blank, or has one customer on both sides; train splits anew by customer_id")
    return table.drop(columns="split")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m domains.customer_service.dialogues", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("turns", type=Path, help="table of turns")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--lines", type=int, default=LINES, help=f"lines of a dialogue (default {LINES})")
    parser.add_argument("--typed", default="", help="actions that are no known reply, comma-separated")
    parser.add_argument("--sessions", type=Path, help="table with a row a dialogue")
    parser.add_argument("--keep", help="its columns that come into sessions.csv, comma-separated")
    options = parser.parse_args(arguments)
    if (options.sessions is None) != (options.keep is None):
        parser.error("--sessions and --keep belong together: a table, and which of its columns come along")
    try:
        found = read_dialogues(options.turns, lines=options.lines, typed=[t for t in options.typed.split(",") if t])
        if options.sessions is not None:
            found.sessions = with_columns(found.sessions, options.sessions, as_names(options.keep.split(",")))
        written = found.write(options.out)
    except PolyfuseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(found.text(), *map(str, written), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
