"""Graded answers like this one, to show beside a mark. They are kept only where the user asks for it.

A bundle holds no answers of learners; these lie in a file of their own beside it, which can be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from core.errors import FileError
from core.retrieval import TextIndex
from core.table_faults import split_of


@dataclass(frozen=True)
class Neighbour:
    """A graded answer to the same question, and how alike the two are, from 0 to 1."""

    answer: str
    grade: str
    likeness: float


class GradedAnswers:
    """Answers and their marks, by question."""

    def __init__(self, by_question: Mapping[str, list[list[str]]]) -> None:
        self.by_question = dict(by_question)  # question → [answer, grade] of each
        self._index: dict[str, TextIndex] = {}

    @classmethod
    def of(cls, table: pd.DataFrame, target: str) -> Self:
        """The distinct answers of a table that have a text and a mark; test rows are left out."""
        found: dict[str, list[list[str]]] = {}
        blank = pd.Series("", index=table.index)
        columns = (table.get(c, blank) for c in ("answer", target, "split"))
        for key, answer, grade, split in zip(_keys(table), *columns):
            pair = [str(answer), str(grade)]
            if all(pair) and split_of(str(split)) != "test" and pair not in found.setdefault(key, []):
                found[key].append(pair)
        return cls(found)

    def nearest(self, case: Mapping[str, Any], k: int = 3) -> tuple[Neighbour, ...]:
        """The ``k`` answers to the same question that are most like the case's, best first."""
        key = _key(str(case.get("question") or ""), str(case.get("reference") or ""))
        kept, answer = self.by_question.get(key, []), str(case.get("answer") or "")
        if not kept or not answer.strip():
            return ()
        if key not in self._index:
            self._index[key] = TextIndex([text for text, _ in kept])
        hits = self._index[key].search(answer, k)
        return tuple(Neighbour(kept[h.index][0], kept[h.index][1], round(h.score, 4)) for h in hits)

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        path.write_text(json.dumps(self.by_question, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            FileError: if it is no such file.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls({key: [[str(a), str(g)] for a, g in pairs] for key, pairs in found.items()})
        except (OSError, ValueError, AttributeError) as error:
            raise FileError(f"{path}: no graded answers ({error}); delete it, or save the grader again") from error


def beside(bundle: Path) -> Path:
    """Where the graded answers of a bundle lie.

    >>> beside(Path("run/bundle")).as_posix()
    'run/bundle_graded.json'
    """
    return bundle.with_name(f"{bundle.name}_graded.json")


def as_json(neighbours: tuple[Neighbour, ...]) -> list[dict[str, Any]]:
    """Neighbours as JSON objects."""
    return [asdict(n) for n in neighbours]


def _keys(table: pd.DataFrame) -> list[str]:
    blank = pd.Series("", index=table.index)
    return [_key(str(q), str(r)) for q, r in zip(table.get("question", blank), table.get("reference", blank))]


def _key(question: str, reference: str) -> str:
    return " ".join((question.strip() or reference).lower().split())
