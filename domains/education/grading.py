"""``Grader``: train on graded answers, grade one or a table. A mark is a proposal; the teacher decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import pandas as pd

from core.answer import is_unsure
from core.cache import FeatureCache
from core.compare import Comparison
from core.config import ExperimentConfig
from core.errors import ConfigError
from core.estimator import Estimator, Table
from core.evaluation.curves import Stress
from core.evaluation.evaluate import Figures
from core.explanation.explain import Explanation, explain
from core.learning_curve import LearningCurve
from core.manifest import Manifest
from core.predict import as_row
from core.progress import Progress, silent
from core.record import LOCAL, Record
from core.record_asked import keep_asked
from core.schema import Prediction, Row
from core.table import StringTable
from domains.education import recipe
from domains.education.assignments_history import HISTORY, with_history
from domains.education.grading_apart import Apart, evaluate_apart
from domains.education.grading_nearest import GradedAnswers, Neighbour, beside

CASE = "answer_id"  # names an answer in a record
DISCLAIMER = "A proposal for the teacher, who decides. Grading people is a high-risk use: keep a person in the loop."


@dataclass(frozen=True)
class Graded:
    """A proposed mark: a label with calibrated probabilities, or points with their interval.

    ``queue`` says why a teacher should look at it; empty: the model grades it by itself. ``driven`` weighs the words of
    the answer (log-odds, or points, that each gives to the mark); ``nearest`` are graded answers to the same question.
    """

    prediction: Prediction
    queue: str = ""
    driven: Explanation | None = None
    nearest: tuple[Neighbour, ...] = ()

    @property
    def grade(self) -> str | float:
        """The label, or the points."""
        found = self.prediction
        return found.label if found.label is not None else float(found.value or 0.0)

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        """The words that drove the mark and what each gave to it, the most telling first; none of a single word."""
        parts = self.driven.parts if self.driven is not None else []
        found = sorted(((p.name, p.share) for p in parts), key=lambda pair: -abs(pair[1]))
        return tuple(found) if len(found) > 1 else ()

    @property
    def possible(self) -> tuple[str, ...]:
        """Labels that cannot be ruled out at the promised coverage."""
        return self.prediction.conformal_set

    @property
    def abstains(self) -> bool:
        """Whether the answer belongs into the teacher's queue."""
        return bool(self.queue)


class Grader(Estimator):
    """Fused grading from answer, reference, question and the learner's history; see ``domains.education.recipe``.

    Args:
        target: the column to predict, as ``COLUMN`` or ``COLUMN:kind``; None: the first documented one.
        unseen: what held-out rows are to be new in: answers, learners, questions, modules.
        keep_answers: keep the graded answers beside the bundle, to show the nearest ones; off, as they are learners'
            texts.
        most_points: points only: widest interval, in points, that is graded without a teacher; None: no limit.
        options: as ``core.estimator.Estimator``; ``numbers`` and ``categories`` name further columns of the learner.
    """

    recipe: ClassVar[ModuleType] = recipe

    def __init__(
        self,
        target: str | None = None,
        *,
        keep_answers: bool = False,
        most_points: float | None = None,
        config: ExperimentConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(target, config=config, **options)
        self.keep_answers, self.most_points = keep_answers, most_points
        self.graded: GradedAnswers | None = None

    def fit(
        self, table: Table, *, root: Path | None = None, out: Path | None = None, progress: Progress = silent
    ) -> Self:
        """Train on a table in the documented layout; the learner's history is computed where it has times.

        Raises:
            TableError: with all faults of the table.
        """
        frame = known_history(table)
        super().fit(frame, root=root, out=out, progress=progress)
        if self.keep_answers:
            self.graded = GradedAnswers.of(frame, self.bundle.config.target.column)
            if out is not None:
                self.graded.save(beside(out / "bundle"))
        return self

    def grade(
        self,
        *,
        answer: str,
        question: str | None = None,
        reference: str | None = None,
        learner: Mapping[str, Any] | None = None,
        why: bool = True,
    ) -> Graded:
        """Grade one answer.

        Args:
            reference: a right answer, or several separated by ``|``.
            learner: the history by column, such as ``{"earlier_share": 0.6}``; left out where the model knows none.
            why: also the share of each modality, the words that drove the mark and the nearest graded answers.

        Raises:
            ConfigError: for a blank answer, or without both question and reference.
        """
        if not answer.strip():
            raise ConfigError("the answer is blank: there is nothing to grade; give no points, or ask the learner")
        if not (question or "").strip() and not (reference or "").strip():
            raise ConfigError("an answer with no question: give question=…, reference=… or both")
        case = self._known({"answer": answer, "question": question, "reference": reference, "learner": learner})
        found = self.predictor.predict(case, explain=why)
        graded = Graded(found, self._queue(found))
        if not why:
            return graded
        nearest = self.graded.nearest(case) if self.graded is not None else ()
        driven = explain(self.predictor, self.row(case), "answer", label=found.label)
        return replace(graded, driven=driven, nearest=nearest)

    def row(self, case: Mapping[str, Any]) -> Row:
        """What the model reads of an answer that is given as ``grade`` takes it."""
        return as_row(self._known(case), self.bundle.config.modalities)

    def grade_table(
        self, table: Table, *, record: Record | None = None, who: str = LOCAL, progress: Progress = silent
    ) -> list[Graded]:
        """Grade all answers of a table, in order, without explanations; its target may be blank or missing.

        ``record`` keeps that ``who`` asked for them, without the texts.

        Raises:
            TableError: with all faults of the table.
        """
        manifest = Manifest.open(self._ready(table), self.bundle.config, need_target=False)
        manifest.raise_faults()
        graded = []
        for found in self.predictor.predict_table(manifest, batch=64):
            graded.append(Graded(found, self._queue(found)))
            progress("answers graded", len(graded), len(manifest))
        if record is not None:
            rows = (manifest.row(i) for i in range(len(manifest)))
            keep_asked(record, self.bundle, (({CASE: r.id}, r, g.prediction) for r, g in zip(rows, graded)), who)
        return graded

    def compare(
        self, table: Table, *, root: Path | None = None, folds: int = 0, progress: Progress = silent
    ) -> Comparison:
        """Fused against each part alone and the floor, on the same splits; see ``core.compare``."""
        return super().compare(known_history(table), root=root, folds=folds, progress=progress)

    def learning_curve(
        self, table: Table, *, root: Path | None = None, folds: int = 0, progress: Progress = silent
    ) -> LearningCurve:
        """The same comparison on growing parts of the training rows; see ``core.learning_curve``."""
        return super().learning_curve(known_history(table), root=root, folds=folds, progress=progress)

    def evaluate(self, table: Table, **options: Any) -> Figures:
        """Measure the trained model on a table that has the target; ``options`` as of ``Estimator.evaluate``."""
        return super().evaluate(self._ready(table), **options)

    def stress(self, table: Table, **options: Any) -> Stress:
        """Curves over damaged, missing and shifted data; ``options`` as of ``Estimator.stress``."""
        return super().stress(self._ready(table), **options)

    def evaluate_apart(self, table: Table) -> dict[str, Apart]:
        """Figures of the test rows, apart for unseen answers, questions and modules, with error against coverage."""
        return evaluate_apart(self.bundle, self._ready(table))

    def save(self, folder: Path | str) -> None:
        """Write the bundle and, where graded answers are kept, their file beside it."""
        super().save(folder)
        if self.graded is not None:
            self.graded.save(beside(Path(folder)))

    @classmethod
    def load(cls, folder: Path | str, cache: FeatureCache | None = None) -> Self:
        """Open a bundle, with the graded answers beside it where there are any."""
        found = super().load(folder, cache)
        if (kept := beside(Path(folder))).is_file():
            found.graded, found.keep_answers = GradedAnswers.load(kept), True
        return found

    def _ready(self, table: Table) -> pd.DataFrame:
        """The table with the learner's history; blank where the model reads one and the table has no times."""
        frame = known_history(table)
        read = {c for m in self.bundle.config.modalities for c in m.columns}
        return frame.assign(**{c: "" for c in (*HISTORY, "attempt") if c in read and c not in frame})

    def _known(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """What the model reads of a case; it may have been trained without question or history."""
        names = {m.name for m in self.bundle.config.modalities}
        return {k: v for k, v in case.items() if v is not None and k in names}

    def _queue(self, found: Prediction) -> str:
        """Why a teacher should look at an answer; "" where nothing speaks for it."""
        if is_unsure(found):
            left = " or ".join(found.conformal_set) or "none of the grades"
            return f"not sure: {left} at {found.coverage:.0%} coverage"
        if found.interval is not None and self.most_points is not None:
            width = found.interval[1] - found.interval[0]
            if width > self.most_points:
                return f"not sure: the interval is {width:.2g} points wide, at most {self.most_points:g} are allowed"
        return found.warnings[0] if found.warnings else ""


def known_history(table: Table) -> pd.DataFrame:
    """A table of answers as text, with the learner's history where it has times or an order and no history yet."""
    frame = table.fillna("").astype(str) if isinstance(table, pd.DataFrame) else StringTable.open(table).frame()
    if any(c in frame for c in HISTORY) or not {"student_id"} & {*frame} or not {"time", "order"} & {*frame}:
        return frame
    return pd.DataFrame(with_history(frame.to_dict("records")), dtype=str)
