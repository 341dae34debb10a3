"""The columns of a medical table, by documented names, and the experiment that they make.

ct                       a DICOM series (folder or zip), NIfTI or MHA file
image                    one or several slices as PNG, JPEG or single DICOM, separated by |
report, history          what the reader wrote; ``sections`` says which parts of a report may be used, ``hide`` which
                         words of any text may not
text, findings           other names of a report, read where there is none
text_masked, …           texts without the words that name the answer, read in place of the plain ones, see ``TEXTS``
voice                    a recording of the patient
age, sex, …              clinical columns: numbers and categories, see ``NUMBERS`` and ``CATEGORIES``
label, diagnosis         the answer, the first that is there;  outcome columns: survival, went_icu, icu
case_id, patient_id, split    special columns; rows of one patient stay on one side of every split
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.config import ExcerptConfig, ExperimentConfig, ModalityConfig, TableConfig, TargetConfig
from core.errors import ConfigError, unknown
from core.excerpt import MASK
from core.preprocess.volume_io import POLICIES
from core.recipes import Columns, as_names, asked_target, build_config, table_columns
from core.schema import Modality, TargetKind
from domains.medical.report_sections import HEADINGS, SECTIONS, UNTITLED

TARGETS = ("label", "diagnosis", "outcome", "icu", "went_icu", "survival", "body_part", "location_category", "category")
TEXTS = ("report", "history", "history_masked", "text_masked", "text", "findings")
REPORTS = ("report", "text_masked", "text", "findings")  # texts that have sections
SPECIAL = ("case_id", "patient_id", "split")
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
    classes: Sequence[str] = (),
    preset: str = "default",
    seed: int = 0,
    texts: str | Sequence[str] | None = None,
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    sections: str | Sequence[str] = (),
    hide: str | Sequence[str] = (),
    on_defect: str = "refuse",
) -> ExperimentConfig:
    """An experiment over the columns that a table has under their documented names. One name may be a plain string.

    Args:
        columns: of the table.
        target: the column to predict, as ``COLUMN`` or ``COLUMN:kind``; None: the first of ``TARGETS``.
        classes: the order of grades, lowest first, or the labels that there are; none named: as in the rows.
        preset: fast, default or best; see ``core.recipes``.
        seed: of split, initialisation and order.
        texts: the text columns that may be used; None: as documented.
        numbers: clinical columns of other names that hold numbers.
        categories: the same, of a few words each.
        sections: of ``SECTIONS``, those of a report that may be used, in training and of every later case; none
            named: all. Findings and impression often name the answer: ``polyfuse check`` measures it.
        hide: words that no text may tell the model, in any case and with simple inflections.
        on_defect: faults of a scan's geometry: "refuse", "resample" or "accept".

    Raises:
        ConfigError: if no target or no input is found, or a named column is not there; the message lists what was
            looked for.
    """
    column, kind = asked_target(target, columns, TARGETS)
    modalities: dict[str, Columns] = {}
    for name, what in (("ct", Modality.VOLUME), ("image", Modality.IMAGE), ("voice", Modality.AUDIO)):
        if name in columns:
            modalities[name] = Columns(what, (name,))
    for name in usual_texts([c for c in columns if c != column]) if texts is None else as_names(texts):
        if name not in columns:
            raise unknown("text column", name, columns)
        modalities[name] = Columns(Modality.TEXT, (name,))
    clinical = table_columns("clinical column", columns, column, (NUMBERS, CATEGORIES), numbers, categories)
    if clinical.columns:
        modalities["clinical"] = clinical
    if not modalities:
        raise ConfigError(
            f"no medical column is found; name one of ct, image, {', '.join(TEXTS + NUMBERS + CATEGORIES)}: "
            f"the first line of the table names {', '.join(map(repr, columns[:30]))}"
        )
    table = TableConfig(
        id=next((c for c in ("case_id",) if c in columns), None),
        group="patient_id" if "patient_id" in columns else None,
        split="split" if "split" in columns else None,
    )
    asked = TargetConfig(column, kind or TargetKind.LABEL, tuple(classes) or None)
    config = _tuned(build_config(modalities, asked, table, preset, drop=(MASK,), seed=seed), on_defect)
    return excerpted(config, sections, hide)


def excerpted(
    config: ExperimentConfig, sections: str | Sequence[str] = (), hide: str | Sequence[str] = ()
) -> ExperimentConfig:
    """The same experiment on these sections of its reports alone, and without these words in any text.

    Raises:
        ConfigError: for an unknown section, or sections without a report to take them from.
    """
    sections, hide = as_names(sections), as_names(hide)
    if alien := [s for s in sections if s not in SECTIONS]:
        raise unknown("section", alien[0], SECTIONS)
    if sections and not any(m.columns[0] in REPORTS for m in config.modalities):
        raise ConfigError(f"sections: no report is among the inputs; use one of {', '.join(REPORTS)}, or name none")
    return dataclasses.replace(config, modalities=tuple(_excerpted(m, sections, hide) for m in config.modalities))


def _excerpted(modality: ModalityConfig, sections: tuple[str, ...], hide: tuple[str, ...]) -> ModalityConfig:
    kept = sections if modality.columns[0] in REPORTS else ()
    if modality.kind is not Modality.TEXT or not (kept or hide):
        return modality
    found = dataclasses.replace(modality.excerpt or ExcerptConfig(), hidden=hide)
    if kept:
        headings = {name: list(words) for name, words in HEADINGS.items()}
        found = dataclasses.replace(found, sections=kept, headings=headings, untitled=UNTITLED)
    return dataclasses.replace(modality, excerpt=found)


def _tuned(config: ExperimentConfig, on_defect: str) -> ExperimentConfig:
    """Medical tables are small and unbalanced: weigh classes, and stop late. CT is seen in mm, not fitted to a cube."""
    training = dataclasses.replace(config.training, class_weights=True, patience=15)
    modalities = tuple(_in_mm(m, on_defect) for m in config.modalities)
    return dataclasses.replace(config, training=training, modalities=modalities)


def _in_mm(modality: ModalityConfig, on_defect: str) -> ModalityConfig:
    if modality.kind is not Modality.VOLUME:
        return modality
    if on_defect not in POLICIES:
        raise unknown("on_defect", on_defect, POLICIES)
    chosen = {} if on_defect == POLICIES[0] else {"on_defect": on_defect}
    grids = ((v, (CHEST_SLICES if v.backbone else CHEST) | chosen) for v in modality.views)
    views = (dataclasses.replace(v, preprocess=v.preprocess | grid) for v, grid in grids)
    return dataclasses.replace(modality, views=tuple(views))


def usual_texts(columns: Sequence[str]) -> list[str]:
    """The report and what was known before it; of masked and plain variants only the masked one.

    ``text`` and ``findings`` are other names of a report, so they are read where there is neither.
    """
    found = [c for c in ("report", "text_masked", "history_masked", "history") if c in columns]
    if not {"report", "text_masked", "history_masked"}.intersection(found):
        found = [c for c in ("text", "findings") if c in columns] + found
    if "history_masked" in found or "text_masked" in found:
        found = [c for c in found if c != "history"]
    if "text_masked" in found:  # it holds the history already
        found = [c for c in found if c != "history_masked"]
    return found
