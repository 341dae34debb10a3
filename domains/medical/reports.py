"""Reports as input: their sections, how often they name the answer, masking, and their language."""

from __future__ import annotations

from core.excerpt import hide as mask
from domains.medical.language import language, looks_english
from domains.medical.mentions import Counts, Mention, Mentions, find, label_mentions
from domains.medical.report_sections import HEADINGS, SECTIONS, sections, select, spans

__all__ = [
    "HEADINGS", "SECTIONS", "Counts", "Mention", "Mentions", "find", "label_mentions", "language", "looks_english",
    "mask", "sections", "select", "spans",
]  # fmt: skip
