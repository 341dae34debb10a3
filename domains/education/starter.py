"""The sample course, ready to open: lectures indexed, sample models trained, once, into the user's folder.

    $POLYFUSE_HOME/education/courses/NAME    a course: lectures/*/lecture.json, questions.csv, answers.csv, events.csv …
    $POLYFUSE_HOME/education/NAME/bundle     a model

``POLYFUSE_SAMPLES`` names another folder that ``domains.education.sample`` wrote, ``POLYFUSE_SAMPLE_EPOCHS`` another
number of epochs. What was interrupted goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import threading
from pathlib import Path

import pandas as pd

from core import starter
from core.config import ExperimentConfig
from core.progress import Progress, silent
from core.table import StringTable
from domains.education import recipe, risk_recipe
from domains.education.course_folder import TABLES, CourseFolder
from domains.education.course_marks import proposals, propose
from domains.education.grading import Grader
from domains.education.lecture import Lecture
from domains.education.mastery import Mastery
from domains.education.mastery_net import NetOptions
from domains.education.risk import EarlyWarning
from domains.education.risk_features import RiskTables, snapshots

SAMPLE_COURSE = "Sample course"
RISK_DAYS = tuple(range(6, 42, 7))  # the last day of each of the first six weeks
BACKGROUND = ("prior_statistics", "study_mode")  # demographic columns of the sample
UNMARKED = 60  # answers of the sample course, handed in last, that have no mark yet
GRADING_EPOCHS, RISK_EPOCHS, MASTERY_EPOCHS = 12, 30, 8
_preparing = threading.RLock()  # two sessions of one server prepare once


def home() -> Path:
    """The user's folder for courses, models and the log of the app."""
    return starter.home("education")


def sample_folder() -> Path:
    """The folder of the sample course: the repository's, or ``$POLYFUSE_SAMPLES``.

    Raises:
        FileError: if it is not there.
    """
    return starter.sample_table("education", "answers.csv").parent


def courses() -> dict[str, CourseFolder]:
    """The courses of the user's folder by name."""
    found = sorted((home() / "courses").glob("*/questions.csv"))
    return {c.name: c for c in (CourseFolder(f.parent) for f in found) if c.lectures()}


def _epochs(usual: int) -> int:
    return int(os.environ.get("POLYFUSE_SAMPLE_EPOCHS") or usual)


def _answers() -> Path:
    return sample_folder() / "answers.csv"


def _grading_config() -> ExperimentConfig:
    config = recipe.build(StringTable.open(_answers()).columns, preset="fast")
    training = dataclasses.replace(config.training, epochs=_epochs(GRADING_EPOCHS), learning_rate=5e-3)
    return dataclasses.replace(config, training=training, floor=False)


def risk_table() -> Path:
    """What was known of the sample's learners at the end of each of the first weeks, as a table to train on."""
    folder = sample_folder()
    made_of = b"".join((folder / f"{n}.csv").read_bytes() for n in ("enrolments", "work", "scores", "events"))
    path = home() / f"risk-{hashlib.sha256(made_of).hexdigest()[:8]}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".part")
        snapshots(RiskTables.read(folder), RISK_DAYS).to_csv(made, index=False)
        made.rename(path)
    return path


def _risk_config(demographics: bool) -> ExperimentConfig:
    more = BACKGROUND if demographics else ()
    columns = StringTable.open(risk_table()).columns
    config = risk_recipe.build(columns, preset="fast", demographics=demographics, categories=more)
    training = dataclasses.replace(config.training, epochs=_epochs(RISK_EPOCHS), learning_rate=5e-3)
    return dataclasses.replace(config, training=training, floor=False)


GRADING = starter.SampleModel(
    "education", _answers, _grading_config, "sample-grading", lambda c: Grader(config=c, keep_answers=True)
)
RISK = starter.SampleModel(
    "education", risk_table, lambda: _risk_config(True), "sample-risk", lambda c: EarlyWarning(config=c)
)
RISK_WITHOUT = starter.SampleModel(
    "education", risk_table, lambda: _risk_config(False), "sample-risk-anonymous", lambda c: EarlyWarning(config=c)
)


def ready() -> CourseFolder | None:
    """The sample course, or None while it has not been prepared."""
    found = CourseFolder(home() / "courses" / SAMPLE_COURSE)
    if found.made_of() != _fingerprint() or proposals(found) is None:
        return None
    return found if all(m.ready() for m in (GRADING, RISK, RISK_WITHOUT)) else None


def ensure(progress: Progress = silent) -> CourseFolder:
    """The sample course with its models, prepared now where it is not there: about a minute on two cores."""
    with _preparing:
        if (found := ready()) is not None:
            return found
        course = ensure_course(progress)
        for model in (GRADING, RISK, RISK_WITHOUT):
            model.ensure(progress)
        if proposals(course) is None:
            propose(course, Grader.load(GRADING.ensure()), progress)
        return course


def ensure_course(progress: Progress = silent) -> CourseFolder:
    """The sample course without models: its lectures indexed, its tables copied."""
    course = CourseFolder(home() / "courses" / SAMPLE_COURSE)
    if course.made_of() == _fingerprint():
        return course
    if course.made_of():
        shutil.rmtree(course.folder)
    for video in sorted((sample_folder() / "lectures").glob("*.mp4")):
        Lecture.index(video, out=course.folder / "lectures" / video.stem, progress=progress)
    for name in TABLES:
        if (table := sample_folder() / f"{name}.csv").is_file():
            frame = pd.read_csv(table, dtype=str, keep_default_na=False)
            (_handed_in_last(frame) if name == "answers" else frame).to_csv(course.folder / f"{name}.csv", index=False)
    _trace(course, progress)
    course.describe(synthetic=True, made_of=_fingerprint())
    return course


def _trace(course: CourseFolder, progress: Progress) -> None:
    """The mastery table of the sample course, by a small model that learned from the earlier presentations."""
    answers = course.table("answers")
    assert answers is not None
    learned = answers[(answers["split"] != "test") & (answers["grade"] != "")]
    options = NetOptions(width=32, hidden=32, epochs=_epochs(MASTERY_EPOCHS))
    tracer = Mastery(options=options, folds=3, networks=1).fit(learned, progress=progress)
    tracer.table(answers).to_csv(course.folder / "mastery.csv", index=False)


def _handed_in_last(answers: pd.DataFrame) -> pd.DataFrame:
    """The answers with the last ones still without a mark, so that there is something to grade."""
    last = answers["time"].sort_values(kind="stable").index[-UNMARKED:]
    answers.loc[last, "grade"] = ""
    return answers


def _fingerprint() -> str:
    """What the sample course is made of: another set of the generator is another course."""
    return hashlib.sha256((sample_folder() / "sample.json").read_bytes() + _answers().read_bytes()).hexdigest()[:16]
