"""Next answers by a sequence network on the engine's parts. Letters as in ``core.schema``; V: concepts and questions.

    history    the learner's earlier answers with their time, through a recurrent encoder      (B, T, D)
    learner    counts and shares of earlier answers, see ``mastery_features``             (B, T, D)
    question   a vector of the question asked                                                  (B, T, D)
    concept    a vector of its concept                                                         (B, T, D)

Every answer is then one case of an ordinary fusion, with the history absent at a learner's first answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core import fusion
from core.encoders.rnn import Rnn
from core.encoders.tabular import Tabular
from core.schema import Encoded, Signature
from domains.education.mastery_data import Answers
from domains.education.mastery_features import FEATURES

MODALITIES = ("history", "learner", "question", "concept")
WINDOW = 200  # answers that are read as one sequence; counts reach further back


@dataclass(frozen=True)
class NetOptions:
    """Sizes and training of the network."""

    width: int = 64
    hidden: int = 64
    cell: str = "lstm"
    fusion: str = "gated"
    dropout: float = 0.2
    unknown: float = 0.1  # share of questions and concepts hidden in training, so that new ones are known
    epochs: int = 30
    patience: int = 4
    batch: int = 32  # sequences
    learning_rate: float = 3e-3
    weight_decay: float = 0.02


class SequenceNet(nn.Module):
    """Logits of a right answer at every step, from what came before it."""

    def __init__(self, questions: int, concepts: int, options: NetOptions) -> None:
        super().__init__()
        d = options.width
        self.question, self.concept = nn.Embedding(questions + 1, d), nn.Embedding(concepts + 1, d)  # 0: unknown
        self.history = Rnn(
            Signature((2 * d + 2,)), d, options.cell, options.hidden, bidirectional=False, embedding=d,
            dropout=options.dropout,
        )  # fmt: skip
        self.learner = Tabular(Signature((len(FEATURES),)), d, hidden=d, dropout=options.dropout)
        self.fusion = fusion.build(options.fusion, MODALITIES, d, 1, {"dropout": options.dropout})
        self.unknown = options.unknown

    def forward(self, x: Mapping[str, Tensor]) -> Tensor:
        """question, concept, y, gap, graded, mask (B, T) and learner (B, T, F) to logits (B, T).

        The history is that of graded answers alone, so a question to be asked next may stand behind them.
        """
        mask, question, concept = x["mask"], self._hidden(x["question"]), self._hidden(x["concept"])
        asked = self.question(question), self.concept(concept)  # (B, T, D) each
        told = torch.cat([*asked, torch.stack([2 * x["y"] - 1, x["gap"]], dim=-1)], dim=-1)  # (B, T, 2D + 2)
        before, has_past = self._before(told, x["graded"])  # (B, T, D), (B, T)
        learner = self.learner(x["learner"], mask).tokens  # (B, T, D)
        tokens = dict(zip(MODALITIES, (before, learner, *asked)))
        here = {m: has_past & mask if m == "history" else mask for m in MODALITIES}
        cases = {m: Encoded(t[mask][:, None], here[m][mask][:, None]) for m, t in tokens.items()}  # (N, 1, D), (N, 1)
        logits = self.fusion(cases)[:, 0]  # (N,)
        return logits.new_zeros(mask.shape).index_put((mask,), logits)  # (B, T)

    def _before(self, told: Tensor, graded: Tensor) -> tuple[Tensor, Tensor]:
        """The state of the history before every step, and whether there is one."""
        order = (~graded).int().argsort(dim=1, stable=True)  # graded answers first
        packed = told.gather(1, order[..., None].expand_as(told))  # (B, T, 2D + 2)
        length = graded.sum(1, keepdim=True)  # (B, 1)
        steps = torch.arange(graded.shape[1])[None]
        past = self.history(packed, steps < length.clamp(min=1)).tokens  # (B, T, D): after each graded answer
        count = graded.int().cumsum(1) - graded.int()  # (B, T): graded answers before
        last = (count - 1).clamp(min=0)[..., None].expand(-1, -1, past.shape[2])
        return past.gather(1, last), count > 0

    def _hidden(self, ids: Tensor) -> Tensor:
        if not self.training or not self.unknown:
            return ids
        return ids.masked_fill(torch.rand(ids.shape) < self.unknown, 0)


@dataclass
class Coder:
    """Names to ids (0: unknown), and the scale of the features."""

    questions: tuple[str, ...]
    concepts: tuple[str, ...]
    center: np.ndarray  # (F,)
    scale: np.ndarray  # (F,)

    @classmethod
    def fit(cls, answers: Answers, features: np.ndarray) -> Coder:
        """Names that occur, and mean and deviation of the features."""
        questions, concepts = (tuple(map(str, np.unique(n.astype(str)))) for n in (answers.question, answers.concept))
        center, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        return cls(questions, concepts, center, scale.clip(1e-3))

    def sequences(self, answers: Answers, features: np.ndarray, window: int = WINDOW) -> list[dict[str, Tensor]]:
        """Windows of up to ``window`` answers of one learner, in order; together all N."""
        codes = [ids(n, k) for n, k in ((answers.question, self.questions), (answers.concept, self.concepts))]
        whole = {
            "question": torch.from_numpy(codes[0]), "concept": torch.from_numpy(codes[1]),
            "y": torch.from_numpy(answers.y.astype(np.float32)),
            "gap": torch.from_numpy(answers.gap.astype(np.float32)),
            "learner": torch.from_numpy(((features - self.center) / self.scale).astype(np.float32)),
        }  # fmt: skip
        starts = answers.starts
        cuts = [c for a, b in pairwise(starts) for c in range(a, b, window)] + [len(answers)]
        return [{k: v[a:b] for k, v in whole.items()} for a, b in pairwise(cuts)]


def ids(names: np.ndarray, known: Sequence[str]) -> np.ndarray:
    """(N,) the place of each name, from 1; 0 for one that is not known."""
    place = {n: i + 1 for i, n in enumerate(known)}
    return np.array([place.get(n, 0) for n in names], dtype=np.int64)


def _batch(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    padded = {k: pad_sequence([p[k] for p in parts], batch_first=True) for k in parts[0]}
    lengths = torch.tensor([len(p["y"]) for p in parts])
    graded = ~padded["y"].isnan()
    mask = torch.arange(padded["y"].shape[1])[None] < lengths[:, None]
    return padded | {"y": padded["y"].nan_to_num(0.5), "mask": mask, "graded": graded & mask}


def train_net(
    train: Sequence[dict[str, Tensor]], val: Sequence[dict[str, Tensor]], coder: Coder, options: NetOptions, seed: int,
    tell: Callable[[int, float], None],
) -> SequenceNet:  # fmt: skip
    """Train until the log loss on ``val`` has not fallen for ``patience`` epochs; the best weights are kept."""
    torch.manual_seed(seed)
    net = SequenceNet(len(coder.questions), len(coder.concepts), options)
    optimizer = torch.optim.AdamW(net.parameters(), options.learning_rate, weight_decay=options.weight_decay)
    best, kept, waited = np.inf, {k: v.clone() for k, v in net.state_dict().items()}, 0
    for epoch in range(options.epochs):
        net.train()
        for batch in _shuffled(train, options.batch, np.random.default_rng((seed, epoch))):
            optimizer.zero_grad()
            _loss(net(batch), batch).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        loss = _held_loss(net, val, options.batch)
        tell(epoch, loss)
        waited += 1
        if loss < best:
            best, waited, kept = loss, 0, {k: v.clone() for k, v in net.state_dict().items()}
        if waited >= options.patience:
            break
    net.load_state_dict(kept)
    return net.eval()


def _shuffled(parts: Sequence[dict[str, Tensor]], size: int, rng: np.random.Generator) -> Iterator[dict[str, Tensor]]:
    """Batches of sequences of similar length, in random order."""
    order = sorted(rng.permutation(len(parts)), key=lambda i: len(parts[i]["y"]) // 25)
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    for g in rng.permutation(len(groups)):
        yield _batch([parts[i] for i in groups[g]])


def _loss(logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    keep = batch["graded"]
    return nn.functional.binary_cross_entropy_with_logits(logits[keep], batch["y"][keep])


def _held_loss(net: SequenceNet, parts: Sequence[dict[str, Tensor]], size: int) -> float:
    p = answer(net, parts, size)
    y = np.concatenate([part["y"].numpy() for part in parts])
    known = ~np.isnan(y)
    p, y = p[known].clip(1e-6, 1 - 1e-6), y[known]
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


@torch.inference_mode()
def answer(net: SequenceNet, parts: Sequence[dict[str, Tensor]], size: int = 64) -> np.ndarray:
    """The probability of a right answer at every step of all sequences: (N,)."""
    net.eval()
    found = []
    for i in range(0, len(parts), size):
        batch = _batch(parts[i : i + size])
        found.append(net(batch).sigmoid()[batch["mask"]].numpy())
    return np.concatenate(found)
