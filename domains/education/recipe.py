"""The columns of a table of graded answers, by documented names, and the experiment that they make.

answer                   what the learner wrote
reference                what a right answer says; several are separated by |
question                 what was asked
earlier_answers, …       the learner's history before this answer, see ``LEARNER``; ``domains.education.assignments``
                         computes it in order of time
grade                    the answer: correct, partly, contradictory, incorrect; or points (a number); see ``TARGETS``
answer_id, question_id, student_id, module, split    special columns: the answers of one group stay on one side of every
                         split; the group is the column ``group`` (blank: an answer on its own), else the question

The modality ``match`` says how far the answer agrees with reference and question: words, letters and numbers that they
share, words within this very question, and meaning where the sentence encoder is installed (extra ``weights``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.config import ExperimentConfig, ModalityConfig, TableConfig, TargetConfig
from core.errors import ConfigError, unknown
from core.recipes import Columns, asked_target, build_config, table_columns
from core.schema import Modality, TargetKind
from domains.education.elsewhere import pointer

TARGETS = ("grade", "label", "label_3way", "label_2way", "points", "score", "percent")
NUMBERS = ("points", "score", "percent")  # targets that are numbers unless the user says otherwise
TEXTS = ("answer", "reference", "question")
LEARNER = ("earlier_answers", "earlier_share", "earlier_here", "attempt")
UNSEEN = {"answers": None, "learners": "student_id", "questions": "question_id", "modules": "module"}


def build(
    columns: Sequence[str],
    *,
    target: str | None = None,
    classes: Sequence[str] = (),
    preset: str = "default",
    seed: int = 0,
    unseen: str = "questions",
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
) -> ExperimentConfig:
    """An experiment over the columns that a table has under their documented names.

    ``classes``: the order of grades, lowest first, or the labels that there are; none named: as in the rows.
    ``unseen``: what held-out rows are to be new in, so what stays on one side of a split: "answers" (nothing does),
    "learners", "questions" or "modules"; a column ``group`` wins. ``numbers`` and ``categories`` add columns about the
    learner; one name may be a plain string.

    Raises:
        ConfigError: if no target or no answer is found, or a named column is not there; the message lists what was
            looked for, or names the commands for a table of another known layout.
    """
    if unseen not in UNSEEN:
        raise unknown("kind of unseen rows", unseen, UNSEEN)
    if words := pointer(columns):
        raise ConfigError(words)
    column, asked = asked_target(target, columns, TARGETS)
    kind = asked or (TargetKind.NUMBER if column in NUMBERS else TargetKind.LABEL)
    if "answer" not in columns:
        raise ConfigError(f"no column 'answer' is found; the table has {', '.join(columns)}: rename the learner's text")
    modalities = {name: Columns(Modality.TEXT, (name,)) for name in TEXTS if name in columns}
    if len(modalities) > 1:
        modalities["match"] = Columns(Modality.PAIR, tuple(modalities))
    history = LEARNER if any(c in columns for c in LEARNER if c != "attempt") else ()
    learner = table_columns("learner column", columns, column, (history, ()), numbers, categories)
    if learner.columns:
        modalities["learner"] = learner
    group = next((c for c in ("group", UNSEEN[unseen]) if c in columns), None)
    table = TableConfig(
        id="answer_id" if "answer_id" in columns else None, group=group, split="split" if "split" in columns else None
    )
    config = build_config(modalities, TargetConfig(column, kind, tuple(classes) or None), table, preset, seed=seed)
    if preset == "default":  # the floors carry most of the answer here (benchmarks/education_grading.py)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, most_steps=1000))
    return dataclasses.replace(config, modalities=tuple(map(_plain_texts, config.modalities)))


def _plain_texts(modality: ModalityConfig) -> ModalityConfig:
    """Terms alone for texts, and words alone for what was asked: meaning is read once, in ``match``."""
    if modality.kind is not Modality.TEXT:
        return modality
    terms = modality.views[0]
    if modality.name != "answer":
        terms = dataclasses.replace(terms, preprocess=terms.preprocess | {"characters": False, "ngrams": 1})
    return dataclasses.replace(modality, views=(terms,))
