"""One experiment as frozen dataclasses, to and from JSON. An unknown key or value is refused with the choices."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from core.errors import ConfigError, unknown
from core.schema import Modality, TargetKind

KEPT = ("none", "ids", "texts")  # what a bundle may hold of its training cases
TRANSFORMS = ("none", "log1p")  # of a number to predict
NAME = 200  # bytes of a modality's name at most
PREAMBLE = "preamble"  # the section of a text before its first heading


@dataclass(frozen=True)
class _FromJson:
    @classmethod
    def from_json(cls, data: dict[str, Any], where: str = "") -> Self:
        """Build from a JSON object; ``where`` names the place in messages."""
        if not isinstance(data, dict):
            raise ConfigError(f"{where or cls.__name__}: expected a JSON object, found {data!r}")
        hints = typing.get_type_hints(cls)
        for key in data:
            if key not in hints:
                raise unknown(f"key in {where or cls.__name__}", key, hints)
        values = {key: _parse(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in data.items()}
        required = {f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}
        if missing := sorted(required - values.keys()):
            raise ConfigError(f"{where or cls.__name__}: missing {', '.join(missing)}")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back to an equal config."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def _parse(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _parse(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        return tuple(_parse(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, _FromJson):
        return hint.from_json(value, where)
    if hint in (Modality, TargetKind):
        try:
            return hint(value)
        except ValueError:
            raise unknown(where, value, list(hint)) from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kind = origin or hint
    if isinstance(kind, type) and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise ConfigError(f"{where}: expected {kind.__name__}, found {value!r}")
    return value


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{what}: expected a number from {low} to {high}, found {value!r}")


@dataclass(frozen=True)
class ViewConfig(_FromJson):
    """One look at a modality: preprocess, an optional frozen backbone (run once, cached), a trained encoder."""

    encoder: str
    options: dict[str, Any] = field(default_factory=dict)
    preprocess: dict[str, Any] = field(default_factory=dict)
    backbone: str | None = None
    backbone_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExcerptConfig(_FromJson):
    """What a model may read of a text; see ``core.excerpt``."""

    sections: tuple[str, ...] = ()  # only these; none named: all
    headings: dict[str, Any] = field(default_factory=dict)  # the words that begin a section, by its name
    untitled: str = ""  # the section that a text without any heading is
    hidden: tuple[str, ...] = ()  # words and phrases that are masked, in any case and with simple inflections

    def __post_init__(self) -> None:
        known = {*self.headings, PREAMBLE} | ({self.untitled} - {""})
        if alien := [s for s in self.sections if s not in known]:
            raise unknown("section", alien[0], known)


@dataclass(frozen=True)
class ModalityConfig(_FromJson):
    """One modality of a case: which columns hold it and how it is looked at."""

    name: str
    kind: Modality
    columns: tuple[str, ...]
    views: tuple[ViewConfig, ...]
    first: bool = False  # texts: only the first column that is not blank is read, such as a typed before a heard text
    excerpt: ExcerptConfig | None = None  # texts: what of them is read; None: all

    def view_names(self) -> tuple[str, ...]:
        """``name`` for the first view, then ``name.1``, ``name.2``…"""
        return tuple(self.name if i == 0 else f"{self.name}.{i}" for i in range(len(self.views)))


@dataclass(frozen=True)
class TargetConfig(_FromJson):
    """The column to predict. ``classes`` fixes labels and, lowest first, the order of grades.

    None: labels as in the training rows, grades in the order of their numbers; grades in words need ``classes``.

    ``outside``: the label of cases that belong to none of the others; such cases are then told by a detector
    (``core.evaluation.scope``), also where no row is labelled so.
    """

    column: str
    kind: TargetKind = TargetKind.LABEL
    classes: tuple[str, ...] | None = None
    transform: str = "none"  # numbers only, see TRANSFORMS; log1p for numbers ≥ 0 of which some are very large
    outside: str | None = None
    false_alarm: float = 0.05  # the share of other cases that may be marked as outside

    def __post_init__(self) -> None:
        if self.kind not in list(TargetKind):
            raise unknown("target.kind", self.kind, list(TargetKind))
        object.__setattr__(self, "kind", TargetKind(self.kind))  # "number" may be written, too
        _within("target.false_alarm", self.false_alarm, 0, 1)
        if self.transform not in TRANSFORMS:
            raise unknown("target.transform", self.transform, TRANSFORMS)
        if self.transform != "none" and self.kind is not TargetKind.NUMBER:
            raise ConfigError(
                f"target.transform: {self.transform} is for a number, the target {self.column!r} is a "
                f"{self.kind}; leave it out or write {self.column}:number"
            )
        if self.classes is not None:
            if self.kind is TargetKind.NUMBER:
                raise ConfigError(f"target.classes: a number has none, found {list(self.classes)}; leave them out")
            if not self.classes or "" in self.classes or len(set(self.classes)) < len(self.classes):
                raise ConfigError(f"target.classes: expected distinct names, found {list(self.classes)}")
        if self.outside is not None and self.kind not in (TargetKind.LABEL, TargetKind.LABELS):
            raise ConfigError(f"target.outside: one label or several can lie outside, a {self.kind} cannot")


@dataclass(frozen=True)
class TableConfig(_FromJson):
    """How a table is read: special columns and what may be done with rows."""

    id: str | None = None  # None: the row number
    group: str | None = None  # rows of one group stay on one side of every split
    split: str | None = None  # a column with train, val, test; None: split by seed
    gather: bool = False  # rows that share an id are one case: their files are listed, their distinct texts joined
    fractions: tuple[float, ...] = (0.7, 0.15, 0.15)  # train, val, test where no split column is named


@dataclass(frozen=True)
class PrivacyConfig(_FromJson):
    """Differentially private training, see ``core.training.private``: what one row can change is bounded by (ε, δ)."""

    epsilon: float  # the most that a whole run spends
    delta: float = 1e-5  # must lie well below one in the training rows
    clip: float = 1.0  # the gradient of each case is cut to this norm
    reproducible: bool = False  # noise from the run's seed: no privacy against whoever knows it

    def __post_init__(self) -> None:
        for name, most in (("epsilon", 1e4), ("delta", 0.5), ("clip", 1e6)):
            _within(f"training.privacy.{name}", getattr(self, name), 1e-12, most)


@dataclass(frozen=True)
class TrainingConfig(_FromJson):
    """How a model is trained. The defaults suit a few hundred to some ten thousand cases."""

    epochs: int = 60
    most_steps: int = 0  # of the optimiser: a long table then gets fewer epochs; 0: no limit
    batch_size: int = 32
    accumulate: int = 1  # batches per optimiser step
    optimizer: str = "adamw"  # sgd, adam, adamw
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    momentum: float = 0.9  # sgd only
    schedule: str = "cosine"  # cosine, constant
    warmup: float = 0.05  # share of all steps
    initialisation: str = "default"  # default, xavier, kaiming, orthogonal, truncated_normal
    clip_norm: float = 1.0  # 0: off
    class_weights: bool = False
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0  # 0: cross-entropy
    modality_dropout: float = 0.3  # chance that a training case keeps only a random subset of its modalities
    balance: str = "none"  # none, ogm_ge
    unimodal_loss: float = 0.0  # weight of each modality's own loss, read through the mask
    patience: int = 10  # epochs without a better metric; 0: never stop early
    metric: str | None = None  # None: macro F1 for labels, R² for numbers; see core.evaluation.metrics
    augment: bool = True
    precision: str = "float32"  # float32, bf16
    compile: bool = False
    workers: int = 0  # data loading processes
    privacy: PrivacyConfig | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            _within(f"training.{name}", getattr(self, name), 1, 2**31)
        for name in (
            "learning_rate",
            "weight_decay",
            "clip_norm",
            "focal_gamma",
            "unimodal_loss",
            "patience",
            "workers",
        ):
            _within(f"training.{name}", getattr(self, name), 0, 2**31)
        for name in ("momentum", "warmup", "label_smoothing", "modality_dropout"):
            _within(f"training.{name}", getattr(self, name), 0, 1)


@dataclass(frozen=True)
class ExperimentConfig(_FromJson):
    """Everything that one training run needs besides the table."""

    modalities: tuple[ModalityConfig, ...]
    target: TargetConfig
    table: TableConfig = TableConfig()
    fusion: str = "gated"
    fusion_options: dict[str, Any] = field(default_factory=dict)
    width: int = 64
    training: TrainingConfig = TrainingConfig()
    seed: int = 0
    seeds: int = 1  # members of the ensemble, trained with seed, seed + 1, …
    folds: int = 1  # > 1: members are trained on cross-validation folds of the training rows
    floor: bool = True  # also fit the cheap linear and tree baseline
    stack: bool = False  # let the floor join the ensemble with a weight learned on held-out rows
    coverage: float = 0.9  # promised coverage of conformal sets
    coverage_by_class: bool = False  # promised for the cases of each class alone
    keep_cases: str = (
        "none"  # of the training cases the bundle keeps "ids" and answers, or "texts" too: see core.similar
    )

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("seed", 0), ("seeds", 1), ("folds", 1)):
            _within(name, getattr(self, name), least, 2**31)
        _within("coverage", self.coverage, 0, 1)
        if self.keep_cases not in KEPT:
            raise unknown("keep_cases", self.keep_cases, KEPT)
        names = [m.name for m in self.modalities]
        if not names:
            raise ConfigError("modalities: at least one is needed")
        if len(set(names)) < len(names) or any(not n or {*n} & {*"./\0"} or len(n.encode()) > NAME for n in names):
            rule = f"distinct, not empty, without '.' and '/' and at most {NAME} bytes, as files are called by them"
            raise ConfigError(f"modalities: names must be {rule}, found {names}")
        for m in self.modalities:
            if not m.views or not m.columns:
                raise ConfigError(f"modality {m.name!r}: needs at least one column and one view")
            if m.kind.is_file and len(m.columns) > 1:
                raise ConfigError(f"modality {m.name!r}: {m.kind} takes one column, found {list(m.columns)}")
            if m.kind is Modality.PAIR and len(m.columns) < 2:
                raise ConfigError(f"modality {m.name!r}: a pair takes two columns or more, found {list(m.columns)}")
            if (m.first or m.excerpt is not None) and m.kind != Modality.TEXT:
                raise ConfigError(f"modality {m.name!r}: first and excerpt are for texts, found {m.kind}")
            if self.target.column in m.columns:
                raise ConfigError(f"modality {m.name!r}: holds the target column {self.target.column!r}; take it out")

    def only(self, *names: str) -> ExperimentConfig:
        """The same experiment with these modalities alone."""
        kept = tuple(m for m in self.modalities if m.name in names)
        return dataclasses.replace(self, modalities=kept)


def read_config(path: Path) -> ExperimentConfig:
    """Read an experiment from a JSON file.

    Raises:
        ConfigError: if the file is not JSON or holds an unknown key or value; the message names the place.
    """
    try:
        return ExperimentConfig.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable JSON config ({error})") from error
