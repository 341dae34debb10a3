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
# Does the CT add anything to the report? A study on generated cases

**For research. Not a medical device; not for diagnosis or treatment of patients.**

No patient stands behind these cases: scans, reports and laboratory values are drawn by `domains.medical.sample`, and
each of them is wrong or vague at times, by design. The figures below show how the method is used. They say nothing
about patients. Replace `TABLE` by the path of your own table to run the same study on it.

It takes about a minute on one core, and needs the extra `weights` for the pretrained image network (`make medical`
installs it).
"""

# %%
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.check import describe
from core.config import ViewConfig
from core.errors import PolyfuseError
from core.evaluation.calibration import expected_calibration_error
from core.manifest import Manifest
from domains.medical import Diagnosis, answer, recipe, starter
from domains.medical.reports import label_mentions, mask

TABLE = starter.sample_table()
table = pd.read_csv(TABLE, dtype=str, keep_default_na=False)
config = recipe.build(table.columns, preset="fast")  # by the documented names of columns

# %% [markdown]
"""
## 1. What the table holds

Opening a table reads every cell and every file name, and reports all faults at once. Rows of one patient stay on one
side of every split.
"""

# %%
manifest = Manifest.open(TABLE, config)
print("\n".join(describe(manifest, config).lines()))
print(f"{len(manifest.faults)} faults")

# %% [markdown]
"""
## 2. Does the report give the answer away?

A model that only finds the diagnosis in the impression is of no use to the person who wrote it. So we count how often
a report names its own label, section by section. Denials ("no effusion") are told apart.
"""

# %%
WORDS = {
    "effusion": ["pleural fluid", "free fluid", "fluid", "hydrothorax"],
    "ground_glass": ["ground-glass", "GGO", "hazy", "veil-like", "pneumonia", "interstitial change"],
    "nodule": ["lesion", "rounded focus"],
    "normal": ["clear lungs", "lungs are clear", "unremarkable", "no acute disease", "no significant abnormality"],
}
before = label_mentions(list(table.report), list(table.diagnosis), synonyms=WORDS)
print("\n".join(before.lines()))

# %% [markdown]
"""
They do. We mask these words in all reports alike, whatever their label, and let the model drop the mask. Descriptions
remain ("no focal abnormality", "through which vessels remain visible"): masking takes the name away, not the finding.
"""

# %%
words = [*WORDS, *(word for several in WORDS.values() for word in several)]
table["report"] = [mask(text, words) for text in table.report]
after = label_mentions(list(table.report), list(table.diagnosis), synonyms=WORDS)
print(f"reports that name their own label: {before.whole.share():.0%} before, {after.whole.share():.0%} after masking")

# %% [markdown]
"""
## 3. Train

One call, `Diagnosis().fit(table)`, does it all: it fits the preprocessing on the training rows, trains, calibrates on
the validation rows and measures once on the test rows. We change two things. Some 70 scans are too few to learn to see
from, so a frozen EfficientNet-Lite0 looks at the slices, through three Hounsfield windows; its features are kept on
disk. And batches are small, because the table is. Both were chosen by looking at held-out parts of these very cases, so
the figures are a little too kind; your own table has not been looked at.
"""

# %%
slices = {"size": [12, 96, 96], "spacing": None, "window": ["lung", "mediastinum", "wide"]}
frozen = ViewConfig("mlp", {"dropout": 0.2, "pool": "mean"}, slices, backbone="efficientnet_lite0")
modalities = tuple(dataclasses.replace(m, views=(frozen,)) if m.name == "ct" else m for m in config.modalities)
training = dataclasses.replace(config.training, batch_size=16)
config = dataclasses.replace(config, modalities=modalities, training=training)

model = Diagnosis(config=config).fit(table, root=TABLE.parent)
print(model.evaluate(table, root=TABLE.parent, split="test").text())

# %% [markdown]
"""
## 4. Fused against each kind of data alone

The test rows are few, so the whole study is done three times, on thirds of the patients that the models did not see.
All variants answer the same cases; the last column is paired. The floor (cheap models) sees the same features
of all kinds and costs seconds. Where it wins, use it: `fit(out=folder)` saves it too, as `floor/`.
"""

# %%
comparison = Diagnosis(config=config).compare(table, root=TABLE.parent, folds=3)
print(comparison.text())

# %% [markdown]
"""
Read the interval of the lead, not the lead. Where it holds zero, this table cannot say that fusion helps, and the
verdict is "no gain" even if the mean is higher. More cases narrow it:
`python -m domains.medical.sample more --cases 1000` writes a thousand.

## 5. One case explained

A share is the Shapley value of a kind of data, in log-odds of the answer: what it adds, averaged over every order in
which the kinds could arrive. Next to it stands the probability of the same answer with that kind taken away. Both say
what moved the answer, not whether it is right.
"""

# %%
INPUTS = [column for m in model.bundle.config.modalities for column in m.columns]


def case_of(row: pd.Series) -> dict[str, Any]:
    """The filled cells of a row, as ``diagnose`` takes them."""
    filled = {column: row[column] for column in INPUTS if row[column]}
    return filled | ({"ct": TABLE.parent / row["ct"]} if row["ct"] else {})


tested = table[table.split == "test"].reset_index(drop=True)
complete = next(row for _, row in tested.iterrows() if row["report"] and row["ct"])
case = case_of(complete)
found = model.diagnose(**case)

print(f"{complete['case_id']}: {answer.headline(found)}   (the truth: {complete['diagnosis']})")
print(answer.how_sure(found))
print(answer.why(found))
for name, (probability, whole) in answer.without(found).items():
    print(f"  {found.label} without the {answer.name(name)}: {probability:.2f} (with it: {whole:.2f})")

# %% [markdown]
"""
## 6. What happens when something is missing

Leave it out. A missing kind is switched off inside the model, never filled with zeros or means, so any subset gets an
answer. What was missing stands in the result.
"""

# %%
of_modality = {m.name: m.columns for m in model.bundle.config.modalities}
without = {
    name: model.diagnose(**{column: cell for column, cell in case.items() if column not in columns})
    for name, columns in of_modality.items()
}
for name, less in without.items():
    print(f"without the {answer.name(name):16}: {answer.headline(less):22} missing: {', '.join(less.missing)}")

report_only = model.diagnose(report=case["report"], explain=False)
print(f"from the report alone: {answer.headline(report_only)}")

# %% [markdown]
"""
## 7. Files that are not what they seem

They are refused in words that say what to do. Nothing is replaced by a blank scan in silence.
"""


# %%
def told(**odd: Any) -> str:
    """What ``diagnose`` says to a case: its answer with all warnings, or why it refuses."""
    try:
        result = model.diagnose(explain=False, **odd)
    except PolyfuseError as error:
        return f"refused: {error}"
    return "; ".join([answer.headline(result), *result.warnings])


with tempfile.TemporaryDirectory() as scratch:
    note = Path(scratch) / "scan.nii.gz"
    note.write_text("This is a letter, not a scan.")
    series = next((TABLE.parent / path for path in table.ct if (TABLE.parent / path).is_dir()), None)
    print("a letter named scan.nii.gz     →", told(ct=note))
    print("a column the model never saw   →", told(crp=4.2, blood_pressure=120))
    print("nothing at all                 →", told())
    if series is not None:
        gap = shutil.copytree(series, Path(scratch) / "gap")
        sorted(gap.iterdir())[8].unlink()
        print("a series that lacks a slice    →", told(ct=gap))
        print("the same, repaired on request  →", told(ct=gap, on_defect="resample"))

# %% [markdown]
"""
## 8. Can the probabilities be believed?

Calibration: among answers given with about 70 %, about 70 % should be right. The error is the mean gap. The answers are
those of section 4, each from a model that never saw the patient.
"""

# %%
probabilities, truth = comparison.answers["fused"], comparison.truth.astype(int)
top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
    here = (top >= low) & (top < high)
    if here.any():
        print(f"said {top[here].mean():.0%}: right {right[here].mean():.0%} of {here.sum()} cases")
print(f"calibration error {expected_calibration_error(truth, probabilities):.3f}")

# %% [markdown]
"""
Conformal sets: every answer that cannot be ruled out at 90 %. A set of one is an answer, a larger one is an honest
"unsure: refer to a person". The promise holds for cases like the validation cases, and with so few of them only
roughly.
"""

# %%
answers = {row["case_id"]: model.diagnose(**case_of(row), explain=False) for _, row in tested.iterrows()}
sets = [answers[row["case_id"]].conformal_set for _, row in tested.iterrows()]
covered = np.mean([row["diagnosis"] in kept for (_, row), kept in zip(tested.iterrows(), sets, strict=True)])
print(
    f"{len(sets)} test cases: the truth is in {covered:.0%} of the sets (promised {model.bundle.config.coverage:.0%});"
)
print(f"mean size {np.mean([len(kept) for kept in sets]):.1f} of {len(model.bundle.ensemble.target.classes)} diagnoses")
print(f"{sum(answer.is_unsure(a) for a in answers.values())} of {len(answers)} cases are referred to a person")

# %% [markdown]
"""
## 9. Save, open again, and the model card

A bundle holds weights, preprocessing, calibration and figures as safetensors and JSON; opening one runs no code from
it. This one lies where the app looks for models, so `make medical` offers it as "sample-study".
"""

# %%
folder = starter.home() / "sample-study" / "bundle"
model.save(folder)
again = Diagnosis.load(folder)
same = again.diagnose(**case, explain=False).probabilities
print("the same answer after opening:", max(abs(same[c] - p) for c, p in found.probabilities.items()) < 1e-6)
print(again.bundle.card)
