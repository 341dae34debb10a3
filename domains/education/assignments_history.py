"""What was known of a learner before an answer: earlier marks in order of time, never its own or a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from core.errors import Fault, TableError
from core.numbers import parse_number
from core.table_faults import split_of
from domains.education.records_types import read_moment

RIGHT = {"correct": 1.0, "partly": 0.5, "incorrect": 0.0, "contradictory": 0.0}
HISTORY = ("earlier_answers", "earlier_share", "earlier_here")
_LABELS = ("grade", "label", "label_3way", "label_2way")
_MAXIMUM = 5.0  # of a ``score`` without ``max_points``
_Moment: TypeAlias = tuple[int, float]


def share_right(row: Mapping[str, str]) -> float | None:
    """How right an answer was, from 0 to 1, by its label or points; None where neither is known.

    >>> share_right({"grade": "partly"}), share_right({"points": "3", "max_points": "4"}), share_right({})
    (0.5, 0.75, None)

    Raises:
        ValueError: for points that are no number.
    """
    for name in _LABELS:
        if (label := row.get(name, "")) in RIGHT:
            return RIGHT[label]
    points, most = row.get("points") or row.get("score"), row.get("max_points") or str(_MAXIMUM)
    if not points or ("points" in row and row["points"] and not row.get("max_points")):
        return None
    given, of = parse_number(points), parse_number(most)
    return min(max(given / of, 0.0), 1.0) if of > 0 else None


def with_history(rows: Sequence[Mapping[str, str]], before: Sequence[Mapping[str, str]] = ()) -> list[dict[str, str]]:
    """The rows in their order, with the columns of ``domains.education.recipe.LEARNER`` where any row has a time.

    Earlier is an earlier ``time``, else a smaller ``order``; an answer without either, or with no marked one before it,
    has a blank history. Marks of rows whose ``split`` is test are never looked at. ``before``: rows of an earlier
    table, whose marks are known too; an answer that is in both counts once.

    Raises:
        TableError: with every time that is none and every order that is no number; then with all points that are none.
    """
    moments = _moments(rows, "answers")
    if not any(moments):
        return [dict(row) for row in rows]
    own = {same_answer(row) for row in rows}
    earlier = [row for row in before if same_answer(row) not in own]
    moments = _moments(earlier, "earlier answers") + moments
    _check_marks(earlier, "earlier answers")
    _check_marks(rows, "answers")
    found = [dict(row) | dict.fromkeys(HISTORY, "") for row in (*earlier, *rows)]
    by_learner: dict[str, list[tuple[_Moment, int]]] = {}
    for i, (row, moment) in enumerate(zip(found, moments)):
        if moment is not None and row.get("student_id"):
            by_learner.setdefault(row["student_id"], []).append((moment, i))
    for places in by_learner.values():
        _fill(found, sorted(places))
    return found[len(earlier) :]


def same_answer(row: Mapping[str, str]) -> tuple[str, ...]:
    """What two tables that hold one answer both say of it."""
    return tuple(row.get(name, "") for name in ("student_id", "question_id", "time", "order"))


def history_told(rows: Sequence[Mapping[str, str]], before: Sequence[Mapping[str, str]] = ()) -> str:
    """How many rows of ``with_history`` have one, and why none has, in words; "" where no row names a learner."""
    if not (learners := {row.get("student_id", "") for row in rows} - {""}):
        return ""
    count = sum(bool(row.get("earlier_answers")) for row in rows)
    told = f"  history: {count} of {len(rows)} answers have earlier marks of their learner"
    if before:
        known = [row for row in before if _is_known(row)]
        told += f"; the earlier table holds {len(known)} marks"
        if tested := sum(is_test(row) for row in before):
            told += f", its {tested} rows of split test count for nothing"
    if count:
        return told
    if not any(row.get("time") or row.get("order") for row in rows):
        why = "no row has a time or an order (turn), which tell what was earlier; add one of these columns"
    elif not before:
        why = "the file holds no mark before them; give earlier graded answers of these learners by --history TRAIN.csv"
    elif learners & {row.get("student_id", "") for row in before}:
        why = "the earlier table holds no mark before them; look at time, order (turn) and marks of both tables"
    else:
        why = "none of their learners is in the earlier table; write student_id alike in both"
    return f"{told}\n  WARNING: no answer has a history, though {len(learners)} learners are named: {why}"


def is_test(row: Mapping[str, str]) -> bool:
    """Whether a row is of the part that only measures."""
    return split_of(row.get("split", "")) == "test"


def _is_known(row: Mapping[str, str]) -> bool:
    """Whether a row has a mark that later answers of its learner may know."""
    return bool(row.get("student_id")) and not is_test(row) and share_right(row) is not None


def _fill(rows: list[dict[str, str]], places: Sequence[tuple[_Moment, int]]) -> None:
    """History of one learner, whose answers stand at ``places`` in order of time."""
    known: list[tuple[_Moment, str, float]] = []  # moment, module, share right
    for now, i in places:
        row = rows[i]
        before = [(module, share) for moment, module, share in known if moment < now]
        row["earlier_answers"] = str(len(before) or "")
        row["earlier_share"] = _mean([share for _, share in before])
        row["earlier_here"] = _mean([share for module, share in before if module == row.get("module", "")])
        share = share_right(row)
        if share is not None and not is_test(row):
            known.append((now, row.get("module", ""), share))


def _moments(rows: Sequence[Mapping[str, str]], source: str) -> list[_Moment | None]:
    """Of each row (1, seconds since 1970) by its time, else (0, order), else None."""
    found: list[_Moment | None] = []
    faults: list[Fault] = []
    for number, row in enumerate(rows, 1):
        name = next((c for c in ("time", "order") if row.get(c, "").strip()), None)
        try:
            if name is None:
                found.append(None)
            elif name == "time":
                found.append((1, read_moment(row["time"]).timestamp()))
            else:
                found.append((0, parse_number(row["order"])))
        except ValueError as error:
            faults.append(Fault(number, str(name), row[str(name)][:40], str(error)))
    if faults:
        raise TableError(source, faults)
    return found


def _check_marks(rows: Sequence[Mapping[str, str]], source: str) -> None:
    """Refuse points that no share can be made of, all at once."""
    faults: list[Fault] = []
    for number, row in enumerate(rows, 1):
        try:
            share_right(row)
        except ValueError as error:
            name = "points" if row.get("points") else "score"
            faults.append(Fault(number, name, f"{row[name]} of {row.get('max_points') or _MAXIMUM}"[:40], str(error)))
    if faults:
        raise TableError(source, faults)


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.4f}" if values else ""
