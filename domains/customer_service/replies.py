"""``ReplySuggester``: ranked replies from a knowledge base and past answered turns, for an agent to approve.

It suggests; nothing is sent by itself. Texts of customers and agents are masked before anything is learned or kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.atomic import replace_folder
from core.errors import BundleError, ConfigError
from core.privacy.text import Masker
from core.progress import Progress, silent
from core.record import Record
from core.sentences import sentence_vectors
from core.table import StringTable
from domains.customer_service.answers import FEATURES, Answer, Answers
from domains.customer_service.knowledge import Knowledge, fill
from domains.customer_service.reply_habit import Habit
from domains.customer_service.reply_ranker import Ranker
from domains.customer_service.turns import Turn, from_dialogue, from_record, from_table, words

_FORMAT = 3
_HABIT = "habit_"  # before the names of its arrays
_SAME_MEANING = 0.8  # cosine from which another wording counts as half right
_TWINS = 0.95  # cosine from which two answers are shown once
_ALIASES = {"number": ("order_number", "account_number", "reference"), "name": ("customer_name", "person")}


@dataclass(frozen=True)
class Suggestion:
    """One reply to approve, edit or reject."""

    text: str  # placeholders filled where a slot was given
    score: float  # in (0, 1), an order and no probability
    source: str
    parts: dict[str, float] = field(default_factory=dict)  # what spoke for it, by name
    missing: tuple[str, ...] = ()  # placeholders that nothing filled; they stand in the text in braces
    template: str = ""  # the reply as it is kept


class ReplySuggester:
    """Replies by retrieval and a learned order.

    Args:
        model: folder or hub id of a sentence encoder; None: the installed MiniLM, else TF-IDF (``about`` says which).
        seed: of folds and trees.
        most_turns: answered turns that the order is learned from; all are searched.
    """

    def __init__(self, model: str | None = None, *, seed: int = 0, most_turns: int = 1500) -> None:
        self.model, self.seed, self.most_turns = model, seed, most_turns
        self._answers: Answers | None = None
        self._ranker = Ranker()

    def fit(
        self,
        table: pd.DataFrame | Path | str | None = None,
        knowledge: Knowledge | None = None,
        *,
        record: Record | None = None,
        progress: Progress = silent,
    ) -> Self:
        """Learn from answered turns, a knowledge base and what agents decided; any of them may be missing.

        Args:
            table: columns ``reply`` and ``text`` (or ``recognised``), and if wanted ``dialogue``, ``intent``,
                ``action``, behaviour and ``split``, of which test rows are left out.
            knowledge: what may be answered besides.
            record: approved, edited and own replies are learned from, rejected ones sink.

        Raises:
            ConfigError: if there is nothing to suggest from.
        """
        turns = from_table(_frame(table)) if table is not None else []
        decided, rejected = from_record(record) if record is not None else ([], [])
        turns += decided
        if not turns and not (knowledge and len(knowledge)):
            raise ConfigError("replies: neither an answered turn nor a knowledge base is there to suggest from")
        self._ranker = Ranker.fit(self._examples(turns, knowledge, rejected, progress), self.seed)
        self._answers = Answers.build(turns, knowledge, rejected, self.model, progress)
        return self

    def suggest(
        self,
        dialogue: str | Sequence[str],
        *,
        text: str | None = None,
        behaviour: Mapping[str, Any] | None = None,
        intent: str | None = None,
        slots: Mapping[str, str] | None = None,
        k: int = 3,
    ) -> list[Suggestion]:
        """The ``k`` best replies to the customer's last words, best first, without what the agent has said already.

        Args:
            dialogue: lines ``customer: …`` and ``agent: …``; the last ones of the customer are answered.
            text: what is answered, where the dialogue does not hold it yet.
            behaviour: values by column.
            intent: as the detector named it; of several, with '|' between them.
            slots: values for the placeholders of replies, by name.

        Raises:
            ConfigError: before ``fit`` or ``load``, if the customer said nothing, or for ``k`` below 1.
        """
        if k < 1 or k != int(k):
            raise ConfigError(f"suggest: expected k as a whole number from 1, found {k}")
        turn = from_dialogue(dialogue, text, intent, behaviour)
        said, filled = turn.all_said, _by_alias(slots or {})
        masker = Masker()
        turn = replace(turn, before=tuple(masker.mask(n).text for n in turn.before))  # as those learned from are
        kept, features = self.answers.features(turn)
        scores = self._ranker.scores(features)  # (N,)
        new = [i for i in np.argsort(-scores, kind="stable") if words(self._filled(kept[i], filled)[0]) not in said]
        order = self._distinct(kept, new, k)
        return [self._suggestion(int(kept[i]), float(scores[i]), features[i], filled) for i in order]

    def evaluate(self, table: pd.DataFrame | Path | str) -> dict[str, float]:
        """How high the reply that was given stands among all, on the test rows: recall@1, recall@3, mrr, and rows.

        A reply that is no answer here is never found; the same words with other values in them are the same reply.

        Raises:
            ConfigError: without test rows, or before ``fit`` or ``load``.
        """
        turns = from_table(_frame(table), test=True)
        if not turns:
            raise ConfigError("evaluate: the table has no answered test rows; mark some in a column split")
        ranks = np.array([self._rank(t) for t in turns])  # inf where it is not among the answers
        at = {f"recall@{k}": float((ranks <= k).mean()) for k in (1, 3)}
        return at | {"mrr": float((1 / ranks).mean()), "rows": len(turns)}

    def _rank(self, turn: Turn) -> float:
        kept, features = self.answers.features(turn)
        scores, own = self._ranker.scores(features), self.answers.places.find(turn.reply)
        found = np.flatnonzero(kept == own) if own is not None else np.array([])
        return float((scores > scores[found[0]]).sum() + 1) if len(found) else np.inf

    @property
    def answers(self) -> Answers:
        """All that may be suggested.

        Raises:
            ConfigError: before ``fit`` or ``load``.
        """
        if self._answers is None:
            raise ConfigError("this ReplySuggester knows no answers: call fit(table, knowledge) or load(folder) first")
        return self._answers

    @property
    def about(self) -> dict[str, str]:
        """How many answers there are, what finds them, and what orders them."""
        kinds = [a.kind for a in self.answers.answers]
        held = f"{kinds.count('knowledge')} from the knowledge base, {kinds.count('past')} from answered turns"
        return {"answers": held, **self.answers.asked.uses, "order": self._ranker.about}

    def save(self, folder: Path | str) -> None:
        """Write JSON, safetensors and the ranker's text; a folder that is there is replaced as a whole."""
        found = self.answers
        vectors = {"asked": found.asked.vectors, "said": found.said.vectors}
        counts = {k: np.asarray(getattr(found.counts, k)) for k in ("data", "indices", "indptr")}
        usual, arrays = found.habit.state() if found.habit is not None else (None, {})
        habit = {_HABIT + name: array for name, array in arrays.items()}
        content = {
            "format": _FORMAT, "model": self.model, "seed": self.seed, "turns": self._ranker.turns,
            "features": FEATURES, "answers": [asdict(a) for a in found.answers], "values": found.values,
            "edges": found.edges, "habit": usual,
        }  # fmt: skip
        with replace_folder(Path(folder)) as new:
            (new / "replies.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            save_file(counts | habit | {k: v for k, v in vectors.items() if v is not None}, new / "replies.safetensors")
            self._ranker.save(new)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Open what ``save`` wrote.

        Raises:
            BundleError: if it is corrupt, incomplete or of another version.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / "replies.json").read_text(encoding="utf-8"))
            if content["format"] != _FORMAT or tuple(content["features"]) != FEATURES:
                raise BundleError(f"{folder}: written by another version; fit the replies again")
            arrays = load_file(folder / "replies.safetensors")
            answers = [Answer(**a | {"cues": tuple(a["cues"])}) for a in content["answers"]]
            shape = (len(answers), max(len(content["values"]), 1))
            counts = sp.csr_matrix(tuple(arrays[k] for k in ("data", "indices", "indptr")), shape=shape)
            found = cls(content["model"], seed=content["seed"])
            vectors = {str(k): arrays[k] for k in ("asked", "said") if k in arrays}
            own = {k.removeprefix(_HABIT): array for k, array in arrays.items() if k.startswith(_HABIT)}
            habit = Habit.restore(content["habit"], own) if content["habit"] is not None else None
            found._answers = Answers(answers, content["values"], counts, content["edges"], found.model, vectors, habit)
            found._ranker = Ranker.load(folder, content["turns"])
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise BundleError(f"{folder}: not a readable folder of replies ({error}); save or fit it again") from error
        return found

    def _examples(
        self, turns: Sequence[Turn], knowledge: Knowledge | None, rejected: Sequence[str], progress: Progress
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Features and rightness of answers to past turns, found by an index that has not seen their customers."""
        rng = np.random.default_rng(self.seed)
        groups = sorted({t.group for t in turns})
        fold = dict(zip(groups, rng.permutation(len(groups)) % 3))
        chosen = set(rng.permutation(len(turns))[: self.most_turns].tolist())
        found = list[tuple[np.ndarray, np.ndarray]]()
        for part in range(3):
            known = [t for t in turns if fold[t.group] != part]
            asked = [t for i, t in enumerate(turns) if fold[t.group] == part and i in chosen]
            if not asked or not (known or knowledge):
                continue
            index = Answers.build(known, knowledge, rejected, self.model)
            right = _Right(index, turns)
            known_vectors = index.asked.vectors is not None  # then all at once, in batches
            vectors = sentence_vectors([t.text for t in asked], self.model) if known_vectors else [None] * len(asked)
            for t, vector in zip(asked, vectors):
                progress("order of replies", len(found), len(chosen))
                kept, features = index.features(t, vector)
                found.append((features, right(t, kept)))
        return found

    def _filled(self, place: int, slots: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        return fill(self.answers.answers[place].text, slots)

    def _distinct(self, kept: np.ndarray, order: Sequence[int], k: int) -> list[int]:
        """The first ``k`` of an order without those that say what a better one says."""
        vectors = self.answers.said.vectors
        chosen = list[int]()
        for i in order:
            if len(chosen) == k:
                break
            if vectors is None or not any(vectors[kept[i]] @ vectors[kept[j]] > _TWINS for j in chosen):
                chosen.append(int(i))
        return chosen

    def _suggestion(self, place: int, score: float, features: np.ndarray, slots: Mapping[str, str]) -> Suggestion:
        answer = self.answers.answers[place]
        text, missing = self._filled(place, slots)
        parts = {name: round(float(v), 4) for name, v in zip(FEATURES, features)}
        return Suggestion(text, score, answer.source, parts, missing, answer.text)


def _by_alias(slots: Mapping[str, str]) -> dict[str, str]:
    """The slots that are given, under their other names too."""
    known = {name: slots[a] for name, others in _ALIASES.items() for a in reversed(others) if slots.get(a)}
    return known | {k: v for k, v in slots.items() if v}


class _Right:
    """How right an answer is to a past turn: 2 the same, 1 of the same action or meaning, else 0."""

    def __init__(self, index: Answers, turns: Sequence[Turn]) -> None:
        self.index = index
        self.actions: dict[str, set[int | None]] = {}
        for t in turns:
            if t.action:
                self.actions.setdefault(t.action, set()).add(index.places.find(t.reply))

    def __call__(self, turn: Turn, kept: np.ndarray) -> np.ndarray:
        vectors, own = self.index.said.vectors, self.index.places.find(turn.reply)
        same = self.actions.get(turn.action, set())
        found = np.array([2 if i == own else int(i in same) for i in kept])
        if vectors is not None and own is not None:
            found = np.maximum(found, vectors[kept] @ vectors[own] >= _SAME_MEANING)
        return found


def _frame(table: pd.DataFrame | Path | str) -> pd.DataFrame:
    return table if isinstance(table, pd.DataFrame) else StringTable.open(Path(table)).frame()
