"""What a platform would have recorded of the simulated learners: events in the agreed table, and xAPI statements.

xAPI follows the video profile (https://w3id.org/xapi/video): verbs initialized, played, paused, seeked, completed, with
times in the profile's extensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from domains.education.sample_learners import Learner, Watched

EVENT_COLUMNS = ("student_id", "time", "lecture", "verb", "start_s", "end_s", "object", "group", "clicks")
_VIDEO = "https://w3id.org/xapi/video"
_VERBS = {
    "opened": "http://adlnet.gov/expapi/verbs/initialized",
    "played": f"{_VIDEO}/verbs/played",
    "paused": f"{_VIDEO}/verbs/paused",
    "seeked": f"{_VIDEO}/verbs/seeked",
    "completed": "http://adlnet.gov/expapi/verbs/completed",
}
HOME = "https://sample.invalid/statistics-in-short"  # reserved name: no such place exists


class Event(NamedTuple):
    """One thing that a player reported. ``start`` and ``end`` in seconds: where playing starts or ends, or a jump."""

    time: datetime
    student: str
    group: str
    lecture: str  # "" for the course's page
    verb: str
    start: float | None
    end: float | None


def events(learner: Learner, seconds: Mapping[str, float]) -> Iterator[Event]:
    """Visits of the course's page, and what the player reported; ``seconds`` is how long each lecture lasts."""
    who = learner.id, learner.presentation
    yield from (Event(time, *who, "", "opened", None, None) for time in learner.visits)
    before: Watched | None = None
    for w in sorted(learner.watched, key=lambda w: (w.lecture, w.time)):
        if before is None or before.last or before.lecture != w.lecture:
            yield Event(w.time - timedelta(seconds=3), *who, w.lecture, "opened", None, None)
            before = None
        at = 0.0 if before is None else before.end
        if at != w.start:
            yield Event(w.time - timedelta(seconds=1), *who, w.lecture, "seeked", at, w.start)
        yield Event(w.time, *who, w.lecture, "played", w.start, None)
        stopped = w.time + timedelta(seconds=round(w.end - w.start))
        yield Event(stopped, *who, w.lecture, "paused", None, w.end)
        if w.last and w.end >= seconds[w.lecture] - 1:
            yield Event(stopped, *who, w.lecture, "completed", None, w.end)
        before = w


def row(event: Event) -> dict[str, str]:
    """An event as a row of the agreed table."""
    times = {"start_s": event.start, "end_s": event.end}
    cells = {
        "student_id": event.student, "time": _clock(event.time), "lecture": event.lecture, "verb": event.verb,
        "object": "" if event.lecture else "course page", "group": event.group, "clicks": "1",
    }  # fmt: skip
    return cells | {k: "" if v is None else f"{v:.2f}" for k, v in times.items()}


def statement(event: Event, seconds: Mapping[str, float]) -> str:
    """An event as one line of xAPI JSON."""
    name = f"{event.student}/{event.lecture}/{event.verb}/{event.time.isoformat()}"
    if not event.lecture:
        thing = {"id": f"{HOME}/page", "definition": {"type": "http://activitystrea.ms/schema/1.0/page"}}
    else:
        thing = {"id": f"{HOME}/{event.lecture}", "definition": {"type": f"{_VIDEO}/activity-type/video"}}
    content: dict[str, Any] = {
        "id": str(uuid5(NAMESPACE_URL, name)),
        "actor": {"objectType": "Agent", "account": {"homePage": HOME, "name": event.student}},
        "verb": {"id": _VERBS[event.verb], "display": {"en": event.verb}},
        "object": thing,
        "result": {"extensions": _extensions(event)},
        "timestamp": _clock(event.time),
    }  # fmt: skip
    if event.lecture:
        length = {f"{_VIDEO}/extensions/length": round(seconds[event.lecture], 2)}
        content["context"] = {"contextActivities": {"category": [{"id": _VIDEO}]}, "extensions": length}
    return json.dumps({k: v for k, v in content.items() if v != {"extensions": {}}}, separators=(",", ":"))


def _extensions(event: Event) -> dict[str, Any]:
    match event.verb:
        case "played":
            found: dict[str, Any] = {"time": event.start}
        case "seeked":
            found = {"time-from": event.start, "time-to": event.end}
        case "paused":
            found = {"time": event.end}
        case "completed":
            found = {"time": event.end, "progress": 1.0}
        case _:
            found = {}
    return {f"{_VIDEO}/extensions/{k}": v for k, v in found.items()}


def _clock(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
