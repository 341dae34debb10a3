"""``Estimator``: what every domain's model does, in scikit-learn's manner: fit a table, evaluate, predict, save, load.

A domain subclasses it, names its ``recipe`` module and adds the question that its users ask (``diagnose``, ``detect``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self, TypeAlias

import pandas as pd

from core.bundle import Bundle
from core.cache import FeatureCache
from core.compare import Comparison, compare
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.evaluation.curves import Stress
from core.evaluation.evaluate import Figures, evaluate
from core.evaluation.robustness import stress
from core.evaluation.subgroups import parse_by
from core.experiment import train
from core.learning_curve import LearningCurve, learning_curve
from core.manifest import Manifest
from core.predict import Predictor, Review
from core.progress import Progress, silent
from core.schema import Prediction
from core.table import StringTable

Table: TypeAlias = str | Path | pd.DataFrame  # the `type` statement needs Python 3.12


class Estimator:
    """A fused model over the documented columns of a domain.

    Args:
        target: the column to predict, as ``COLUMN`` or ``COLUMN:kind`` (label, labels, grade, number); None: the first
            documented one that the table has.
        preset: fast, default or best; see ``core.recipes``.
        seed: of split, initialisation and order.
        config: a whole experiment instead of all of the above.
        options: passed on to ``recipe.build``, such as ``classes``, the order of grades.
    """

    recipe: ClassVar[ModuleType]  # has build(columns, *, target, preset, seed, **options) -> ExperimentConfig
    command: str = ""  # what the card is to say it was made by; "": Python

    def __init__(
        self,
        target: str | None = None,
        *,
        preset: str = "default",
        seed: int = 0,
        config: ExperimentConfig | None = None,
        **options: Any,
    ) -> None:
        self.target, self.preset, self.seed, self.config, self.options = target, preset, seed, config, options
        self._predictor: Predictor | None = None

    def fit(
        self, table: Table, *, root: Path | None = None, out: Path | None = None, progress: Progress = silent
    ) -> Self:
        """Train on a CSV, Parquet or DataFrame; paths in it are relative to it, or to ``root``.

        ``out`` keeps the run (and lets a killed one go on); without it only this object holds the model.

        Raises:
            TableError: with all faults of the table.
        """
        manifest = self._manifest(table, root)
        with tempfile.TemporaryDirectory() as scratch:
            folder = out or Path(scratch) / "run"
            bundle = train(manifest, self._config(table), folder, progress=progress, command=self.command)
            self._predictor = Predictor(bundle, self.review())
        return self

    def compare(
        self, table: Table, *, root: Path | None = None, folds: int = 0, progress: Progress = silent
    ) -> Comparison:
        """Fused against each kind alone and the floor, on the same splits; see ``core.compare``."""
        return compare(self._manifest(table, root), self._config(table), outer_folds=folds, progress=progress)

    def learning_curve(
        self, table: Table, *, root: Path | None = None, folds: int = 0, progress: Progress = silent
    ) -> LearningCurve:
        """The same comparison on growing parts of the training rows; see ``core.learning_curve``."""
        return learning_curve(self._manifest(table, root), self._config(table), outer_folds=folds, progress=progress)

    def evaluate(
        self,
        table: Table,
        *,
        root: Path | None = None,
        split: str | None = None,
        by: str = "",
        decide: bool = False,
    ) -> Figures:
        """Measure the trained model on a table that has the target.

        ``by``: columns whose groups are measured apart, such as "sex,age:40:65"; ``decide``: with decision curves.

        Raises:
            ConfigError: for a split or column that the table does not have.
        """
        manifest = self._labelled(table, root)
        columns = parse_by(by, manifest.table.columns)
        return evaluate(self.bundle, manifest, split, by=columns, decide=decide)

    def stress(self, table: Table, *, root: Path | None = None, **options: Any) -> Stress:
        """Curves over damaged, missing and shifted data; ``options`` as of ``core.evaluation.robustness.stress``."""
        return stress(self.bundle, self._labelled(table, root), **options)

    def predict(self, *, explain: bool = True, **case: Any) -> Prediction:
        """Answer one case, given by modality or column name; what is left out is missing.

        Raises:
            ConfigError: for a name that the model does not know, or when nothing is given.
            FileError: if a file cannot be read, with the reason.
        """
        return self.predictor.predict(case, explain=explain)

    @classmethod
    def review(cls) -> Review | None:
        """A domain's own look at an explained answer, for contradictions in it; None: it has none."""
        return None

    def save(self, folder: Path | str) -> None:
        """Write the trained model as a bundle."""
        self.bundle.save(Path(folder))

    @classmethod
    def load(cls, folder: Path | str, cache: FeatureCache | None = None) -> Self:
        """Open a bundle that ``save`` or ``polyfuse train`` wrote."""
        predictor = Predictor.load(folder, cache, cls.review())
        found = cls(config=predictor.bundle.config)
        found._predictor = predictor
        return found

    @property
    def predictor(self) -> Predictor:
        """What answers.

        Raises:
            ConfigError: before ``fit`` or ``load``.
        """
        if self._predictor is None:
            name = type(self).__name__
            raise ConfigError(f"this {name} is not trained: call fit(table) or {name}.load(folder) first")
        return self._predictor

    @property
    def bundle(self) -> Bundle:
        """The trained model with its config, metrics and card."""
        return self.predictor.bundle

    def _config(self, table: Table) -> ExperimentConfig:
        if self.config is None:
            columns = list(table.columns) if isinstance(table, pd.DataFrame) else StringTable.open(table).columns
            self.config = self.recipe.build(
                columns, target=self.target, preset=self.preset, seed=self.seed, **self.options
            )
        return self.config

    def _manifest(self, table: Table, root: Path | None) -> Manifest:
        manifest = Manifest.open(table, self._config(table), root)
        manifest.raise_faults()
        return manifest

    def _labelled(self, table: Table, root: Path | None) -> Manifest:
        """A table with answers, for the trained model to be measured on."""
        manifest = Manifest.open(table, self.bundle.config, root, for_training=False)
        manifest.raise_faults()
        return manifest
