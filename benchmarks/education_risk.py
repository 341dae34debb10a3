"""Early warning on the Open University set: 2014B held out, learned from 2013B and 2013J, at days 0, 30, 60 and 90.

The floor is gradient boosting on the set's own columns of that day (demographics, clicks before the start, dNN_…), on
the same split. One module of 2014B (CCC) was never given before, so nothing could be learned of it; the figures without
it stand beside. For time, weights and temperature are learned on one held-out part of the enrolments of training, not
in the preset's five folds, and the network is trained for 600 steps.

    python -m benchmarks education_risk              the figures, whom to call, groups
    python -m benchmarks education_risk without      the same, trained without demographics
    python -m benchmarks education_risk speed        scoring 30,000 enrolments
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.report import RESULTS, public_data, save
from core.evaluation.calibration import expected_calibration_error
from core.evaluation.intervals import Resamples
from core.progress import silent
from domains.education import risk_recipe
from domains.education.risk import EarlyWarning, by_time, read_tables
from domains.education.risk_features import snapshots
from domains.education.risk_report import at_capacity, by_group, calibration_error

DAYS = (0, 30, 60, 90)
RUNS = Path("runs")
KNOWN = [
    "gender", "region", "highest_education", "imd_band", "age_band", "num_of_prev_attempts", "studied_credits",
    "disability", "code_module", "date_registration", "pre_course_clicks", "pre_course_interaction_rows",
]  # fmt: skip


def table(folder: Path) -> pd.DataFrame:
    return by_time(snapshots(read_tables(folder), DAYS).astype({"at_risk": str}))


def train(rows: pd.DataFrame, name: str, demographics: bool = True) -> EarlyWarning:
    bundle = RUNS / name / "bundle"
    if bundle.is_dir():
        return EarlyWarning.load(bundle)
    config = risk_recipe.build(list(rows.columns), preset="best", demographics=demographics)
    short = dataclasses.replace(config.training, most_steps=600)
    config = dataclasses.replace(config, folds=1, training=short)
    return EarlyWarning(config=config).fit(rows, out=RUNS / name, progress=silent)


def floor(folder: Path, day: int, ids: pd.Series) -> np.ndarray:
    """Risks of the floor for these enrolments of 2014B."""
    own = pd.read_csv(folder / "oulad_enrolments.csv.gz").set_index("enrolment_id")
    dated = [c for c in own if c.startswith(f"d{day}_") and not c.endswith("still_registered")]
    x = own[KNOWN + dated].copy()
    for column in x.select_dtypes(exclude="number"):
        x[column] = x[column].astype("category")
    left = own["date_unregistration"]
    here = (left.isna() | (left > day)) & (own["code_presentation"] != "2014B")
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    return model.fit(x[here], own.loc[here, "at_risk"]).predict_proba(x.loc[ids])[:, 1]


def measures(y: np.ndarray, risk: np.ndarray) -> dict[str, object]:
    drawn = [roc_auc_score(y[s], risk[s]) for s in Resamples(len(y), None, 300)]
    return {
        "learners": len(y),
        "auc": round(float(roc_auc_score(y, risk)), 4),
        "auc_interval": [round(float(q), 4) for q in np.quantile(drawn, [0.025, 0.975])],
        "calibration_error": round(expected_calibration_error(y, np.stack([1 - risk, risk], axis=1)), 4),
        "calibration_error_of_the_risk": round(calibration_error(y, risk), 4),
    }


def figures(folder: Path, rows: pd.DataFrame, model: EarlyWarning) -> dict[str, object]:
    found: dict[str, object] = {"expert_weights": model.bundle.facts["expert_weights"]}
    for day in DAYS:
        part = rows[(rows["split"] == "test") & (rows["day"] == day)].reset_index(drop=True)
        y, risk = part["at_risk"].astype(int).to_numpy(), model.risks(part)
        own = measures(y, risk)
        own["floor_auc"] = round(float(roc_auc_score(y, floor(folder, day, part["enrolment_id"]))), 4)
        known = (part["course"] != "CCC").to_numpy()
        own["without_the_new_module"] = measures(y[known], risk[known])
        course = (part["group"] == "BBB_2014B").to_numpy()
        own["one_course_of"] = int(course.sum())
        own["one_course"] = at_capacity(y[course], risk[course], [20, 50, 100]).round(3).to_dict("records")
        if day == 30:
            called = risk >= np.sort(risk)[-len(risk) // 5]
            groups = {
                c: by_group(part, c, y, risk, called).round(3) for c in ("gender", "disability", "age_band", "imd_band")
            }
            own["groups_a_fifth_called"] = {c: g.replace({np.nan: None}).to_dict("records") for c, g in groups.items()}
        found[f"day_{day}"] = own
        print(day, own, flush=True)
    return found


def speed(rows: pd.DataFrame, folder: Path, model: EarlyWarning, learners: int = 30_000) -> dict[str, float]:
    """30,000 rows at day 60, drawn with repetition under new ids: from the tables, and whom of them to call."""
    start = time.perf_counter()
    snapshots(read_tables(folder), [60])
    made = time.perf_counter() - start
    many = rows[rows["day"] == 60].sample(learners, replace=True, random_state=0).reset_index(drop=True)
    many["case_id"] = many.index.astype(str)
    start = time.perf_counter()
    risk = model.risks(many)
    scored = time.perf_counter() - start
    start = time.perf_counter()
    model.warn(many.iloc[np.argsort(-risk)[:200]], 20)
    explained = time.perf_counter() - start
    return {"tables_to_rows_s": round(made, 1), "scoring_s": round(scored, 1),
            "learners_a_second": round(learners / scored), "reasons_of_20_s": round(explained, 1)}  # fmt: skip


if __name__ == "__main__":
    behaviour = public_data("education") / "behaviour"
    wanted = sys.argv[1] if len(sys.argv) > 1 else "figures"
    known = table(behaviour)
    name = "education-risk-without" if wanted == "without" else "education-risk"
    fitted = train(known, name, demographics=wanted != "without")
    if wanted == "speed":
        save("education_risk_speed", speed(known, behaviour, fitted))
    else:
        save(name.replace("-", "_"), figures(behaviour, known, fitted))
    print(f"saved in {RESULTS}")
