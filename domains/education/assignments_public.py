"""The public layout of graded answers (Beetle, SciEntsBank, Mohler) in terms of the plain table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.table_faults import split_of

_QUALITY = re.compile(r"^(BEST|GOOD|MINIMAL|KEYWORD): *")
_NAMES = {"student_answer": "answer", "turn": "order"}
_LEFT_OUT = ("reference_answer", "all_references", "stage", "licence", "score_annotator_1", "score_annotator_2")


def is_public(columns: Sequence[str]) -> bool:
    """Whether a header is that of the public answers."""
    return "student_answer" in columns


def public_line(cells: Mapping[str, str]) -> dict[str, str]:
    """A row of answers or questions under the plain table's names."""
    row = {_NAMES.get(name, name): cell.strip() for name, cell in cells.items() if name not in _LEFT_OUT}
    if references := cells.get("all_references") or cells.get("reference_answer"):
        parts = (_QUALITY.sub("", part.strip()).replace("|", "/") for part in references.split("||"))
        row["reference"] = "|".join(p for p in parts if p)
    if cells.get("stage") == "excluded_by_authors":
        row["left_out"] = "its authors left it out"
    part = row.pop("split", "")
    if part and part != "none":
        row |= {"part": part, "split": split_of(part) or "test"}  # such as test-unseen-answers
    return row
