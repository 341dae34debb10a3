"""The columns of a table of enrolments at a day, and the experiment that they make; see ``risk_features``.

course         course, season, day, and where the course stands: work due so far
demographics   who the learner is, as the school records it; may be left out (``demographics=False``)
clicks         before the start, and since then where there are events
assessments    work handed in, missed, late, its marks
at_risk        the answer: 1 or 0;  case_id, enrolment_id, split: special columns

A split is by time: learn from earlier presentations, answer for later ones (``risk.by_time``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.errors import ConfigError
from core.recipes import Columns, as_names, build_config
from core.schema import Modality
from domains.education.risk_features import ACTIVITY, ASSESSMENTS, BEFORE, ENROLMENT

TARGET, _CLASSES = "at_risk", ("0", "1")
DEMOGRAPHIC_NUMBERS = ("num_of_prev_attempts", "studied_credits", "age")
DEMOGRAPHICS = ("gender", "region", "highest_education", "imd_band", "age_band", "disability", "language")
_PARTS = {
    "course": (("day", "due", "due_weight"), ("course", "season")),
    "demographics": (DEMOGRAPHIC_NUMBERS, DEMOGRAPHICS),
    "clicks": ((*BEFORE, *(f"rank_{c}" for c in BEFORE), "registered_day", *ACTIVITY), ()),
    "assessments": (tuple(c for c in ASSESSMENTS if c not in ("due", "due_weight")), ()),
}
_NEVER = (*ENROLMENT, "case_id", "split", "start_date", "left_day")


def build(
    columns: Sequence[str],
    *,
    target: str | None = None,
    classes: Sequence[str] = (),
    preset: str = "default",
    seed: int = 0,
    demographics: bool = True,
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
) -> ExperimentConfig:
    """An experiment over the documented columns that a table has.

    ``numbers`` and ``categories`` are further demographic columns; one name may be a plain string.

    Raises:
        ConfigError: if the target is missing, for ``classes`` other than 0 and 1, or for a further column that tells
            the outcome.
    """
    if classes and tuple(classes) != _CLASSES:
        raise ConfigError("early warning knows 0 and 1, which is at risk: name no other classes or order")
    column = (target or TARGET).partition(":")[0]  # a label, whatever kind is named
    if column not in columns:
        raise ConfigError(f"no column {column!r}; a table to train on says who was at risk: 1 or 0")
    numbers, categories = as_names(numbers), as_names(categories)
    if wrong := [c for c in (*numbers, *categories) if c in _NEVER or c not in columns]:
        raise ConfigError(f"column {wrong[0]!r} is missing, names a row or tells the outcome; it is no input")
    parts = dict(_PARTS)
    parts["demographics"] = ((*DEMOGRAPHIC_NUMBERS, *numbers), (*DEMOGRAPHICS, *categories))
    if not demographics:
        del parts["demographics"]
    modalities = {}
    for name, (measured, named) in parts.items():
        own_numbers = tuple(c for c in measured if c in columns and c != column)
        own_categories = tuple(c for c in named if c in columns and c != column)
        if own_numbers + own_categories:
            modalities[name] = Columns(Modality.TABULAR, own_numbers + own_categories, own_numbers, own_categories)
    table = TableConfig(
        id="case_id" if "case_id" in columns else None,
        group="enrolment_id" if "enrolment_id" in columns else None,
        split="split" if "split" in columns else None,
    )
    config = build_config(modalities, TargetConfig(column, classes=_CLASSES), table, preset, seed=seed)
    smooth = dataclasses.replace(config.training, label_smoothing=0.0, metric="neg_log_loss")  # risk, not a verdict
    return dataclasses.replace(config, training=smooth)
