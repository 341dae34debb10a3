"""The columns of a medical table, by documented names, and the experiment that they make.

ct                       a DICOM series (folder or zip), NIfTI or MHA file
image                    one or several slices as PNG, JPEG or single DICOM, separated by |
report, history, text    what the reader wrote; ``sections`` says which parts of a report may be used
voice                    a recording of the patient
age, sex, …              clinical columns: numbers and categories, see ``NUMBERS`` and ``CATEGORIES``
diagnosis                the answer;  outcome columns: survival, went_icu, icu
case_id, patient_id, split    special columns; rows of one patient stay on one side of every split
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.config import ExperimentConfig, ModalityConfig, TableConfig, TargetConfig
from core.errors import ConfigError, unknown
from core.recipes import Columns, build_config
from core.schema import Modality, TargetKind

TARGETS = ("diagnosis", "outcome", "icu", "went_icu", "survival", "body_part", "location_category", "category", "label")
TEXTS = ("report", "history", "history_masked", "text_masked", "text", "findings")
NUMBERS = (
    "age", "crp", "temperature", "oxygen_saturation", "pO2_saturation", "heart_rate", "pack_years", "d_dimer",
    "leukocyte_count", "neutrophil_count", "lymphocyte_count", "offset_days",
)  # fmt: skip
CHEST = {"spacing": [8.0, 6.0, 6.0], "size": [36, 56, 68]}  # mm and voxels: 288 x 336 x 408 mm hold a chest
CHEST_SLICES = {"spacing": [8.0, 3.5, 3.5], "size": [36, 100, 116]}  # the same, finer, for a backbone that reads slices
CATEGORIES = ("sex", "smoker", "symptoms", "cough", "fever")


def build(
    columns: Sequence[str],
    *,
    target: str | None = None,
    preset: str = "default",
    seed: int = 0,
    texts: Sequence[str] | None = None,
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> ExperimentConfig:
    """An experiment over the columns that a table has under their documented names.

    ``texts`` limits which text columns are used (findings often name the answer: see ``domains.medical.reports``);
    ``numbers`` and ``categories`` add clinical columns of other names.

    Raises:
        ConfigError: if no target or no input is found; the message lists what was looked for.
    """
    column, _, kind = (target or _target(columns)).partition(":")
    if column not in columns:
        raise unknown("target column", column, columns)
    modalities: dict[str, Columns] = {}
    for name, what in (("ct", Modality.VOLUME), ("image", Modality.IMAGE), ("voice", Modality.AUDIO)):
        if name in columns:
            modalities[name] = Columns(what, (name,))
    for name in texts if texts is not None else _texts(columns):
        if name not in columns:
            raise unknown("text column", name, columns)
        modalities[name] = Columns(Modality.TEXT, (name,))
    clinical = _clinical(columns, column, numbers, categories)
    if clinical is not None:
        modalities["clinical"] = clinical
    if not modalities:
        raise ConfigError(
            f"no medical column is found; name one of ct, image, {', '.join(TEXTS + NUMBERS + CATEGORIES)}"
        )
    table = TableConfig(
        id=next((c for c in ("case_id",) if c in columns), None),
        group="patient_id" if "patient_id" in columns else None,
        split="split" if "split" in columns else None,
    )
    asked = TargetConfig(column, TargetKind(kind) if kind else TargetKind.LABEL)
    return _tuned(build_config(modalities, asked, table, preset, drop=("[MASK]",), seed=seed))


def _tuned(config: ExperimentConfig) -> ExperimentConfig:
    """Medical tables are small and unbalanced: weigh classes, and stop late. CT is seen in mm, not fitted to a cube."""
    training = dataclasses.replace(config.training, class_weights=True, patience=15)
    return dataclasses.replace(config, training=training, modalities=tuple(map(_in_mm, config.modalities)))


def _in_mm(modality: ModalityConfig) -> ModalityConfig:
    if modality.kind is not Modality.VOLUME:
        return modality
    grids = ((v, CHEST_SLICES if v.backbone else CHEST) for v in modality.views)
    views = (dataclasses.replace(v, preprocess=v.preprocess | grid) for v, grid in grids)
    return dataclasses.replace(modality, views=tuple(views))


def _target(columns: Sequence[str]) -> str:
    found = next((c for c in TARGETS if c in columns), None)
    if found is None:
        raise ConfigError(f"no target column is found; looked for {', '.join(TARGETS)}: name it with --target")
    return found


def _texts(columns: Sequence[str]) -> list[str]:
    """The report and what was known before it; of masked and plain variants only the masked one."""
    found = [c for c in ("report", "text_masked", "history_masked", "history") if c in columns]
    if "history_masked" in found or "text_masked" in found:
        found = [c for c in found if c != "history"]
    if "text_masked" in found:  # it holds the history already
        found = [c for c in found if c != "history_masked"]
    return found


def _clinical(columns: Sequence[str], target: str, numbers: Sequence[str], categories: Sequence[str]) -> Columns | None:
    found_numbers = tuple(c for c in columns if c in (*NUMBERS, *numbers) and c != target)
    found_categories = tuple(c for c in columns if c in (*CATEGORIES, *categories) and c != target)
    if not found_numbers + found_categories:
        return None
    return Columns(Modality.TABULAR, found_numbers + found_categories, found_numbers, found_categories)
