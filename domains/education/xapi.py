"""xAPI statements with the video profile: JSON lines, a JSON array, a store's answer, or objects over several lines.

Statements are read one at a time. Of each: who (``actor``), when, which verb, what, and the seconds from the extensions
of the video profile (https://w3id.org/xapi/video, version 1.0.3). A result with a score also gives a ``Score``.
What another statement voids, and what stands twice, is set aside. Names and mail addresses are not kept: a learner is
the account's name, or where there is a mail address its fingerprint; of what is set aside, only id and verb are told.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from domains.education.records_types import (
    Event,
    Record,
    Score,
    SetAside,
    fingerprint,
    learner_id,
    open_text,
    read_seconds,
    read_time,
)

_VIDEO, _ADL = "https://w3id.org/xapi/video/", "http://adlnet.gov/expapi/verbs/"
VERBS = {
    _VIDEO + "verbs/played": "played",
    _VIDEO + "verbs/paused": "paused",
    _VIDEO + "verbs/seeked": "seeked",
    _ADL + "completed": "completed",
    _ADL + "initialized": "opened",
    _ADL + "terminated": "ended",
    _ADL + "interacted": "interacted",
    "http://activitystrea.ms/schema/1.0/play": "played",  # the profile names these two as exact matches
    "http://id.tincanapi.com/verb/paused": "paused",
}
VIDEO = _VIDEO + "activity-type/video"
TIME, TIME_FROM, TIME_TO = (_VIDEO + f"extensions/{name}" for name in ("time", "time-from", "time-to"))
VOIDED = _ADL + "voided"
_BLOCK, _LONGEST = 2**16, 2**20  # characters read at a time; of one statement


def read(path: Path, now: datetime) -> Iterator[Record]:
    """Every statement of a file as an event, and a score where it has one; faulty ones are set aside.

    Raises:
        FileError: if the file cannot be opened.
        UnicodeDecodeError: where it is not UTF-8.
    """
    void, seen = _voided(path), set[int]()
    for line, statement in statements(path):
        if isinstance(statement, SetAside):
            yield statement
            continue
        try:
            own = _check(statement, void, seen)
            if own is not None:
                yield from _records(own, now)
        except ValueError as error:
            named = (_at(statement, "id"), _at(statement, "verb", "id"))
            yield SetAside(line, str(error), " ".join(n for n in named if isinstance(n, str))[:200])


def statements(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, statement) of a file; what is no JSON comes as ``SetAside``."""
    with open_text(path) as file:
        start = _first(file)
        file.seek(0)
        yield from _lines(file) if start is None else _array(file, start)


def _first(file: TextIO) -> str | None:
    """What stands before the first statement of an array, "" where each stands by itself; None for JSON lines."""
    head = file.read(_BLOCK)
    bare = head.lstrip()
    if bare.startswith("["):
        return head[: len(head) - len(bare) + 1]
    place = head.find('"statements"')
    if bare.startswith("{") and place >= 0 and "[" in head[place:] and '"actor"' not in head[:place]:
        return head[: head.index("[", place) + 1]
    return "" if _begins(bare) and not _begins(bare.partition("\n")[0]) else None


def _begins(text: str) -> bool:
    """Whether a text begins with a whole JSON object."""
    try:
        return isinstance(json.JSONDecoder().raw_decode(text)[0], dict)
    except (ValueError, RecursionError):
        return False


def _lines(file: TextIO) -> Iterator[tuple[int, Any]]:
    for line in itertools.count(1):
        if not (text := file.readline(_LONGEST)):
            return
        if len(text) == _LONGEST and text[-1] not in "\r\n":
            while (rest := file.readline(_LONGEST)) and rest[-1] not in "\r\n":
                pass  # the line is not kept, but the next one is found and counted
            yield line, SetAside(line, f"longer than {_LONGEST} characters", "")
        elif text.strip():
            try:
                yield line, json.loads(text)
            except (ValueError, RecursionError) as error:
                yield line, SetAside(line, _why(error), "")


def _why(error: ValueError | RecursionError) -> str:
    """Why a text cannot be read as JSON; Python refuses whole numbers of more than 4300 digits."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg} at character {error.pos + 1})"
    return "nested too deep" if isinstance(error, RecursionError) else "holds a number of too many digits"


def _array(file: TextIO, start: str) -> Iterator[tuple[int, Any]]:
    """Statements of a JSON array, or one after the other, with no more than one of them in memory."""
    file.read(len(start))
    line, text, decoder, ended = 1 + start.count("\n"), "", json.JSONDecoder(), False
    while True:
        bare = text.lstrip(", \t\r\n")
        line += text[: len(text) - len(bare)].count("\n")
        text = bare
        if text.startswith("]"):
            return
        try:
            found, stop = decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            more = "" if ended or len(text) > _LONGEST else file.read(_BLOCK)
            ended = not more
            if ended:
                if text:
                    reason = f"not JSON from here on ({error.msg}); the rest of the file is not read"
                    yield line, SetAside(line, reason, "")
                return
            text += more
            continue
        except (ValueError, RecursionError) as error:
            yield line, SetAside(line, f"{_why(error)}; the rest of the file is not read", "")
            return
        yield line, found
        line += text[:stop].count("\n")
        text = text[stop:]


def _voided(path: Path) -> set[str]:
    """Ids of the statements that others void."""
    found = (s for _, s in statements(path) if isinstance(s, dict) and _at(s, "verb", "id") == VOIDED)
    return {str(_at(s, "object", "id")) for s in found}


def _check(statement: Any, void: set[str], seen: set[int]) -> Mapping[str, Any] | None:
    """The statement, or None for one that only voids another."""
    if not isinstance(statement, dict):
        raise ValueError("no xAPI statement; expected a JSON object with actor, verb and object")
    if _at(statement, "verb", "id") == VOIDED:
        return None
    own = str(statement.get("id") or "")
    if own in void:
        raise ValueError("another statement voids this one")
    place = hash(own)
    if own and place in seen:
        raise ValueError(f"the id {own[:40]!r} stands twice; the first one is used")
    seen.add(place)
    return statement


def _records(statement: Mapping[str, Any], now: datetime) -> Iterator[Record]:
    student = _actor(statement.get("actor"))
    time = read_time(str(statement.get("timestamp") or statement.get("stored") or ""), now)
    verb, place = _at(statement, "verb", "id"), _at(statement, "object", "id")
    if not isinstance(verb, str) or not verb:
        raise ValueError("no verb; a statement needs verb.id")
    if not isinstance(place, str) or not place:
        raise ValueError("no object; a statement needs object.id")
    name = VERBS.get(verb, verb.rstrip("/").rsplit("/", 1)[-1])
    is_video = _at(statement, "object", "definition", "type") == VIDEO or verb.startswith(_VIDEO)
    start, end = _seconds(name, _at(statement, "result", "extensions"))
    score = _score(student, time, place, _at(statement, "result", "score"))
    yield Event(student, time, place if is_video else "", name, start, end, "" if is_video else place)
    if score is not None:
        yield score


def _actor(actor: Any) -> str:
    """Who acts, by account, mail or OpenID; mails as a fingerprint, so that tables hold no address."""
    if not isinstance(actor, dict):
        raise ValueError("no actor; a statement needs one, with an account, mbox, mbox_sha1sum or openid")
    if name := _at(actor, "account", "name"):
        return learner_id(str(name))
    for key in ("mbox", "mbox_sha1sum", "openid"):
        if value := actor.get(key):
            return str(value).strip().lower() if key == "mbox_sha1sum" else fingerprint(str(value))
    raise ValueError("the actor has no account, mbox, mbox_sha1sum or openid, so nobody can be told by it")


def _seconds(verb: str, extensions: Any) -> tuple[str, str]:
    """(start_s, end_s) by the extensions; a number may also come as text, as some players write it."""
    found = extensions if isinstance(extensions, dict) else {}
    if verb == "seeked":
        return read_seconds(found.get(TIME_FROM), "time-from"), read_seconds(found.get(TIME_TO), "time-to")
    at = read_seconds(found.get(TIME), "time")
    return (at, "") if verb == "played" else ("", at)


def _score(student: str, time: str, place: str, score: Any) -> Score | None:
    """The score of a result: raw with its bounds, else scaled."""
    if not isinstance(score, dict) or not {"raw", "scaled"} & score.keys():
        return None
    try:
        if "raw" in score and "max" in score:
            low = float(score.get("min", 0))
            value, most = float(score["raw"]) - low, float(score["max"]) - low
        else:
            value, most = float(score["scaled"]), 1.0
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError("the score is no number with its max, nor a scaled one") from None
    if not 0 <= value <= most < math.inf:
        raise ValueError(f"the score {value:g} lies outside 0 to {most:g}")
    if most == 0:  # as players write of what bears no marks: the event counts, and no share is known
        return None
    return Score(student, time, place, f"{value:g}", f"{most:g}")


def _at(value: Any, *keys: str) -> Any:
    """What lies under nested keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
