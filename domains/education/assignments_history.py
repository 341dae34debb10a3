"""What was known of a learner before an answer: earlier marks in order of time, never its own or a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RIGHT = {"correct": 1.0, "partly": 0.5, "incorrect": 0.0, "contradictory": 0.0}
HISTORY = ("earlier_answers", "earlier_share", "earlier_here")
_LABELS = ("grade", "label", "label_3way", "label_2way")
_MAXIMUM = 5.0  # of a ``score`` without ``max_points``


def share_right(row: Mapping[str, str]) -> float | None:
    """How right an answer was, from 0 to 1, by its label or points; None where neither is known.

    >>> share_right({"grade": "partly"}), share_right({"points": "3", "max_points": "4"}), share_right({})
    (0.5, 0.75, None)
    """
    for name in _LABELS:
        if (label := row.get(name, "")) in RIGHT:
            return RIGHT[label]
    points, most = row.get("points") or row.get("score"), row.get("max_points") or str(_MAXIMUM)
    if not points or ("points" in row and row["points"] and not row.get("max_points")):
        return None
    return min(max(float(points) / float(most), 0.0), 1.0) if float(most) > 0 else None


def with_history(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The rows in their order, with the columns of ``domains.education.recipe.LEARNER`` where any row has a time.

    Earlier is a smaller ``time``, else a smaller ``order``; an answer without either, or with no marked one before it,
    has a blank history. Marks of rows whose ``split`` is test are never looked at.
    """
    if not any(_moment(row) for row in rows):
        return [dict(row) for row in rows]
    by_learner: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.get("student_id") and _moment(row):
            by_learner.setdefault(row["student_id"], []).append(i)
    found = [dict(row) | dict.fromkeys(HISTORY, "") for row in rows]
    for places in by_learner.values():
        _fill(found, sorted(places, key=lambda i: _moment(rows[i])))
    return found


def _fill(rows: list[dict[str, str]], places: Sequence[int]) -> None:
    """History of one learner, whose answers stand at ``places`` in order of time."""
    known: list[tuple[tuple[str, float] | tuple[()], str, float]] = []  # moment, module, share right
    for i in places:
        row, now = rows[i], _moment(rows[i])
        before = [(module, share) for moment, module, share in known if moment < now]
        row["earlier_answers"] = str(len(before) or "")
        row["earlier_share"] = _mean([share for _, share in before])
        row["earlier_here"] = _mean([share for module, share in before if module == row.get("module", "")])
        share = share_right(row)
        if share is not None and row.get("split") != "test":
            known.append((now, row.get("module", ""), share))


def _moment(row: Mapping[str, str]) -> tuple[str, float] | tuple[()]:
    if row.get("time"):
        return row["time"], 0.0
    try:
        return "", float(row.get("order", ""))
    except ValueError:
        return ()


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.4f}" if values else ""
