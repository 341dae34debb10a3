"""Will the next answer be right? Beetle by learner (five folds), and ASSISTments 2009 on its given split.

Beetle: 73 learners, 4,380 answers in the order of their turns; floor .791 (gradient boosting on counts), question
difficulty alone .717. ASSISTments: 2,921 learners to learn from, 1,230 to measure on; history counts .746. What a
network is trained and stopped on, weights and temperature are all of training learners.

    python -m benchmarks education_mastery [beetle|assistments]
"""

import sys

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.report import public_data, save, timed
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.intervals import Resamples
from core.progress import silent
from domains.education.mastery import EXPERTS, Mastery
from domains.education.mastery_net import NetOptions


def beetle() -> pd.DataFrame:
    table = pd.read_csv(public_data("education") / "answers" / "answers.csv", dtype=str, keep_default_na=False)
    known = (table["dataset"] == "beetle") & table["split"].isin(["train", "test-unseen-answers"])
    own = table[known].rename(columns={"module": "concept"})
    return own[["student_id", "turn", "question_id", "concept", "label_2way"]].reset_index(drop=True)


def beetle_figures(folds: int = 5) -> dict[str, object]:
    table = beetle()
    students = np.unique(table["student_id"])
    fold = dict(zip(np.random.default_rng(0).permutation(students), np.arange(len(students)) % folds))
    part = table["student_id"].map(fold)
    y = (table["label_2way"] == "correct").to_numpy().astype(int)
    p, each = np.zeros(len(table)), np.zeros((4, len(table)))
    for k in range(folds):
        model = Mastery().fit(table[part != k].reset_index(drop=True), progress=silent)
        here = np.flatnonzero(part == k)
        held = table.iloc[here].reset_index(drop=True)
        p[here], each[:, here] = model.next_answers(held), model.experts(held)
        print(k, roc_auc_score(y[here], p[here]), dict(zip(EXPERTS, model.parts.weights)),
              flush=True)  # fmt: skip
    return figures(y, p, table["student_id"].tolist(), each)


def assistments_figures() -> dict[str, object]:
    file = public_data("education") / "mastery" / "assist2009_skill_builder.csv.gz"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)[
        ["split", "student_id", "step", "skill_name", "correct"]
    ]
    train, test = (table[table["split"] == s].reset_index(drop=True) for s in ("train", "test"))
    seconds: dict[str, float] = {}
    with timed(seconds, "train_s"):
        model = Mastery(networks=1, options=NetOptions(epochs=6, patience=2)).fit(train, progress=_say)
    with timed(seconds, "test_s"):
        p = model.next_answers(test)
    y = (test["correct"] == "1").to_numpy().astype(int)
    return figures(y, p, test["student_id"].tolist(), model.experts(test)) | seconds


def _say(stage: str, done: int, total: int, told: dict | None = None) -> None:
    print(stage, done, total, told, flush=True)


def figures(y: np.ndarray, p: np.ndarray, students: list[str], each: np.ndarray) -> dict[str, object]:
    drawn = [roc_auc_score(y[s], p[s]) for s in Resamples(len(y), students, 200)]
    return {
        "answers": len(y),
        "auc": round(float(roc_auc_score(y, p)), 4),
        "auc_interval_by_learner": [round(float(q), 4) for q in np.quantile(drawn, [0.025, 0.975])],
        "calibration_error": round(expected_calibration_error(y, np.stack([1 - p, p], axis=1)), 4),
        "auc_alone": {n: round(float(roc_auc_score(y, e)), 4) for n, e in zip(EXPERTS, each)},
    }


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["beetle", "assistments"]
    if "beetle" in wanted:
        save("education_mastery_beetle", beetle_figures())
    if "assistments" in wanted:
        save("education_mastery_assistments", assistments_figures())
