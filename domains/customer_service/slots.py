"""Slots of a turn: names, amounts, order numbers, found by a tagger that is trained on labelled words.

Labels stand in a column ``slot_labels``, one a word between blanks, ``O`` for none; neighbours with one label are one
slot. Where no tagger was trained, ``domains.customer_service.patterns`` finds amounts, numbers and dates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy

from core.atomic import recover, replace_folder
from core.errors import BundleError, ConfigError, Fault, TableError, unknown
from core.estimator import Table
from core.progress import Progress, silent
from core.table import StringTable
from core.table_faults import split_of
from domains.customer_service.tagger import Tagger, Vocabulary

OUTSIDE = "O"
FEWEST = 20  # turns to learn from


@dataclass(frozen=True)
class Slot:
    """One found value and where it stands in the text."""

    name: str
    text: str
    start: int
    end: int
    probability: float | None  # of the tagger's least certain word; None for a pattern
    source: str  # "model" or "pattern"


@dataclass(frozen=True)
class LabelledText:
    """The words of a turn and the label of each."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


def read_labelled(
    table: Table, text: str = "text", labels: str = "slot_labels", *, split: str | None = None, test: bool = False
) -> list[LabelledText]:
    """The turns of a table that have labels: all, or by a ``split`` column all but the test rows, or these alone.

    Raises:
        ConfigError: for a column that the table does not have.
        TableError: for rows with another number of labels than words; all at once.
    """
    opened, found, faults = StringTable.open(table), list[LabelledText](), list[Fault]()
    columns = (text, labels, split) if split else (text, labels)
    for column in columns:
        if column not in opened.columns:
            raise unknown("column", column, opened.columns)
    for i in range(len(opened)):
        row = opened.row(i, columns)
        if (split is not None and split_of(row[split]) == "test") != test:
            continue
        turn = LabelledText(tuple(row[text].split()), tuple(row[labels].split()))
        if turn.labels and len(turn.labels) != len(turn.words):
            reason = f"{len(turn.labels)} labels for {len(turn.words)} words; give each word one, {OUTSIDE!r} for none"
            faults.append(Fault(i + 1, labels, row[labels][:60], reason))
        elif turn.labels:
            found.append(turn)
    if faults:
        raise TableError(opened.source, faults)
    return found


def check_enough(turns: Sequence[LabelledText]) -> None:
    """Refuse fewer labelled turns than a tagger can learn from.

    Raises:
        ConfigError: for fewer than 20, or none with a slot.
    """
    if len(turns) < FEWEST or not any(n != OUTSIDE for t in turns for n in t.labels):
        raise ConfigError(
            f"slots: expected {FEWEST} labelled turns with a slot among them, found {len(turns)} turns; label more, or "
            "leave the column out"
        )


class SlotTagger:
    """A tagger of words on the engine's recurrent encoder, trained here.

    Args:
        epochs: passes over the labelled turns; the best on held-out turns is kept.
        seed: of weights, order and the held-out tenth.
    """

    def __init__(self, epochs: int = 12, seed: int = 0) -> None:
        self.epochs, self.seed = epochs, seed
        self.names: tuple[str, ...] = ()
        self.vocabulary = Vocabulary()
        self._network: Tagger | None = None

    def fit(self, turns: Sequence[LabelledText], progress: Progress = silent) -> Self:
        """Learn from labelled turns; a tenth is held out to choose the epoch.

        Raises:
            ConfigError: if there are fewer than 20 turns, or none has a slot.
        """
        self.names = (OUTSIDE, *sorted({n for t in turns for n in t.labels} - {OUTSIDE}))
        check_enough(turns)
        order = np.random.default_rng(self.seed).permutation(len(turns))
        held, rest = [[turns[i] for i in part] for part in (order[: len(turns) // 10], order[len(turns) // 10 :])]
        self.vocabulary = Vocabulary.fit([t.words for t in rest])
        torch.manual_seed(self.seed)
        network = Tagger(self.vocabulary.sizes, len(self.names))
        optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.01)
        steps = self.epochs * (-(-len(rest) // 32))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
        best, kept = -1.0, network.state_dict()
        for epoch in range(self.epochs):
            self._epoch(network, rest, optimizer, schedule, epoch)
            self._network = network
            found = span_f1(held, [self.labels(t.words) for t in held])
            progress("slots", epoch + 1, self.epochs, {"f1": found})
            if found >= best:
                best, kept = found, {k: v.clone() for k, v in network.state_dict().items()}
        network.load_state_dict(kept)
        return self

    def _epoch(
        self,
        network: Tagger,
        turns: Sequence[LabelledText],
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.OneCycleLR,
        epoch: int,
    ) -> None:
        place = {n: i for i, n in enumerate(self.names)}
        order = np.random.default_rng((self.seed, epoch)).permutation(len(turns))
        network.train()
        for start in range(0, len(order), 32):
            part = [turns[i] for i in order[start : start + 32]]
            ids, mask = self.vocabulary.batch([t.words for t in part], drop=0.05)  # (B, T, 4), (B, T)
            truth = torch.tensor([place[n] for t in part for n in t.labels])  # (N,)
            loss = cross_entropy(network(ids, mask)[mask], truth)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()

    def labels(self, words: Sequence[str]) -> list[str]:
        """The label of each word."""
        return [self.names[int(i)] for i in self._probabilities(words).argmax(-1)] if words else []

    def find(self, text: str) -> tuple[Slot, ...]:
        """The slots of a text, in order."""
        places = _places(text)
        if not places:
            return ()
        p = self._probabilities([text[a:b] for a, b in places])  # (T, names)
        top, sure = p.argmax(-1).tolist(), p.max(-1).values.tolist()
        found = []
        for first, last in _runs([self.names[i] for i in top]):
            start, end = places[first][0], places[last][1]
            name, least = self.names[top[first]], min(sure[first : last + 1])
            found.append(Slot(name, text[start:end], start, end, float(least), "model"))
        return tuple(found)

    @torch.inference_mode()
    def _probabilities(self, words: Sequence[str]) -> torch.Tensor:
        """(T, names)."""
        if self._network is None:
            raise ConfigError("this SlotTagger is not trained: call fit(turns) or SlotTagger.load(folder) first")
        return self._network.eval()(*self.vocabulary.batch([words]))[0].softmax(-1)

    def save(self, folder: Path) -> None:
        """Write ``slots.json`` and ``slots.safetensors`` into a folder of their own.

        Raises:
            BundleError: if it cannot be written; what was there before is unchanged.
        """
        if self._network is None:
            raise ConfigError("this SlotTagger is not trained: call fit(turns) first")
        with replace_folder(folder) as new:
            state = {"names": list(self.names), "vocabulary": self.vocabulary.state()}
            (new / "slots.json").write_text(json.dumps(state), encoding="utf-8")
            save_file(
                {k: v.contiguous().clone() for k, v in self._network.state_dict().items()}, new / "slots.safetensors"
            )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what ``save`` wrote; runs no code from it.

        Raises:
            BundleError: if it is missing or corrupt.
        """
        recover(folder)
        try:
            state = json.loads((folder / "slots.json").read_text(encoding="utf-8"))
            found = cls()
            found.names, found.vocabulary = tuple(state["names"]), Vocabulary.of_state(state["vocabulary"])
            found._network = Tagger(found.vocabulary.sizes, len(found.names))
            found._network.load_state_dict(load_file(folder / "slots.safetensors"))
            return found
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise BundleError(f"{folder}: no slot tagger can be opened there ({error}); save it again") from error


def span_f1(truth: Sequence[LabelledText], found: Sequence[Sequence[str]]) -> float:
    """Micro F1 over whole slots: right are those with the true label and both true ends."""
    wanted, given, both = 0, 0, 0
    for turn, labels in zip(truth, found, strict=True):
        one, other = ({(*r, names[r[0]]) for r in _runs(names)} for names in (turn.labels, labels))
        wanted, given, both = wanted + len(one), given + len(other), both + len(one & other)
    return 2 * both / (wanted + given) if wanted + given else 1.0


def _runs(labels: Sequence[str]) -> list[tuple[int, int]]:
    """First and last place of each run of one label that is not ``OUTSIDE``."""
    ends = [i for i in range(len(labels)) if i + 1 == len(labels) or labels[i + 1] != labels[i]]
    starts = [0, *(e + 1 for e in ends[:-1])]
    return [(a, b) for a, b in zip(starts, ends) if labels[a] != OUTSIDE]


def _places(text: str) -> list[tuple[int, int]]:
    """Start and end of each word between blanks."""
    found, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        found.append((start, start + len(word)))
        start += len(word)
    return found
