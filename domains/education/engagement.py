"""Engagement from records: what was watched, watched again and done, week by week.

Only what learners did on the platform counts. Attention or emotion is never read from a face or a voice, here or
anywhere in Polyfuse: by design, for it is unreliable, indecent and in the European Union forbidden (Regulation
2024/1689, article 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

FASTEST = 4.0  # playback faster than this is a jump that was not recorded
_ENDS = ("paused", "completed", "ended", "seeked", "played")


def watched(events: pd.DataFrame) -> pd.DataFrame:
    """What each learner played: student_id, lecture, start_s, end_s, a row for each stretch, in order of time.

    A stretch ends at the second that the next event of the same learner and lecture names; where it names none, after
    the time that passed, at normal speed. Nobody watches faster than ``FASTEST``, so what would be is cut there. A
    stretch without an end (a closed laptop) is not guessed: it counts only as far as its own end_s.

    ``events``: the table of ``domains.education.records``, cells as text.
    """
    videos = events[events["lecture"] != ""].sort_values("time", kind="stable", key=_moments)
    found = [
        (student, lecture, start, end)
        for (student, lecture), own in videos.groupby(["student_id", "lecture"], sort=True)
        for start, end in _stretches(own)
    ]
    return pd.DataFrame(found, columns=["student_id", "lecture", "start_s", "end_s"])


def _stretches(own: pd.DataFrame) -> Iterator[tuple[float, float]]:
    at: float | None = None  # where playing began, while it goes on
    since = 0.0
    for moment, verb, start, end in zip(own["time"], own["verb"], own["start_s"], own["end_s"]):
        now = datetime.fromisoformat(moment).timestamp()
        if verb not in _ENDS:
            continue
        if at is not None:
            stop = start if verb in ("seeked", "played") else end
            passed = now - since
            reached = at + passed if stop == "" else float(stop)
            if verb == "played":  # whether all up to there was played, or jumped over, is not told
                reached = min(reached, at + passed)
            reached = min(reached, at + FASTEST * passed) if passed > 0 else at
            if reached > at and not (verb == "played" and stop == ""):
                yield at, reached
        at = _goes_on(verb, start, end, at)
        since = now
        if verb == "played" and start != "" and end != "":
            yield float(start), float(end)
            at = None


def _moments(time: pd.Series) -> pd.Series:
    """Times as moments: as texts, a whole second would follow its own fractions."""
    return pd.to_datetime(time, utc=True, format="ISO8601")


def _goes_on(verb: str, start: str, end: str, at: float | None) -> float | None:
    """Where playing goes on after an event, or None."""
    if verb == "played":
        return float(start) if start != "" else None
    if verb == "seeked" and at is not None and end != "":
        return float(end)
    return None


def watch_time(stretches: pd.DataFrame) -> pd.DataFrame:
    """Of each learner and lecture: seconds played, different seconds seen, and seconds seen again."""
    rows = []
    for (student, lecture), own in stretches.groupby(["student_id", "lecture"], sort=True):
        played = float((own["end_s"] - own["start_s"]).sum())
        seen = _covered(own)
        rows.append((student, lecture, played, seen, played - seen))
    return pd.DataFrame(rows, columns=["student_id", "lecture", "played_s", "seen_s", "again_s"])


def _covered(own: pd.DataFrame) -> float:
    """Seconds in the union of stretches."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(zip(own["start_s"], own["end_s"])):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def rewatch_curve(stretches: pd.DataFrame, lecture: str, length: float, step: float = 5.0) -> pd.DataFrame:
    """How a lecture was watched, every ``step`` seconds: start_s, end_s, viewers, again, share_again.

    ``viewers`` played at least half of the step, ``again`` did so twice or more; ``share_again`` is 0 without viewers.
    """
    starts = np.arange(0, max(length, step), step)
    stops = np.minimum(starts + step, max(length, step))
    viewers, again = np.zeros(len(starts), int), np.zeros(len(starts), int)
    for _, own in stretches[stretches["lecture"] == lecture].groupby("student_id"):
        low, high = own["start_s"].to_numpy()[:, None], own["end_s"].to_numpy()[:, None]  # (N, 1)
        inside = np.minimum(high, stops) - np.maximum(low, starts)  # (N, steps)
        times = (inside >= (stops - starts) / 2).sum(axis=0)
        viewers += times >= 1
        again += times >= 2
    share = np.divide(again, viewers, out=np.zeros(len(starts)), where=viewers > 0)
    return pd.DataFrame({"start_s": starts, "end_s": stops, "viewers": viewers, "again": again, "share_again": share})


def activity(events: pd.DataFrame, start: str) -> pd.DataFrame:
    """What each learner did in each week from ``start`` (ISO date, in UTC): student_id, week, actions, active_days."""
    day = (_moments(events["time"]) - pd.Timestamp(start, tz="UTC")).dt.days
    table = pd.DataFrame({"student_id": events["student_id"], "week": day // 7, "day": day})
    table["actions"] = pd.to_numeric(events["clicks"]) if "clicks" in events else 1
    grouped = table.groupby(["student_id", "week"], sort=True)
    found = grouped.agg(actions=("actions", "sum"), active_days=("day", "nunique"))
    return found.reset_index()
