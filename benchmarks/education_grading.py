"""Grading of free-text answers: Beetle, SciEntsBank and Mohler, fused against its parts and a TF-IDF floor.

    python -m benchmarks.education_grading beetle-2way-answers beetle-2way-questions
    python -m benchmarks.education_grading beetle-2way-questions:1       # the first fold alone
    python -m benchmarks.education_grading best scientsbank-2way-answers # by another preset than default
    python -m benchmarks.education_grading                               # all of them, every fold

answers     the official unseen answers, trained on the official training rows
questions   training rows alone, whole questions held out (four folds, pooled)
modules     training rows alone, whole modules held out (SciEntsBank: four folds, pooled)
mohler      each assignment held out in turn

A part alone is the linear floor on that modality.

Within the training rows of each fold a part is held out in the same unit (answers, questions, modules) to stop training
and to weigh network and floors; nothing was chosen on the rows that are reported. The official unseen questions and
domains are not used here. ``weighted_f1`` is compared for two classes, macro ``f1`` for three, ``pearson`` for points.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from benchmarks.report import public_data, save, timed
from core.config import ExperimentConfig
from core.dataset import CaseDataset, Collate
from core.ensemble import Ensemble
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.intervals import interval
from core.experiment import Experiment
from core.floor.features import matrix
from core.floor.fit import floor_blocks
from core.floor.linear import Linear, unscale
from core.manifest import Manifest
from core.metrics import score, scores
from core.progress import Bars
from core.recipes import PRESETS
from core.schema import TargetKind
from core.splits import folds
from domains.education import recipe
from domains.education.assignments import read_assignments
from domains.education.grading_apart import coverage

NAMES = {"beetle": "beetle", "scientsbank": "sciEntsBank", "mohler": "mohler"}
SETTINGS = (
    "beetle-2way-answers", "beetle-2way-questions", "beetle-3way-answers", "scientsbank-2way-answers",
    "scientsbank-2way-questions", "scientsbank-2way-modules", "scientsbank-3way-answers", "mohler-score-modules",
)  # fmt: skip
UNIT = {"answers": None, "questions": "question_id", "modules": "module"}
OUTER = 4
Answers = dict[str, np.ndarray]


def table_of(folder: Path, dataset: str) -> pd.DataFrame:
    """The rows of a data set as the grader reads them."""
    found = read_assignments(folder / "answers.csv", folder / "questions.csv", dataset=NAMES[dataset])
    return found.table().drop(columns="split", errors="ignore")


def parts(table: pd.DataFrame, target: str, unseen: str, outer: int) -> Iterator[dict[str, list[int]]]:
    """Train, val and test rows of each outer fold."""
    train = np.arange(len(table)) if "part" not in table else np.flatnonzero(table["part"] == "train")
    groups: list[str | None] = [None] * len(table) if UNIT[unseen] is None else table[UNIT[unseen]].tolist()
    truth = table[target].tolist()

    def cut(rows: np.ndarray, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
        found = folds([truth[i] for i in rows], [groups[i] for i in rows], n, 0)
        return [(rows[a], rows[b]) for a, b in found]

    if unseen == "answers":
        outside = [(train, np.flatnonzero(table["part"] == "test-unseen-answers"))]
    else:
        outside = cut(train, outer or len({groups[i] for i in train}))
    for rest, test in outside:
        kept, held = cut(rest, min(7, len({groups[i] for i in rest}) if UNIT[unseen] else 7))[0]
        yield {"train": kept.tolist(), "val": held.tolist(), "test": test.tolist()}


def fold(manifest: Manifest, config: ExperimentConfig, rows: dict[str, list[int]], alone: bool) -> tuple[Answers, dict]:
    """Answers of the fused model, of its experts and, if asked for, of each modality alone; what the bundle says."""
    with Bars() as progress:
        experiment = Experiment(manifest, config, progress=progress, rows=rows)
        groups = experiment.train_groups()
        bundle = experiment.combine(groups)
        found = {"fused": experiment.answers(bundle, rows["test"])}
        for g in groups:
            own = Ensemble(
                bundle.ensemble.target, bundle.ensemble.modalities, g.experts, (1 / len(g.experts),) * len(g.experts)
            )
            found[g.name] = experiment.answers(dataclasses.replace(bundle, ensemble=own), rows["test"])
    for m in config.modalities if alone else ():
        found[f"{m.name} alone"] = linear_alone(experiment, m.name, rows)
    print(f"{len(rows['train'])} train, {len(rows['test'])} test: {bundle.facts['expert_weights']}", flush=True)
    return found, {"expert_weights": bundle.facts["expert_weights"], "threshold": bundle.threshold}


def linear_alone(experiment: Experiment, name: str, rows: dict[str, list[int]]) -> np.ndarray:
    """The linear floor on one modality of an experiment, fitted on its training rows: answers on the test rows."""
    config = experiment.config.only(name)
    views = {n: v for n, v in experiment.views.items() if v.modality.name == name}
    blocks = floor_blocks(config, views)
    data, collate = CaseDataset(experiment.manifest, views, room=0), Collate(views, None)

    def x(wanted: list[int]) -> sp.csr_matrix:
        batches = (collate([data[i] for i in wanted[s : s + 256]]) for s in range(0, len(wanted), 256))
        return sp.vstack([matrix(b, blocks, None, one_hot=True) for b in batches], format="csr")

    y = experiment.target.encode([experiment.manifest.targets[i] for i in rows["train"]]).numpy()
    model = Linear.fit(experiment.target, blocks, x(rows["train"]), y)
    return unscale(experiment.target, model.scores(x(rows["test"])))


def floor(table: pd.DataFrame, target: str, rows: dict[str, list[int]], classes: Sequence[str]) -> np.ndarray:
    """TF-IDF of words and word pairs of answer, reference and question, linear: probabilities, or the number."""
    texts = table["answer"] + "\n" + table["reference"] + "\n" + table["question"]
    train = rows["train"] + rows["val"]
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(texts.iloc[train])
    x, x_test = (terms.transform(texts.iloc[r]) for r in (train, rows["test"]))
    y = table[target].iloc[train]
    if not classes:
        return Ridge(1.0).fit(x, y.astype(float)).predict(x_test)[:, None]
    model = LogisticRegression(C=3.0, max_iter=500).fit(x, y)
    return model.predict_proba(x_test)[:, [list(model.classes_).index(c) for c in classes]]


def figures(kind: TargetKind, metric: str, y: np.ndarray, answers: Answers, groups: Sequence[str]) -> dict[str, Any]:
    """Every variant's metrics with an interval over groups, its lead over the TF-IDF floor, and the fused coverage."""
    found: dict[str, Any] = {"cases": len(y), "metric": metric, "variants": {}}
    for name, a in answers.items():
        one: dict[str, Any] = scores(kind, y, a)
        one["interval"] = interval(kind, metric, y, a, groups)
        if name != "floor":
            lead = score(kind, metric, y, a) - score(kind, metric, y, answers["floor"])
            one["lead_over_floor"] = [lead, *interval(kind, metric, y, a, groups, against=answers["floor"])]
        if kind is TargetKind.LABEL:
            one["expected_calibration_error"] = expected_calibration_error(y, a)
        found["variants"][name] = one
    if kind is TargetKind.LABEL:
        curve = coverage(y, answers["fused"], np.zeros(len(y), bool))
        found["error_against_coverage"] = dict(zip(map(str, curve.shares), curve.errors))
    return found


def measure(folder: Path, setting: str, most: int = 0, preset: str = "default") -> dict[str, Any]:
    """One setting: its folds (at ``most`` so many; 0: all) trained, pooled and measured."""
    dataset, kind, unseen = setting.split("-")
    target = "score" if kind == "score" else f"label_{kind}"
    table = table_of(folder, dataset)
    config = recipe.build(list(table.columns), target=target, unseen=unseen, preset=preset)
    manifest = Manifest.open(table, config)
    pooled: dict[str, list[np.ndarray]] = {}
    tested: list[int] = []
    told: list[dict] = []
    seconds: dict[str, float] = {}
    with timed(seconds, "seconds"):
        for rows in islice(parts(table, target, unseen, 0 if dataset == "mohler" else OUTER), most or None):
            found, facts = fold(manifest, config, rows, alone=unseen == "answers" and kind == "2way")
            classes = sorted({table[target][i] for i in rows["train"]}) if kind != "score" else []
            found["floor"] = floor(table, target, rows, classes)
            for name, answers in found.items():
                pooled.setdefault(name, []).append(answers)
            tested += rows["test"]
            told.append(facts)
    joined = {name: np.concatenate(a) for name, a in pooled.items()}
    truth = table[target].iloc[tested]
    if kind == "score":
        y, what, metric = truth.astype(float).to_numpy(), TargetKind.NUMBER, "pearson"
    else:
        what, metric = TargetKind.LABEL, "weighted_f1" if kind == "2way" else "f1"
        y = np.searchsorted(sorted(set(table[target])), truth)
    groups = table["question_id"].iloc[tested].tolist()
    return figures(what, metric, y, joined, groups) | {"folds": told} | seconds


if __name__ == "__main__":
    answers_folder = public_data("education") / "answers"
    asked = [a for a in sys.argv[1:] if a not in PRESETS]
    how = next((a for a in sys.argv[1:] if a in PRESETS), "default")
    for wanted in asked or SETTINGS:
        named, _, count = wanted.partition(":")
        name = f"education_grading_{named.replace('-', '_')}" + (f"_{how}" if how != "default" else "")
        save(name, measure(answers_folder, named, int(count or 0), how))
