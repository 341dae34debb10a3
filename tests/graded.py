"""A small table of graded answers, made here: four questions, answers of several qualities, known marks."""

from __future__ import annotations

import random

import pandas as pd

QUESTIONS = {
    "mean": ("What does one huge value do to the mean?", "it pulls the mean up|the mean rises", "it lowers the mean"),
    "median": ("What does one huge value do to the median?", "the median hardly changes", "the median doubles"),
    "gap": ("Why is the lamp dark?", "there is a gap in the circuit|no closed path", "the lamp has no colour"),
    "fuse": ("What does a fuse do?", "it melts and opens the circuit", "it makes the current larger"),
}
_FILLERS = ("I think ", "well, ", "", "because ", "in my opinion ")


def graded_answers(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """Right answers say a reference in other words around it, wrong ones something else; learners differ in share."""
    draw = random.Random(seed)
    names = list(QUESTIONS)
    found = []
    for i in range(rows):
        name = names[i % len(names)]
        question, reference, wrong = QUESTIONS[name]
        student = f"s{i % 16}"
        right = draw.random() < 0.25 + 0.5 * (i % 16) / 15
        said = draw.choice(reference.split("|")) if right else wrong
        found.append(
            {
                "answer_id": f"a{i}", "student_id": student, "question_id": name, "question": question,
                "reference": reference, "answer": f"{draw.choice(_FILLERS)}{said}", "module": name[0],
                "time": f"2026-01-{1 + i // 16:02}T10:00:00Z", "grade": "correct" if right else "incorrect",
                "points": str(2.0 if right else draw.choice((0.0, 0.5))), "split": "test" if i % 5 == 4 else "train",
            }
        )  # fmt: skip
    return pd.DataFrame(found)
