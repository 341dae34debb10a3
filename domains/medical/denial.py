"""Where the report denies what the image shows: "no pleural effusion", while the scan alone says effusion.

Negation as in ``domains.medical.mentions`` (NegEx, Chapman et al. 2001). Only what a report says of this examination is
read, its findings and its impression; what it was asked ("rule out pneumonia") denies nothing. A report that affirms
the finding anywhere does not deny it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.bundle import Bundle
from core.schema import Modality, Prediction, Row
from domains.medical.mentions import find, sentences
from domains.medical.report_sections import select

SHOWS = 0.5  # an image alone shows what it finds more probable than all else together
WORDS: dict[str, tuple[str, ...]] = {  # by label: what reports call it, besides its name
    "effusion": ("pleural fluid", "pleural or pericardial fluid", "hydrothorax", "fluid in the pleural space"),
    "nodule": ("mass", "focal lung lesion", "focal lesion"),
    "ground_glass": ("ground-glass", "GGO", "infiltrate", "hazy opacity", "hazy areas"),
    "consolidation": ("airspace opacity", "infiltrate"),
    "pneumonia": ("consolidation", "infiltrate"),
    "covid": ("ground-glass", "viral pneumonia", "covid-19"),
}
NOTHING = ("normal", "healthy", "none", "no finding", "negative")  # labels that no report can deny
_USE = ("preamble", "findings", "impression", "addendum")
_ELSEWHERE = re.compile(r"(?<!pleural or )(?<!pleural and )pericardial (?:effusions?|fluid)", re.IGNORECASE)
_ALL_CLEAR = re.compile(
    r"\bnormal (?:examination|study|chest|ct)\b|"
    r"\bno (?:acute |significant |relevant )?(?:disease|abnormality|abnormalities|pathology)\b",
    re.IGNORECASE,
)


def denies(report: str, label: str) -> str | None:
    """The sentence in which a report denies a label; None where it does not, or affirms it elsewhere.

    >>> denies("FINDINGS: No pericardial effusion. The pleural spaces are free of effusion.", "effusion")
    'The pleural spaces are free of effusion.'
    >>> denies("FINDINGS: Small effusion on the left. No pneumothorax.", "effusion")
    """
    text = select(report, _USE)
    plain = _ELSEWHERE.sub(lambda m: " " * len(m.group()), text)
    mentions = find(plain, [label.replace("_", " "), *WORDS.get(label, ())])
    if any(not m.denied for m in mentions):
        return None
    if mentions:
        return _sentence(text, mentions[0].start)
    clear = _ALL_CLEAR.search(select(report, ("impression",)))
    return None if clear is None else _sentence(clear.string, clear.start())


def contradictions(bundle: Bundle, row: Row, found: Prediction) -> tuple[str, ...]:
    """A sentence for each image whose own answer a text of the case denies."""
    kinds = {m.name: m.kind for m in bundle.config.modalities}
    shown = {
        m: (label, p)
        for m, (label, p) in found.alone.items()
        if kinds[m] in (Modality.IMAGE, Modality.VOLUME) and p >= SHOWS and label.lower() not in NOTHING
    }
    asked = {m.name for m in bundle.config.modalities if "history" in m.columns[0]}  # "rule out …" denies nothing
    texts: Sequence[str] = [m for m in found.alone if kinds[m] is Modality.TEXT and m not in asked]
    return tuple(
        f"{m} alone shows {label.replace('_', ' ')} ({p:.0%}), but {t} denies it: “{said}”"
        for m, (label, p) in shown.items()
        for t in texts
        if (said := denies(str(row.values[t]), label)) is not None
    )


def _sentence(text: str, place: int) -> str:
    return next(sentence for start, sentence in sentences(text) if place < start + len(sentence))
