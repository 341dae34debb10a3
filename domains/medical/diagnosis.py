"""``Diagnosis``: train on a table of cases, diagnose one. Research use; not a medical device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from core.config import ExperimentConfig
from core.errors import ConfigError
from core.estimator import Estimator
from core.predict import Review, as_row
from core.preprocess.volume import VolumePreprocessor
from core.schema import Prediction
from domains.medical import recipe
from domains.medical.denial import contradictions

DISCLAIMER = "For research. Not a medical device; not for diagnosis or treatment of patients."


class Diagnosis(Estimator):
    """Fused diagnosis from CT, images, report, history and clinical columns, in scikit-learn's manner.

    Args:
        target: the column to predict, as ``COLUMN`` or ``COLUMN:kind`` (label, labels, grade, number); None: the first
            documented one that the table has (``domains.medical.recipe.TARGETS``).
        classes: the order of grades, lowest first, or the labels that there are; none named: as in the rows.
        preset: fast, default or best; see ``core.recipes``.
        seed: of split, initialisation and order.
        texts: the text columns that may be used; None: as documented.
        sections: of a report, those that may be used; none named: all.
        hide: words that no text may tell the model.
        numbers: clinical columns of other names than the documented ones that hold numbers.
        categories: the same, of a few words each.
        on_defect: faults of a scan's geometry: "refuse", "resample" or "accept".
        config: a whole experiment instead of all of the above.
    """

    recipe: ClassVar[ModuleType] = recipe

    def __init__(
        self,
        target: str | None = None,
        *,
        classes: Sequence[str] = (),
        preset: str = "default",
        seed: int = 0,
        texts: str | Sequence[str] | None = None,
        sections: str | Sequence[str] = (),
        hide: str | Sequence[str] = (),
        numbers: str | Sequence[str] = (),
        categories: str | Sequence[str] = (),
        on_defect: str = "refuse",
        config: ExperimentConfig | None = None,
    ) -> None:
        super().__init__(
            target, preset=preset, seed=seed, config=config, texts=texts, sections=sections, hide=hide,
            numbers=numbers, categories=categories, on_defect=on_defect, classes=classes,
        )  # fmt: skip

    @classmethod
    def review(cls) -> Review:
        """Where a report denies what the scan alone shows."""
        return contradictions

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

    def document(
        self,
        found: Prediction,
        kind: str = "pdf",
        *,
        name: str = "case",
        ct: Path | None = None,
        series: str | None = None,
    ) -> bytes:
        """An answer as a document: ``pdf``, ``fhir`` (DiagnosticReport) or ``sr`` (DICOM structured report).

        Args:
            found: what ``diagnose`` answered.
            kind: of document.
            name: of the case, which stands in the document.
            ct: the DICOM series that the case was given as, for the documents that refer to it.
            series: of several series in ``ct``, one by its unique identifier.

        Raises:
            ConfigError: for an unknown kind.
            FileError: if ``ct`` cannot be read.
            MissingExtraError: where the extra ``documents`` is needed and not installed.
        """
        from domains.medical.documents import Result, document
        from domains.medical.documents.sources import dicom_headers

        images = [] if ct is None else dicom_headers(ct, series)
        return document(kind, Result.of(replace(found, id=name), self.bundle), images)

    def checklists(self) -> dict[str, str]:
        """TRIPOD+AI and CLAIM 2024 as Markdown by file name, filled where the training run knows the answer."""
        from domains.medical.checklists import NAMES, checklist

        return {f"{name}.md": checklist(name, self.bundle) for name in NAMES}

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
