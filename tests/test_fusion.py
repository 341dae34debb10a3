"""The laws of fusion, generated over the folder: a file dropped into core/fusion/ is tested without another change."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core import fusion
from core.errors import ConfigError
from core.schema import Encoded

MODALITIES = ("image", "text", "text.1", "table")
WIDTH = 8
LENGTHS = {"image": 3, "text": 5, "text.1": 2, "table": 1}
SUBSETS = [s for n in range(1, 5) for s in itertools.combinations(MODALITIES, n)]
JUNK = (1e4, -3e8, float("inf"), float("nan"))

every_fusion = pytest.mark.parametrize("name", fusion.names())


def make(name: str, outputs: int = 3, **options: object) -> nn.Module:
    """A fusion whose every parameter matters: those that start at zero are moved away from it."""
    torch.manual_seed(0)
    model = fusion.build(name, MODALITIES, WIDTH, outputs, options).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def cases(count: int = 4, seed: int = 1) -> dict[str, Encoded]:
    """Complete cases whose lengths differ, so that there is padding too."""
    torch.manual_seed(seed)
    made = {}
    for name, length in LENGTHS.items():
        lengths = torch.randint(1, length + 1, (count, 1))
        made[name] = Encoded(torch.randn(count, length, WIDTH), torch.arange(length) < lengths)
    return made


def keep(encoded: Mapping[str, Encoded], names: tuple[str, ...]) -> dict[str, Encoded]:
    """The same cases with only these modalities present; the numbers of the others still stand there."""
    return {k: x if k in names else Encoded(x.tokens, torch.zeros_like(x.mask)) for k, x in encoded.items()}


def spoil(x: Encoded, number: float) -> Encoded:
    """The same with ``number`` wherever the mask is False."""
    return Encoded(x.tokens.masked_fill(~x.mask[..., None], number), x.mask)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@every_fusion
@pytest.mark.parametrize("outputs", [1, 3])
def test_gives_one_row_of_logits_a_case(name: str, outputs: int) -> None:
    logits = make(name, outputs)(cases(5))
    assert logits.shape == (5, outputs)
    assert logits.isfinite().all()


@every_fusion
def test_order_of_keys_changes_nothing(name: str) -> None:
    model, encoded = make(name), cases()
    assert torch.equal(model(encoded), model(dict(reversed(encoded.items()))))


@every_fusion
@pytest.mark.parametrize("junk", JUNK)
def test_what_stands_in_absent_places_has_no_influence(name: str, junk: float) -> None:
    model, encoded = make(name), keep(cases(), ("image", "text"))
    expected = model({k: spoil(x, 0.0) for k, x in encoded.items()})
    assert torch.equal(model({k: spoil(x, junk) for k, x in encoded.items()}), expected)


@every_fusion
@pytest.mark.parametrize("pool", ["mean", "attention"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_masks_of_any_shape(name: str, pool: str, data: st.DataObject) -> None:
    encoded = {}
    for key, x in cases(3).items():
        bits = data.draw(st.lists(st.booleans(), min_size=x.mask.numel(), max_size=x.mask.numel()), label=key)
        encoded[key] = Encoded(x.tokens, torch.tensor(bits).view_as(x.mask))
    model = make(name, pool=pool) if "pool" in fusion_options(name) else make(name)
    logits = model(encoded)
    assert logits.isfinite().all(), "a row without any modality must not give NaN either"
    close(model({k: spoil(x, 1e5) for k, x in encoded.items()}), logits)


def fusion_options(name: str) -> tuple[str, ...]:
    code = type(make(name)).__init__.__code__
    return code.co_varnames[: code.co_argcount]


@every_fusion
def test_longer_padding_changes_nothing(name: str) -> None:
    model, encoded = make(name), cases()
    longer = {
        k: Encoded(torch.cat([x.tokens, torch.randn(4, 6, WIDTH)], 1), nn.functional.pad(x.mask, (0, 6)))
        for k, x in encoded.items()
    }
    close(model(longer), model(encoded))


@every_fusion
def test_every_subset_predicts_and_a_left_out_key_is_an_absent_modality(name: str) -> None:
    model, encoded = make(name), cases()
    for subset in SUBSETS:
        logits = model(keep(encoded, subset))
        assert logits.isfinite().all(), subset
        close(model({k: encoded[k] for k in subset}), logits)


@every_fusion
def test_every_modality_counts(name: str) -> None:
    model, encoded = make(name), cases()
    complete = model(encoded)
    for left_out in MODALITIES:
        rest = tuple(m for m in MODALITIES if m != left_out)
        assert not torch.allclose(model(keep(encoded, rest)), complete, atol=1e-4), left_out


@every_fusion
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_gradients_reach_what_is_present_and_nothing_else(name: str, subset: tuple[str, ...]) -> None:
    encoded = {k: Encoded(x.tokens.requires_grad_(), x.mask) for k, x in keep(cases(), subset).items()}
    make(name)(encoded).square().sum().backward()
    for key, x in encoded.items():
        moved = x.tokens.grad if x.tokens.grad is not None else torch.zeros_like(x.tokens)
        assert torch.equal(moved[~x.mask], torch.zeros_like(moved[~x.mask])), key
        assert (moved.abs().sum((1, 2)) > 0).all() == (key in subset), key


@every_fusion
def test_training_on_rows_without_anything_keeps_gradients_finite(name: str) -> None:
    model = make(name).train()
    encoded = {k: spoil(x, float("nan")) for k, x in keep(cases(), ()).items()}
    model(encoded).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@every_fusion
def test_a_row_does_not_depend_on_its_batch_mates(name: str) -> None:
    model, encoded = make(name), cases(6)
    encoded["text"].mask[2] = False
    together = model(encoded)
    for row in range(6):
        alone = {k: Encoded(x.tokens[row : row + 1], x.mask[row : row + 1]) for k, x in encoded.items()}
        close(model(alone), together[row : row + 1])


@every_fusion
def test_evaluation_is_deterministic(name: str) -> None:
    model, encoded = make(name), cases()
    assert torch.equal(model(encoded), model(encoded))


@every_fusion
def test_state_survives_a_file(name: str, tmp_path: Path) -> None:
    model, encoded = make(name), cases()
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    other = fusion.build(name, MODALITIES, WIDTH, 3, {}).eval()
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(other(encoded), model(encoded))


@every_fusion
def test_one_modality_is_enough(name: str) -> None:
    model = fusion.build(name, ("text",), WIDTH, 2, {}).eval()
    assert model({"text": cases()["text"]}).isfinite().all()


@every_fusion
def test_bf16_autocast_keeps_the_answer(name: str) -> None:
    model, encoded = make(name), keep(cases(), ("image", "table"))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model({k: Encoded(x.tokens.bfloat16(), x.mask) for k, x in encoded.items()})
    torch.testing.assert_close(logits.float(), model(encoded), rtol=0.1, atol=0.1)


@every_fusion
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: compares its logits with the CPU's")
def test_same_on_cpu_and_gpu(name: str) -> None:
    model, encoded = make(name), keep(cases(), ("image", "table"))
    expected = model(encoded)
    moved = {k: Encoded(x.tokens.cuda(), x.mask.cuda()) for k, x in encoded.items()}
    torch.testing.assert_close(model.cuda()(moved).cpu(), expected, rtol=1e-3, atol=1e-4)


@every_fusion
def test_names_its_paper_and_its_options(name: str) -> None:
    text = type(make(name)).__doc__ or ""
    assert any(year in text for year in map(str, range(1990, 2027))), "name the paper and its year"
    for option in fusion_options(name)[4:]:
        assert f"{option}:" in text, option


@every_fusion
def test_refuses_what_it_does_not_know(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"fusion '{name}': .*unexpected keyword argument 'colour'"):
        fusion.build(name, MODALITIES, WIDTH, 3, {"colour": "red"})
    with pytest.raises(ConfigError, match=r"unknown modality 'txt'\. Did you mean 'text'\? Choices: image, table"):
        make(name)({"txt": cases()["text"]})
    with pytest.raises(ConfigError, match="no modality given; give at least one of image"):
        make(name)({})


@every_fusion
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("pool", "max", "unknown pool 'max'.*Choices: attention, mean"),
        ("dropout", 1.5, "dropout: expected a share from 0 to below 1, found 1.5"),
        ("hidden", -1, "hidden: expected a whole number of at least 1, found -1"),
        ("rank", 2.5, "rank: expected a whole number of at least 1, found 2.5"),
        ("layers", -1, "layers: expected a whole number of at least [12], found -1"),
        ("bottlenecks", 0, "bottlenecks: expected a whole number of at least 1, found 0"),
        ("heads", 3, "heads: width 8 cannot be shared out among 3; choose a divisor of 8"),
    ],
)
def test_refuses_a_bad_value(name: str, option: str, value: object, message: str) -> None:
    if option in fusion_options(name):
        with pytest.raises(ConfigError, match=message):
            fusion.build(name, MODALITIES, WIDTH, 3, {option: value})


def test_unknown_fusion_lists_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"unknown fusion 'gatd'\. Did you mean 'gated'\? Choices: .*decision.*gated"):
        fusion.build("gatd", MODALITIES, WIDTH, 3, {})


def test_a_dropped_in_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loudest.py").write_text(
        textwrap.dedent('''
        """The largest feature wins."""
        import torch
        from torch import nn
        from core.fusion._pooling import PoolEach

        class Loudest(nn.Module):
            def __init__(self, names, width, outputs):
                super().__init__()
                self.pool, self.head = PoolEach(names, width), nn.Linear(width, outputs)

            def forward(self, encoded):
                features, present = self.pool(encoded)
                return self.head(features.masked_fill(~present[..., None], -9.0).amax(1))
        ''')
    )
    monkeypatch.setattr(fusion, "__path__", [*fusion.__path__, str(tmp_path)])
    assert "loudest" in fusion.names()
    test_what_stands_in_absent_places_has_no_influence("loudest", float("nan"))
    test_every_subset_predicts_and_a_left_out_key_is_an_absent_modality("loudest")


def two(image: list[float], text: list[float]) -> dict[str, Encoded]:
    """One case with one token of two numbers in each of two modalities."""
    real = torch.tensor([[True]])
    return {"image": Encoded(torch.tensor([[image]]), real), "text": Encoded(torch.tensor([[text]]), real)}


def by_hand(name: str, outputs: int, values: dict[str, list[object]], **options: object) -> nn.Module:
    model = fusion.build(name, ("image", "text"), 2, outputs, options).eval()
    model.load_state_dict({key: torch.tensor(value, dtype=torch.float32) for key, value in values.items()})
    return model


def test_linear_by_hand() -> None:
    # weights softmax(0, ln 3) = 1/4, 3/4; features 1/4·(4, 0) + 3/4·(0, 8) = (1, 6); logit 2·1 - 6 + 10 = 6
    model = by_hand("linear", 1, {"weight": [0.0, 1.0986123], "head.weight": [[2.0, -1.0]], "head.bias": [10.0]})
    both = two([4.0, 0.0], [0.0, 8.0])
    assert model(both).item() == pytest.approx(6.0)
    assert model({"image": both["image"]}).item() == pytest.approx(2 * 4 + 10)
    assert model({"text": both["text"]}).item() == pytest.approx(-8 + 10)


def test_linear_takes_the_mean_of_real_tokens() -> None:
    model = by_hand("linear", 1, {"weight": [0.0, 0.0], "head.weight": [[1.0, 0.0]], "head.bias": [0.0]})
    three = Encoded(torch.tensor([[[1.0, 0.0], [5.0, 0.0], [99.0, 0.0]]]), torch.tensor([[True, True, False]]))
    assert model({"image": three}).item() == pytest.approx(3.0)


def test_decision_by_hand() -> None:
    values = {
        "weight": [0.0, 1.0986123],  # softmax 1/4, 3/4
        "heads.networks.0.weight": [[1.0, 0.0], [0.0, 1.0]],
        "heads.networks.0.bias": [0.0, 1.0],
        "heads.networks.1.weight": [[2.0, 0.0], [0.0, -2.0]],
        "heads.networks.1.bias": [0.0, 0.0],
    }
    both = two([4.0, 7.0], [2.0, 2.0])
    # image says (4, 8), text says (4, -4): 1/4·4 + 3/4·4 = 4 and 1/4·8 - 3/4·4 = -1
    torch.testing.assert_close(by_hand("decision", 2, values)(both), torch.tensor([[4.0, -1.0]]))
    torch.testing.assert_close(by_hand("decision", 2, values)({"image": both["image"]}), torch.tensor([[4.0, 8.0]]))


def test_low_rank_by_hand() -> None:
    values = {
        "constant": [[0.0, 1.0], [0.5, -2.0]],  # factors of the constant: image 1, 2; text 1.5, -1
        "factors.networks.0.weight": [[1.0, 0.0], [0.0, 1.0]],
        "factors.networks.1.weight": [[2.0, 0.0], [0.0, 2.0]],
        "weight": [[1.0], [10.0]],  # of the two ranks
        "bias": [0.25],
    }
    model, both = by_hand("low_rank", 1, values, rank=2), two([3.0, 4.0], [1.0, 2.0])
    # ranks: (1 + 3)·(1.5 + 2) = 14 and (2 + 4)·(-1 + 4) = 18; 14 + 10·18 + .25
    assert model(both).item() == pytest.approx(194.25)
    # without text its constants stay: 4·1.5 = 6 and 6·(-1) = -6; 6 - 60 + .25
    assert model({"image": both["image"]}).item() == pytest.approx(-53.75)


def test_gates_sum_to_one_over_the_present() -> None:
    model = make("gated")
    with torch.no_grad():
        for network in model.value.networks:
            network[0].weight.zero_()  # every modality's value is tanh of its bias, the same in all
            network[0].bias.fill_(0.5)
    expected = model.head(torch.full((4, WIDTH), 0.5).tanh())
    for subset in SUBSETS:
        close(model(keep(cases(), subset)), expected)
