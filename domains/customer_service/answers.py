"""All that may be answered, and what speaks for each answer in a turn: found words, meaning, and what was usual.

A  answers        C  cues: what customers said before an answer        V  values of context        F = len(FEATURES)
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from core.privacy.text import masked
from core.progress import Progress, silent
from core.retrieval import MEANING, WORDS, TextIndex
from domains.customer_service.knowledge import Knowledge, Piece
from domains.customer_service.reply_habit import Habit
from domains.customer_service.turns import Turn, by_agent, key, template, words

FEATURES = (
    "asked_words", "asked_meaning", "says_words", "says_meaning", "used", "from_knowledge", "intent", "last_line",
    "action", "behaviour", "habit", "said_already", "rejected",
)  # fmt: skip
CUES = 30  # at most so many of what was said before each answer; questions of the knowledge base are all kept
_PRIOR = 2.0  # turns that the general share of a value weighs


@dataclass(frozen=True)
class Answer:
    """One answer: its text with placeholders, where it comes from, and how often it was given."""

    text: str
    source: str
    kind: str  # "knowledge" or "past"
    cues: tuple[str, ...] = ()
    used: int = 0
    rejected: int = 0
    as_past: str = ""  # of the knowledge base: as past turns and decisions hold it, with a hotline in it masked


class Places(dict[str, int]):
    """Where each answer stands: by its words, and by its ``key``, which several may share, the first of them."""

    def put(self, reply: str, place: int) -> int:
        """Let the reply be found at this place, which comes back."""
        self.setdefault(words(reply), place)
        self.setdefault(key(reply), place)
        return place

    def find(self, reply: str) -> int | None:
        """The answer with these words and names of placeholders, else the first with these words."""
        return self.get(words(reply), self.get(key(reply)))


@dataclass
class Answers:
    """Answers with their indices. ``counts`` (A, V): how often each was given together with a value of context."""

    answers: list[Answer]
    values: dict[str, int]
    counts: sp.csr_matrix
    edges: dict[str, list[float]] = field(default_factory=dict)  # of the numbers of behaviour: borders of their parts
    model: str | None = None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    habit: Habit | None = None  # where enough turns were answered alike

    def __post_init__(self) -> None:
        cues = [(a, cue) for a, answer in enumerate(self.answers) for cue in answer.cues or (answer.text,)]
        self.owner = np.array([a for a, _ in cues])  # (C,)
        self.asked = TextIndex([c for _, c in cues], self.model, vectors=self.vectors.get("asked"))
        self.said = TextIndex([a.text for a in self.answers], self.model, vectors=self.vectors.get("said"))
        self.places = Places()
        for i, a in enumerate(self.answers):
            self.places.put(a.text, i)
        for i, a in enumerate(self.answers):
            self.places.put(a.as_past or a.text, i)
        self.total = np.asarray(self.counts.sum(axis=0)).ravel()  # (V,)
        self.used = np.array([a.used for a in self.answers], dtype=float)  # (A,)
        self.columns = self.counts.tocsc()

    @classmethod
    def build(
        cls,
        turns: Sequence[Turn],
        knowledge: Knowledge | None,
        rejected: Sequence[str] = (),
        model: str | None = None,
        progress: Progress = silent,
    ) -> Answers:
        """Gather equal replies, and count in which context each was given.

        Answers of the knowledge base are the same only where their placeholders have the same names; in a past reply
        masking named them, so there other names do not count against it.
        """
        places, found = Places(), list[Answer]()
        alike: dict[str, list[Piece]] = {}
        for p in knowledge.pieces if knowledge else ():
            alike.setdefault(words(p.answer), []).append(p)
        for pieces in alike.values():
            places.put(pieces[0].answer, len(found))
            cues = tuple(dict.fromkeys(p.question for p in pieces if p.question))
            sources = dict.fromkeys(p.source for p in pieces)
            as_past = _as_past(pieces[0].answer)
            found.append(Answer(pieces[0].answer, "; ".join(sources), "knowledge", cues, as_past=as_past))
        for place, a in enumerate(found):
            places.put(a.as_past, place)
        stated = [(i, p.intent) for i, pieces in enumerate(alike.values()) for p in pieces if p.intent]
        given = list[int]()
        for t in turns:
            if (i := places.find(t.reply)) is None:
                i = places.put(t.reply, len(found))
                found.append(Answer(t.reply, t.source, "past"))
            old = found[i]
            cues = old.cues if len(old.cues) >= CUES or t.text in old.cues else (*old.cues, t.text)
            found[i] = dataclasses.replace(old, cues=cues, used=old.used + 1)
            given.append(i)
        against = Counter(map(places.find, rejected))
        answers = [dataclasses.replace(a, rejected=against[i]) for i, a in enumerate(found)]
        edges = _edges(turns)
        values, counts = _count(list(zip(given, turns)), stated, len(found), edges)
        progress("index of answers", 0, 1)
        habit = Habit.fit([t.text for t in turns], [all_context(t, edges) for t in turns], np.array(given, dtype=int))
        made = cls(answers, values, counts, edges, model, habit=habit)
        progress("index of answers", 1, 1)
        return made

    def features(self, turn: Turn, vector: np.ndarray | None = None, most: int = 40) -> tuple[np.ndarray, np.ndarray]:
        """The answers worth ranking (N,), and what speaks for each (N, F).

        ``vector``: of the turn's text (D,), where it is known already; ``most``: candidates by each way of finding.
        """
        vector = vector if vector is not None else self.asked.vector(turn.text)
        asked, said = self.asked.scores(turn.text, vector), self.said.scores(turn.text, vector)
        by_cue = {name: self._best(part) for name, part in asked.items()}  # (A,) each
        context = {name: self._lift(values) for name, values in context_of(turn, self.edges).items()}
        usual = sum(context.values()) + np.log1p(self.used)
        habit = self._habit(turn)
        chosen = [self.asked.fuse(by_cue), self.said.fuse(said), usual, usual + 4 * by_cue[MEANING], habit]
        most = min(most, len(self.answers))
        kept = np.unique(np.concatenate([np.argpartition(-c, most - 1)[:most] for c in chosen]))
        given = {self.places.find(n.partition(":")[2]) for n in turn.before if by_agent(n)}
        answers = [self.answers[i] for i in kept]
        columns = {
            "asked_words": by_cue[WORDS][kept], "asked_meaning": by_cue[MEANING][kept],
            "says_words": said[WORDS][kept], "says_meaning": said[MEANING][kept],
            "used": np.log1p(self.used[kept]), "from_knowledge": [a.kind == "knowledge" for a in answers],
            **{name: lift[kept] for name, lift in context.items()}, "habit": habit[kept],
            "said_already": [i in given for i in kept], "rejected": [a.rejected for a in answers],
        }  # fmt: skip
        return kept, np.stack([np.asarray(columns[name], dtype=np.float32) for name in FEATURES], axis=1)

    def _habit(self, turn: Turn) -> np.ndarray:
        """How usual each answer is to such a turn, (A,)."""
        if self.habit is None:
            return np.zeros(len(self.answers), np.float32)
        return self.habit.margins(turn.text, all_context(turn, self.edges), len(self.answers))

    def _best(self, scores: np.ndarray) -> np.ndarray:
        """(C,) scores of cues to the best one of each answer, (A,)."""
        found = np.zeros(len(self.answers), np.float32)
        np.maximum.at(found, self.owner, scores)
        return found

    def _lift(self, values: Sequence[str]) -> np.ndarray:
        """How much more often than usual each answer was given in this context: a sum of log ratios, (A,)."""
        found = np.zeros(len(self.answers))
        turns = max(self.used.sum(), len(self.answers))
        for value in values:
            if (v := self.values.get(value)) is not None:
                share = (self.total[v] + 0.5) / (turns + 1)
                with_value = self.columns[:, [v]].toarray()[:, 0]  # (A,)
                found += np.log((with_value + _PRIOR * share) / ((self.used + _PRIOR) * share))
        return found


@lru_cache(maxsize=20_000)  # folds build several times of one knowledge base
def _as_past(answer: str) -> str:
    return template(masked(answer).strip())


def context_of(turn: Turn, edges: Mapping[str, list[float]]) -> dict[str, list[str]]:
    """What is known besides the words, as values by kind of context."""
    return {
        "intent": [f"intent={one}" for one in turn.intent.split("|") if one],
        "last_line": [f"said={key(turn.said)}"] if turn.said else ["said="],
        "action": [f"{n}={v}" for n, v in turn.behaviour.items() if "action" in n or "api" in n],
        "behaviour": [_part(n, v, edges) for n, v in turn.behaviour.items() if not ("action" in n or "api" in n)],
    }


def all_context(turn: Turn, edges: Mapping[str, list[float]]) -> list[str]:
    """All values of context in one list."""
    return [value for values in context_of(turn, edges).values() for value in values]


def _part(name: str, value: str, edges: Mapping[str, list[float]]) -> str:
    if name in edges and re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value):
        return f"{name}#{np.searchsorted(edges[name], float(value))}"
    return f"{name}={value}"


def _edges(turns: Sequence[Turn]) -> dict[str, list[float]]:
    """Borders of four equal parts of every behaviour that is a number in each turn that has it."""
    columns: dict[str, list[str]] = {}
    for t in turns:
        for name, value in t.behaviour.items():
            columns.setdefault(name, []).append(value)
    found = dict[str, list[float]]()
    for name, cells in columns.items():
        if all(re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", c) for c in cells):
            found[name] = np.unique(np.quantile(np.array(cells, float), (0.25, 0.5, 0.75))).tolist()
    return found


def _count(
    given: Sequence[tuple[int, Turn]],
    stated: Sequence[tuple[int, str]],
    answers: int,
    edges: Mapping[str, list[float]],
) -> tuple[dict[str, int], sp.csr_matrix]:
    """Answers to turns, and those that the knowledge base states for an intent, by value of context."""
    values: dict[str, int] = {}
    pairs = list[tuple[int, int]]()
    for a, t in given:
        pairs += [(a, values.setdefault(v, len(values))) for v in all_context(t, edges)]
    pairs += [(a, values.setdefault(f"intent={intent}", len(values))) for a, intent in stated]
    rows, columns = zip(*pairs) if pairs else ((), ())
    ones: Any = np.ones(len(pairs), np.float32)
    return values, sp.csr_matrix((ones, (rows, columns)), shape=(answers, max(len(values), 1)))
