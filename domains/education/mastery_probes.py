"""Questions that nobody asked yet: one of each concept of each learner, behind their answers, to tell mastery by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from domains.education.mastery_data import Answers


def with_probes(answers: Answers) -> tuple[Answers, np.ndarray]:
    """The answers, behind those of each learner an unasked question of each of their concepts, and which these are."""
    last = pd.DataFrame({"student": answers.student, "concept": answers.concept}).drop_duplicates()
    n = len(last)
    probe = Answers(
        last["student"].to_numpy(object), np.full(n, "", object), last["concept"].to_numpy(object), np.full(n, np.nan),
        np.zeros(n), np.full(n, -1),
    )  # fmt: skip
    joined = [np.concatenate([getattr(answers, f), getattr(probe, f)]) for f in Answers.__dataclass_fields__]
    code = pd.factorize(joined[0])[0]
    order = np.argsort(code, kind="stable")  # probes stand behind: they were appended
    return Answers(*(column[order] for column in joined)), joined[-1][order] < 0


def recent(asked: Answers, probes: np.ndarray, most: int) -> np.ndarray:
    """(N,) bool: of each learner the last ``most`` answers and the probes."""
    answered = pd.Series(~probes).groupby(pd.factorize(asked.student)[0])
    left = (answered.transform("sum") - answered.cumsum()).to_numpy()
    return probes | (left < most)
