"""A planted effect: what a fusion can and cannot learn, on data whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import pytest
import torch
from planted import CODES, FEATURES, noisy_partner, shared, synergy, without_one
from torch import Tensor, nn
from torch.nn import functional as F

from core import fusion
from core.schema import Encoded

# Add up what each modality says alone. No sum a(x) + b(y) has the sign of an exclusive or in more than three of its
# four corners, so these cannot pass 75 %, by construction.
ADDITIVE = {"decision", "linear", "model_level", "product"}
Data = tuple[dict[str, Encoded], Tensor]
WIDTH = 16


class Planted(nn.Module):
    """A linear encoder for each modality and one fusion."""

    def __init__(self, name: str, modalities: Sequence[str], outputs: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({m: nn.Linear(FEATURES, WIDTH) for m in modalities})
        self.fusion = fusion.build(name, modalities, WIDTH, outputs, {})

    def forward(self, inputs: dict[str, Encoded]) -> Tensor:
        encoded = {m: Encoded(encode(inputs[m].tokens), inputs[m].mask) for m, encode in self.encoders.items()}
        return self.fusion(encoded)


def rows(inputs: dict[str, Encoded], chosen: Tensor) -> dict[str, Encoded]:
    return {m: Encoded(x.tokens[chosen], x.mask[chosen]) for m, x in inputs.items()}


def train(name: str, modalities: Sequence[str], data: Data, outputs: int, steps: int) -> nn.Module:
    torch.manual_seed(0)
    model, (inputs, target) = Planted(name, modalities, outputs), data
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(0, len(target), (64,))
        optimizer.zero_grad()
        F.cross_entropy(model(rows(inputs, chosen)), target[chosen]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, data: Data) -> float:
    return (model(data[0]).argmax(1) == data[1]).double().mean().item()


def learn(name: str, modalities: Sequence[str], make: Callable[[int, int], Data], outputs: int, steps: int) -> float:
    return accuracy(train(name, modalities, make(2000, 0), outputs, steps), make(4000, 1))


@pytest.mark.parametrize("modality", ["image", "text"])
def test_alone_neither_beats_chance(modality: str) -> None:
    assert learn("deep", [modality], synergy, 2, 100) < 0.55


@pytest.mark.parametrize("name", fusion.names())
def test_what_needs_both_is_learned_by_all_but_those_that_add_up(name: str) -> None:
    reached = learn(name, ["image", "text"], synergy, 2, 200)
    if name in ADDITIVE:
        assert reached < 0.78, "adds up what each modality says, so it cannot; if it can now, take it off the list"
    else:
        assert reached >= 0.95


def test_the_stated_list_is_of_fusions_that_exist() -> None:
    assert set(fusion.names()) >= ADDITIVE


@pytest.mark.parametrize("name", fusion.names())
def test_a_modality_of_pure_noise_costs_at_most_a_point(name: str) -> None:
    alone = learn(name, ["image"], noisy_partner, CODES, 150)
    assert alone > 0.8
    assert learn(name, ["image", "text"], noisy_partner, CODES, 150) >= alone - 0.01


@cache
def best_possible() -> float:
    """Accuracy on the incomplete cases when each subset is answered by a model trained for that subset alone."""
    inputs, target = shared(4000, 1)
    present = {m: x.present for m, x in without_one(inputs, 2).items()}
    right = torch.zeros(len(target))
    for names in (["image", "text"], ["image"], ["text"]):
        model = train("deep", names, shared(2000, 0), CODES, 200)
        asked = torch.stack([present[m] == (m in names) for m in present]).all(0)  # (B,)
        right[asked] = accuracy(model, (rows(inputs, asked), target[asked]))
    return right.mean().item()


@pytest.mark.parametrize("name", fusion.names())
def test_missing_modalities_cost_at_most_two_points_against_models_made_for_each_subset(name: str) -> None:
    inputs, target = shared(2000, 0)
    model = train(name, ["image", "text"], (without_one(inputs, 3), target), CODES, 200)
    inputs, target = shared(4000, 1)
    reached, complete = accuracy(model, (without_one(inputs, 2), target)), accuracy(model, (inputs, target))
    assert reached >= best_possible() - 0.02
    assert complete > best_possible() + 0.01, "what is missing must have been worth something"
