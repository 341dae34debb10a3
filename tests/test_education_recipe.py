"""The education recipe: what becomes of the documented columns, and what is refused."""

from __future__ import annotations

import pytest

from core.config import ExperimentConfig
from core.errors import ConfigError
from core.schema import Modality, TargetKind
from domains.education.recipe import build

COLUMNS = ["answer_id", "student_id", "question_id", "question", "reference", "answer", "module", "grade"]


def kinds(config: ExperimentConfig) -> dict[str, Modality]:
    return {m.name: m.kind for m in config.modalities}


def test_documented_columns_become_modalities() -> None:
    config = build([*COLUMNS, "earlier_share", "attempt", "split"], preset="fast")
    assert kinds(config) == {
        "answer": Modality.TEXT,
        "reference": Modality.TEXT,
        "question": Modality.TEXT,
        "match": Modality.PAIR,
        "learner": Modality.TABULAR,
    }
    assert config.target.column == "grade"
    assert config.target.kind is TargetKind.LABEL
    assert (config.table.id, config.table.group, config.table.split) == ("answer_id", "question_id", "split")
    match = next(m for m in config.modalities if m.name == "match")
    assert match.columns == ("answer", "reference", "question")
    assert [v.preprocess["features"] for v in match.views] == ["overlap", "terms"]
    assert ExperimentConfig.from_json(config.to_json()) == config


def test_the_default_stacks_the_floor_and_reads_meaning_once() -> None:
    config = build(COLUMNS)
    assert config.stack
    backbones = [v.backbone for m in config.modalities for v in m.views if v.backbone]
    assert backbones in ([], ["sentence_pair"])  # without the extra `weights` there is no sentence encoder


@pytest.mark.parametrize(
    ("target", "column", "kind"),
    [
        (None, "grade", TargetKind.LABEL),
        ("label_2way", "label_2way", TargetKind.LABEL),
        ("score", "score", TargetKind.NUMBER),
        ("score:label", "score", TargetKind.LABEL),
        ("points", "points", TargetKind.NUMBER),
    ],
)
def test_targets_of_other_names(target: str | None, column: str, kind: TargetKind) -> None:
    config = build([*COLUMNS, "label_2way", "score", "points"], target=target, preset="fast")
    assert (config.target.column, config.target.kind) == (column, kind)
    assert column not in {c for m in config.modalities for c in m.columns}


def test_the_order_of_grades_is_told() -> None:
    config = build(COLUMNS, target="grade:grade", classes=["incorrect", "partly", "correct"], preset="fast")
    assert config.target.classes == ("incorrect", "partly", "correct")


@pytest.mark.parametrize(
    ("unseen", "group"),
    [("answers", None), ("learners", "student_id"), ("questions", "question_id"), ("modules", "module")],
)
def test_what_stays_on_one_side_of_a_split(unseen: str, group: str | None) -> None:
    assert build(COLUMNS, preset="fast", unseen=unseen).table.group == group
    assert build([*COLUMNS, "group"], preset="fast", unseen=unseen).table.group == "group"


def test_an_answer_alone_and_further_columns_about_the_learner() -> None:
    assert kinds(build(["answer", "grade"], preset="fast")) == {"answer": Modality.TEXT}
    config = build([*COLUMNS, "hours", "school"], preset="fast", numbers=("hours",), categories="school")
    learner = next(m for m in config.modalities if m.name == "learner")
    assert learner.views[0].preprocess == {"numbers": ["hours"], "categories": ["school"]}


RAW = ["question_id", "answer_id", "student_id", "turn", "student_answer", "label_2way"]
READ = "  python -m domains.education.assignments {}.csv{} --unseen questions "


def test_a_public_layout_is_refused_with_the_commands_that_read_it() -> None:
    with pytest.raises(ConfigError) as told:
        build(["dataset", *RAW])
    for line in (
        READ.format("TRAIN", " QUESTIONS.csv --dataset NAME") + "--out train_ready.csv\n",
        "  polyfuse train train_ready.csv --domain education --target label_2way --out RUN\n",
        READ.format("TEST", " QUESTIONS.csv --dataset NAME") + "--history TRAIN.csv --out test_ready.csv\n",
        "  polyfuse evaluate RUN/bundle test_ready.csv --split all",
    ):
        assert line in str(told.value)
    with pytest.raises(ConfigError) as told:
        build(["question", "reference_answer", *RAW], target="label_2way")
    assert READ.format("TRAIN", "") in str(told.value)
    with pytest.raises(ConfigError, match=r"an export of Moodle or Canvas(.|\n)*--target points"):
        build(["Email address", "Question 1", "Response 1"])
    assert kinds(build(["answer", *RAW], preset="fast"))  # what one can train on goes first


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            ["code_module", "code_presentation", "id_student", "at_risk"],
            r"risk table FOLDER risk\.csv\n.*risk train risk",
        ),
        (["case_id", "enrolment_id", "start", "day", "at_risk"], r"other model:\n.*risk train TABLE\.csv --out RUN"),
        (["enrolment_id", "student_id", "at_risk"], r"risk table FOLDER TABLE\.csv\n.*risk train TABLE\.csv"),
    ],
)
def test_a_table_of_enrolments_is_refused_with_the_commands_of_early_warning(columns: list[str], words: str) -> None:
    for target in (None, "at_risk"):
        with pytest.raises(ConfigError, match=words):
            build(columns, target=target)


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (["grade", "text"], {}, "no column 'answer' is found; the table has grade, text"),
        (["answer", "text"], {}, "no target column is found; looked for grade, label"),
        (COLUMNS, {"target": "grades"}, "unknown target column 'grades'. Did you mean 'grade'"),
        (COLUMNS, {"target": "grade:labl"}, "unknown target kind 'labl'. Did you mean 'label'"),
        (COLUMNS, {"unseen": "question"}, "Did you mean 'questions'"),
        (COLUMNS, {"numbers": "hour"}, "unknown learner column 'hour'"),
    ],
)
def test_refusals_say_what_to_do(columns: list[str], options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(columns, **options)  # type: ignore[arg-type]
