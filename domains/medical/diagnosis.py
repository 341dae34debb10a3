"""``Diagnosis``: train on a table of cases, diagnose one. Research use; not a medical device."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Self, TypeAlias

import pandas as pd

from core.bundle import Bundle
from core.cache import FeatureCache
from core.compare import Comparison, compare
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.evaluation.evaluate import Figures, evaluate
from core.experiment import train
from core.manifest import Manifest
from core.predict import Predictor, as_row
from core.preprocess.volume import VolumePreprocessor
from core.progress import Progress, silent
from core.schema import Prediction
from core.table import StringTable
from domains.medical import recipe

Table: TypeAlias = str | Path | pd.DataFrame  # the `type` statement needs Python 3.12
DISCLAIMER = "For research. Not a medical device; not for diagnosis or treatment of patients."


class Diagnosis:
    """Fused diagnosis from CT, images, report, history and clinical columns, in scikit-learn's manner.

    Args:
        target: the column to predict, as ``COLUMN`` or ``COLUMN:kind`` (label, labels, grade, number); None: the first
            documented one that the table has (``domains.medical.recipe.TARGETS``).
        texts: the text columns that may be used; None: as documented.
        preset: fast, default or best; see ``core.recipes``.
        seed: of split, initialisation and order.
        config: a whole experiment instead of all of the above.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        texts: tuple[str, ...] | None = None,
        preset: str = "default",
        seed: int = 0,
        config: ExperimentConfig | None = None,
    ) -> None:
        self.target, self.texts, self.preset, self.seed, self.config = target, texts, preset, seed, config
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
            self._predictor = Predictor(train(manifest, self._config(table), folder, progress=progress))
        return self

    def compare(
        self, table: Table, *, root: Path | None = None, folds: int = 0, progress: Progress = silent
    ) -> Comparison:
        """Fused against each kind alone and the floor, on the same splits; see ``core.compare``."""
        return compare(self._manifest(table, root), self._config(table), outer_folds=folds, progress=progress)

    def evaluate(self, table: Table, *, root: Path | None = None, split: str | None = None) -> Figures:
        """Measure the trained model on a table that has the target."""
        manifest = Manifest.open(table, self.bundle.config, root)
        manifest.raise_faults()
        return evaluate(self.bundle, manifest, split)

    def diagnose(
        self, *, explain: bool = True, on_defect: str | None = None, series: str | int | None = None, **case: Any
    ) -> Prediction:
        """Answer one case: ``ct=path, report="…", age=63``, any subset; what is left out is missing.

        What was found and done about the scan, and whether a part of the case is unlike the training cases, stands in
        ``Prediction.warnings``.

        Args:
            explain: also the share of each modality, and the answer without it.
            on_defect: for faults of geometry "refuse", "resample" or "accept"; None: as the model was configured.
            series: of several DICOM series, one by its number or unique identifier.
            case: by modality or column; a CT is a path, paths of slices, or a ``Volume`` that was read before.

        Raises:
            ConfigError: for a name that the model does not know, or when nothing is given.
            FileError: if a file cannot be read, with the reason.
        """
        if on_defect is not None or series is not None:
            case = self._with_scans(case, on_defect, series)
        return self.predictor.predict(case, explain=explain)

    def _with_scans(self, case: dict[str, Any], on_defect: str | None, series: str | int | None) -> dict[str, Any]:
        """The case with its scans read as was chosen for it."""
        found = dict[str, Any]()
        for m in self.bundle.config.modalities:
            reader = self.predictor.view(m.name).preprocessor
            given = {k: case[k] for k in case if k in (m.name, *m.columns)}
            if isinstance(reader, VolumePreprocessor) and (cell := as_row(given, [m]).values.get(m.name)):
                case = {k: v for k, v in case.items() if k not in given}
                found[m.name] = reader.read(cell, on_defect, series)
        if not found:
            raise ConfigError("on_defect and series say how a CT is read, but the case gives none; leave them out")
        return case | found

    def save(self, folder: Path | str) -> None:
        """Write the trained model as a bundle."""
        self.bundle.save(Path(folder))

    @classmethod
    def load(cls, folder: Path | str, cache: FeatureCache | None = None) -> Self:
        """Open a bundle that ``save`` or ``polyfuse train`` wrote."""
        predictor = Predictor.load(folder, cache)
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
            raise ConfigError("this Diagnosis is not trained: call fit(table) or Diagnosis.load(folder) first")
        return self._predictor

    @property
    def bundle(self) -> Bundle:
        """The trained model with its config, metrics and card."""
        return self.predictor.bundle

    def _config(self, table: Table) -> ExperimentConfig:
        if self.config is None:
            columns = list(table.columns) if isinstance(table, pd.DataFrame) else StringTable.open(table).columns
            self.config = recipe.build(
                columns, target=self.target, preset=self.preset, seed=self.seed, texts=self.texts
            )
        return self.config

    def _manifest(self, table: Table, root: Path | None) -> Manifest:
        manifest = Manifest.open(table, self._config(table), root)
        manifest.raise_faults()
        return manifest
