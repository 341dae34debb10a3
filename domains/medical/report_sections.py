"""Sections of a report: what was known before, how it was scanned, what was seen, what was concluded.

Headings are known English words, found as ``core.excerpt`` tells. Headings of organs ("LUNGS:") stay part of the
section that they stand in.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.config import PREAMBLE
from core.errors import ConfigError, unknown
from core.excerpt import pieces

HEADINGS: dict[str, tuple[str, ...]] = {
    "history": (
        "history", "clinical history", "patient history", "history of present illness", "hpi", "indication",
        "indications", "clinical indication", "indication for exam", "clinical information", "clinical data",
        "clinical details", "clinical statement", "reason for exam", "reason for examination", "reason for study",
        "reason for this examination", "symptoms", "presentation", "chief complaint", "clinical question",
    ),
    "technique": (
        "technique", "procedure", "protocol", "method", "methods", "examination", "exam", "exam type", "study",
        "scan technique", "contrast", "imaging technique",
    ),
    "comparison": ("comparison", "comparisons", "comparison study", "prior", "priors", "prior studies"),
    "findings": (
        "findings", "finding", "imaging findings", "ct findings", "report", "observations", "description", "result",
        "results", "key findings", "pertinent findings", "radiological findings", "findings and impression",
        "discussion",
    ),
    "impression": (
        "impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "diagnosis", "assessment",
        "interpretation", "final diagnosis", "differential diagnosis", "comment", "comments", "recommendation",
        "recommendations", "plan", "final impression", "overall impression", "diagnostic impression", "imp", "ddx",
        "radiological impression", "summary of findings", "provisional diagnosis", "working diagnosis", "differential",
    ),
    "addendum": ("addendum", "addenda"),
}  # fmt: skip
SECTIONS = (*HEADINGS, PREAMBLE)
UNTITLED = "findings"  # what a report without any heading is


def sections(text: str) -> dict[str, str]:
    """The sections of a report in their order, without headings; a section that comes twice is joined.

    A text without any heading is all findings. What stands before the first heading, such as a title, is ``preamble``.
    Sections without text are left out, so an empty report has none.

    >>> sections("HISTORY: cough. FINDINGS: Nodule on the left.\\nIMPRESSION\\nNodule.")
    {'history': 'cough.', 'findings': 'Nodule on the left.', 'impression': 'Nodule.'}
    """
    result: dict[str, str] = {}
    for piece in pieces(text, HEADINGS, UNTITLED):
        if part := text[piece.body : piece.end].strip():
            result[piece.section] = "\n".join(filter(None, (result.get(piece.section), part)))
    return result


def spans(text: str) -> list[tuple[str, int, int]]:
    """The sections of a report, where what they say starts and ends; without headings all of it, as section "".

    >>> spans("HISTORY: cough.\\nIMPRESSION: nodule.")
    [('history', 9, 15), ('impression', 28, 35)]
    """
    found = [p for p in pieces(text, HEADINGS, "") if text[p.body : p.end].strip()]
    bodies = [(p.section, text[p.body : p.end], p.body) for p in found]
    return [
        (section, start + len(body) - len(body.lstrip()), start + len(body.rstrip())) for section, body, start in bodies
    ]


def select(text: str, use: Sequence[str] = ("history", "findings")) -> str:
    """Only these sections of a report, in the report's order and without headings; "" if it has none of them.

    Raises:
        ConfigError: for a section that does not exist, or none at all.

    >>> select("History: cough. Impression: nodule.", use=("history",))
    'cough.'
    """
    if not use:
        raise ConfigError(f"use: name at least one section of {', '.join(SECTIONS)}")
    for name in use:
        if name not in SECTIONS:
            raise unknown("section", name, SECTIONS)
    return "\n".join(part for section, part in sections(text).items() if section in use)
