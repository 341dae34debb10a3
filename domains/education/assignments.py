"""Answers in: the plain table, Moodle and Canvas exports, and the public layout, to the table that the grader reads.

The plain table (CSV, UTF-8), a row an answer; ``question_id`` is needed in every row, and a score has a learner:

    answer_id, student_id, question_id, question, reference, answer, concept, module, attempt, time, section, split,
    grade (correct, partly, contradictory, incorrect) or points with max_points

A learner whom a file names by a mail address is called by its fingerprint, as in ``domains.education.records``.

Scores without a text count in the learner's history; where there are any, ``NAME_scores.csv`` holds all marks, for
mastery. ``questions.csv`` (question_id, question, reference, concept, module) fills what a row leaves blank. Several
references are separated by |. What cannot be used is set aside with its line and reason, all faults at once.

New answers in a file of their own know nothing of their learners: ``--history`` names the earlier graded table, whose
marks count as known, and whose rows are not written.

    python -m domains.education.assignments quiz.csv --out answers.csv
    python -m domains.education.assignments gradebook.csv --out book.csv
    python -m domains.education.mastery train book_scores.csv --out runs/mastery
    python -m domains.education.assignments answers.csv questions.csv --dataset beetle --unseen questions --out OUT.csv
    polyfuse train OUT.csv --domain education --target label_2way --out RUN
    polyfuse evaluate RUN/bundle OUT.csv --split test
    python -m domains.education.assignments new.csv questions.csv --history answers.csv --dataset beetle --out NEW.csv
    polyfuse evaluate RUN/bundle NEW.csv

Besides the columns above the public layout (``student_answer``, ``all_references``, ``label_2way``, ``score`` …) is
read; its official parts become ``part``, and ``split`` says train or test.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.errors import FileError, PolyfuseError, unknown
from core.numbers import counted
from domains.education.assignments_check import MARKS, Checker
from domains.education.assignments_history import HISTORY, history_told, is_test, with_history
from domains.education.assignments_public import public_line
from domains.education.assignments_read import KINDS, lines_of, open_csv, read_questions, which
from domains.education.recipe import UNSEEN
from domains.education.records_types import SetAside, learner_id

_ALWAYS = ("answer", "group", *HISTORY)  # columns that a model may ask for, whatever the rows of one file hold


@dataclass
class Assignments:
    """What was read: rows by column name (blank is ""), and the lines that were set aside."""

    source: str
    kind: str
    rows: list[dict[str, str]] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    questions: dict[str, Mapping[str, str]] = field(default_factory=dict)  # of a table of questions, by their ids
    before: list[dict[str, str]] = field(default_factory=list)  # of an earlier table: its marks are known, no more

    def table(self, unseen: str | None = None) -> pd.DataFrame:
        """The rows with the learner's history, without columns that are blank throughout.

        ``unseen`` writes the column ``group`` that training keeps together: see ``domains.education.recipe``. Test rows
        whose group is in the training rows too are left out; ``not_new`` says which.
        """
        return _frame(self._ready(unseen), _ALWAYS)

    def _ready(self, unseen: str | None) -> list[dict[str, str]]:
        rows = with_history(self.rows, self.before)
        return rows if unseen is None else _grouped(rows, unseen, self._trained(unseen))

    def _trained(self, unseen: str) -> set[str]:
        """The groups of ``unseen`` rows that there are to learn from, here or in the earlier table."""
        if unseen not in UNSEEN:
            raise unknown("kind of unseen rows", unseen, UNSEEN)
        by = UNSEEN[unseen]
        return {row.get(by, "") for row in (*self.before, *self.rows) if not is_test(row)} - {""} if by else set()

    def not_new(self, unseen: str | None) -> list[SetAside]:
        """The answers that ``table`` leaves out: test rows that are not new in what they were to be ``unseen`` in."""
        if unseen is None or (by := UNSEEN.get(unseen)) is None:
            return []
        trained = self._trained(unseen)
        reason = (
            f"a test row whose {by} is in the training rows too, so not of unseen {unseen}; --unseen answers keeps it"
        )
        left = [row for row in self.rows if row.get("answer") and is_test(row) and row.get(by) in trained]
        return [SetAside(0, reason, row["answer_id"]) for row in left]

    def history(self, unseen: str | None = None) -> str:
        """How many of the answers have a history, and why none has, for people."""
        return history_told([row for row in self._ready(unseen) if row.get("answer")], self.before)

    def write(self, out: Path | str, unseen: str | None = None) -> list[Path]:
        """Write all rows that have a text; the marks of all learners beside it where some have no text; what is aside.

        The latter are ``NAME_scores.csv`` and ``NAME_set_aside.csv``. Returns the files that were written.

        Raises:
            FileError: where neither a text nor a mark is left.
        """
        if not self.rows:
            raise FileError(f"{self.source}: no answer and no score is left to write\n{self.text()}")
        path, table = Path(out), self.table(unseen)
        scores, aside = (path.with_name(f"{path.stem}_{name}.csv") for name in ("scores", "set_aside"))
        scores.unlink(missing_ok=True)  # of an earlier run
        tables = {aside: pd.DataFrame([*self.aside, *self.not_new(unseen)], columns=SetAside._fields)}
        if "answer" in table and len(texts := table[table["answer"] != ""]):
            tables[path] = texts
        if not all(row.get("answer") for row in self.rows):
            marked = (row for row in self.rows if row.get("student_id") and any(row.get(m) for m in MARKS))
            tables[scores] = _frame([row | {"answer": ""} for row in marked])
        for file, rows in tables.items():
            rows.to_csv(file, index=False)
        return list(tables)

    def text(self, unseen: str | None = None) -> str:
        """What was read, and what of it is set aside, for people."""
        texts = sum(bool(row.get("answer")) for row in self.rows)
        lines = [
            f"{self.source}: read as {self.kind}, {counted(texts, 'answer')}, "
            f"{counted(len(self.rows) - texts, 'score')} without text"
        ]
        left_out = self.not_new(unseen)
        reasons = Counter(a.reason for a in (*self.aside, *left_out))
        lines += [f"  set aside {count} × {reason}" for reason, count in reasons.most_common(20)]
        return "\n".join(lines + [f"  {texts - len(left_out)} answers are left"] * bool(left_out))


def read_assignments(
    source: Path | str,
    questions: Path | str | None = None,
    *,
    kind: str | None = None,
    encoding: str = "utf-8-sig",
    dataset: str | None = None,
    quiz: str = "",
    history: Path | str | None = None,
    now: datetime | None = None,
) -> Assignments:
    """Read a file of answers or scores.

    Args:
        source: CSV (also ``.gz``).
        questions: CSV of questions, to fill what the answers leave blank.
        kind: one of ``KINDS``; None: told by the header.
        encoding: of both files.
        dataset: public layout only: the rows of this one.
        quiz: of Moodle's "Responses" alone, which number the questions of every quiz from 1: put before their ids.
        history: CSV of earlier graded answers, of any kind: what its marks tell of the learners is known, its rows are
            not among those read.
        now: nothing may be dated later; None: the clock.

    Raises:
        FileError: if a file cannot be read at all or its columns are none of the known ones.
        ConfigError: for an unknown kind.
    """
    columns, rows = open_csv(Path(source), encoding)
    found = Assignments(str(source), which(kind, columns, str(source)))
    known = read_questions(Path(questions), encoding, dataset, found.aside) if questions is not None else {}
    before = f"{quiz} " if quiz and found.kind == "moodle" else ""
    found.questions = {before + name: cells for name, cells in known.items()}
    if history is not None:
        earlier = read_assignments(history, questions, encoding=encoding, dataset=dataset, now=now)
        found.before = earlier.rows
        found.aside += [a._replace(reason=f"in the earlier table {history}: {a.reason}") for a in earlier.aside]
    check = Checker(now or datetime.now(UTC), found.before)
    for line, cells in lines_of(found.kind, columns, rows, found.aside):
        if dataset is not None and cells.get("dataset", dataset) != dataset:
            continue
        row = public_line(cells) if found.kind == "public" else cells
        row |= {k: v for k, v in known.get(row.get("question_id", ""), {}).items() if v and not row.get(k)}
        row["student_id"] = learner_id(row.get("student_id", "").strip())
        if before:
            row["question_id"] = before + row["question_id"]
        try:
            found.rows.append(check(row))
        except ValueError as error:
            content = ", ".join(row.get(n, "") for n in ("answer_id", "student_id", "question_id"))
            found.aside.append(SetAside(line, str(error), content))
    check.number(found.rows)
    found.rows = check.without_moved(found.rows, found.aside)
    return found


def _frame(rows: Sequence[Mapping[str, str]], always: Sequence[str] = ()) -> pd.DataFrame:
    """Rows as a table, without columns that are blank throughout but for those that are ``always`` kept."""
    names = dict.fromkeys(name for row in rows for name in row)
    kept = [n for n in names if n in always or any(row.get(n) for row in rows)]
    return pd.DataFrame([[row.get(n, "") for n in kept] for row in rows], columns=kept, dtype=str)


def _grouped(rows: Sequence[dict[str, str]], unseen: str, trained: Set[str]) -> list[dict[str, str]]:
    by = UNSEEN[unseen] or ""
    kept = [row for row in rows if not is_test(row) or row.get(by) not in trained]
    return [row | {"group": row.get(by, "")} for row in kept]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a file of answers and write the table that ``polyfuse train --domain education`` reads."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.assignments", description=main.__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write; what is set aside goes beside it")
    parser.add_argument("--kind", choices=KINDS, help="default: told by the header")
    parser.add_argument("--encoding", default="utf-8-sig")
    parser.add_argument(
        "--quiz", default="", help="Moodle numbers questions from 1 in every quiz: goes before their ids"
    )
    parser.add_argument("--dataset", help="public layout: only the rows of this data set")
    words = "CSV of earlier graded answers: their marks are known of the learners, their rows are not written"
    parser.add_argument("--history", type=Path, metavar="TRAIN.csv", help=words)
    parser.add_argument("--unseen", choices=tuple(UNSEEN), help="what held-out rows are to be new in")
    o = parser.parse_args(arguments)
    try:
        found = read_assignments(
            o.answers, o.questions, kind=o.kind, encoding=o.encoding, dataset=o.dataset, quiz=o.quiz, history=o.history
        )
        files = found.write(o.out, o.unseen)
    except (PolyfuseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    lines = (found.text(o.unseen), found.history(o.unseen), f"written: {', '.join(map(str, files))}")
    print("\n".join(filter(None, lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
