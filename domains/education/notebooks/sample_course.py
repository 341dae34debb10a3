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
# What should be taught again, and to whom? A study on the sample course

**Composite demonstration: the lectures were written for this project, the learners are simulated.** The figures show
how the method is used. They say nothing about learners, and make no claim of accuracy. A mark is a proposal, a risk is
a reason to call; a teacher decides. Nothing is inferred from the face or the voice of a person.

The questions, the answers and the clicks are tables as a platform exports them (`sample_data/education/README.md`).
Replace `FOLDER` by your own. It takes about a minute on one core.
"""

# %%
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from core.table import StringTable
from domains.education import Course, Lecture, recipe, risk_recipe, starter
from domains.education.grading import Grader
from domains.education.grading_apart import text as apart_text
from domains.education.mastery import Mastery
from domains.education.mastery_net import NetOptions
from domains.education.review_queue import ReviewQueue
from domains.education.risk import EarlyWarning
from domains.education.risk_features import RiskTables, snapshots
from domains.education.risk_report import at_capacity

FOLDER = starter.sample_folder()
RUNNING = "2024-autumn"  # the presentation that runs now: trained on the earlier ones, shown for this one
scratch = tempfile.TemporaryDirectory()
OUT = Path(scratch.name)


def read(name: str) -> pd.DataFrame:
    """A table of the course, every cell as text."""
    return pd.read_csv(FOLDER / f"{name}.csv", dtype=str, keep_default_na=False)


answers, events, enrolments, questions = map(read, ("answers", "events", "enrolments", "questions"))
print(f"{len(enrolments)} simulated learners, {len(answers)} answers, {len(events)} events, {len(questions)} questions")

# %% [markdown]
"""
## 1. What is taught, and when

A lecture is cut where its slides change: a slide that builds up stays one slide, and the clip in lecture 2 is none.
Slide text is read, captions are joined to it, topics are found. The method and what it found are in the result.
"""

# %%
lectures = [Lecture.index(v, out=OUT / v.stem) for v in sorted((FOLDER / "lectures").glob("*.mp4"))]
for lecture in lectures:
    print(f"{lecture.name}: {len(lecture.segments)} segments, slides by {lecture.found['slides']['method']!r}")
hit = lectures[2].search("why are most positive tests false alarms", 1)[0]
print(f"found at {hit.second:.0f} s: {hit.segment.title}")

# %% [markdown]
"""
## 2. Grading, with an honest "look at this one yourself"

The grader learns from the two earlier presentations. The running one answers the same questions in wordings that it has
never seen. Answers that it cannot pin down at the promised coverage go to the teacher's queue.
"""

# %%
config = recipe.build(StringTable.open(FOLDER / "answers.csv").columns, preset="fast")
brief = dataclasses.replace(config.training, epochs=10, learning_rate=5e-3)
grader = Grader(config=dataclasses.replace(config, training=brief, floor=False), keep_answers=True).fit(answers)
print(apart_text(grader.evaluate_apart(answers), "f1"))

# %%
row = answers[(answers.split == "test") & (answers.question_id == "Q13")].iloc[0]
graded = grader.grade(answer=row.answer, question=row.question, reference=row.reference)
print(
    f"{row.question}\n  {row.answer}\n  proposed {graded.grade}, the teacher said {row.grade}; {graded.queue or 'sure'}"
)
print("  words:", ", ".join(f"{word} {worth:+.2f}" for word, worth in graded.words[:5]))
print("  nearest:", *(f"\n    {n.grade}: {n.answer}" for n in graded.nearest))

# %% [markdown]
"""
A decision is kept for good, and the next training learns from it.
"""

# %%
queue = ReviewQueue.of(OUT / "review.sqlite", grader)
handed_in = answers[answers.split == "test"].tail(40)
waiting = queue.add_table(handed_in, grader.grade_table(handed_in.drop(columns="grade")))
print(f"of {len(handed_in)} new answers {waiting} wait for the teacher")
if waiting:
    first = queue.waiting()[0]
    queue.decide(first.answer_id, handed_in.set_index("answer_id").grade[first.answer_id], by="teacher")
    print(f"decided: {len(queue.decisions())}; still waiting: {len(queue.waiting())}")

# %% [markdown]
"""
## 3. Mastery: who knows what

From the sequence of marks of each learner and concept, with the number of answers that it rests on. The generator knows
the true mastery, so here, and only here, we can look.
"""

# %%
tracer = Mastery(options=NetOptions(width=32, hidden=32, epochs=6), folds=3, networks=1)
tracer.fit(answers[answers.split != "test"])
mastery = tracer.table(answers)
truth = pd.read_csv(FOLDER / "truth" / "mastery.csv")
both = mastery.merge(truth, on=["student_id", "concept"])
print(f"{len(mastery)} pairs of learner and concept, {mastery.thin.mean():.0%} with thin evidence")
print(f"rank correlation with the true mastery: {both.probability.corr(both.mastery, method='spearman'):.2f}")

# %% [markdown]
"""
## 4. Who is at risk this week

Only what is dated on or before the day is used, the learners of the running presentation are not trained on, and the
question is the teacher's: I can call 15 learners; how many of them are right, and how many do I miss?
"""

# %%
table = snapshots(RiskTables.read(FOLDER), [13, 27, 41])  # ends of weeks 2, 4 and 6
table.to_csv(OUT / "risk.csv", index=False)
rows = pd.read_csv(OUT / "risk.csv", dtype=str, keep_default_na=False)
found = {}
for name, more in (("without demographics", {"demographics": False}), ("with", {"categories": starter.BACKGROUND})):
    config = risk_recipe.build(rows.columns, preset="fast", **more)
    brief = dataclasses.replace(config.training, epochs=15, learning_rate=5e-3)
    model = EarlyWarning(config=dataclasses.replace(config, training=brief, floor=False)).fit(rows)
    found[name] = model
    for week in (2, 4, 6):
        now = rows[(rows.group == RUNNING) & (rows.day == str(7 * week - 1))]
        risk = model.risks(now)
        right = at_capacity(now.at_risk.astype(float).to_numpy(), risk, [15], 200).iloc[0]
        told = f"precision {right.precision:.2f} ({right.precision_low:.2f} to {right.precision_high:.2f})"
        print(f"{name}, week {week}: {told}, recall {right.recall:.2f}; by chance {right.chance:.2f}")

# %%
week_4 = rows[(rows.group == RUNNING) & (rows.day == "27")]
for _, line in found["without demographics"].warn(week_4, 3).iterrows():
    print(f"{line.student_id}: risk {line.risk:.2f}; {line.strongest}")

# %% [markdown]
"""
## 5. The join: what to teach again, and what to recommend to whom

What is taught at a second, what learners did there, and what they got wrong, in one line. Each line leads back to its
rows. Shares of fewer than five learners are not shown.
"""

# %%
now = set(enrolments[enrolments.group == RUNNING].student_id)
own = [t[t.student_id.isin(now)] for t in (answers, events, mastery)]
course = Course(lectures, questions, *own)
advice = course.advise()
for line in advice[:4]:
    print(line.text())
behind = course.evidence(advice[0])
print(f"behind the first line: {len(behind['answers'])} answers, {len(behind['stretches'])} stretches watched")

# %%
weakest = mastery[mastery.student_id.isin(now)].groupby("student_id").probability.mean().idxmin()
for line in course.recommend(weakest)[:3]:
    print(f"{line.student_id}, {line.concept}: {line.reason}" + (f"; try {line.exercise}" if line.exercise else ""))

# %% [markdown]
"""
Is the place right? The generator knows which slide teaches which concept.
"""

# %%
slides = pd.read_json(FOLDER / "truth" / "lectures.json").set_index("lecture").slides
right = []
for concept, links in course.taught.items():
    here = slides[course.lectures[links[0].lecture].name]
    middle = (links[0].start + links[0].end) / 2
    right.append(next(s["concept"] for s in here if s["start"] <= middle < s["end"]) == concept)
print(f"the first place of {np.sum(right)} of {len(right)} concepts is one that teaches it")
