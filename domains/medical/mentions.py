"""Where a text names a label, whether it denies it there, and how to mask it.

Negation follows NegEx (Chapman et al., A simple algorithm for identifying negated findings and diseases in discharge
summaries, J Biomed Inform 2001) with scopes that end at a termination term or the sentence, as in ConText (Harkema et
al., J Biomed Inform 2009); the phrases are our own short list for radiology. It takes "rule out …" and "resolved" as
not affirmed too. It misses denial in other words ("lungs are clear") and across sentences.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from core.errors import ConfigError
from core.excerpt import pattern_of
from domains.medical.report_sections import sections

_PSEUDO = (
    r"no (?:significant |interval |definite )?(?:increase|change|decrease)|not only|no doubt|without (?:any )?doubt"
)
_BEFORE = (
    r"no(?: longer)?(?: evidence of| sign of| signs of| sign for)?|not|nor|neither|never|without|w/o|"
    r"denies|denied|deny|"
    r"absence of|absent|negative for|free of|free from|clear of|lack of|lacks|ruled out|rules? out|r/o|exclude[sd]?|"
    r"excluding|fails to reveal|resolution of|resolved|instead of|rather than"
)
_SEEN = r"(?:seen|present|identified|visible|demonstrated|found|detected|evident)"
_AFTER = (
    r"(?:(?:is|are|was|were|has been|have been|can be|could be|has|have|had)\s+)?(?:now\s+|completely\s+)?"
    rf"(?:ruled out|excluded|absent|not {_SEEN}|"
    r"no longer (?:seen|present|visible|identified)|resolved|cleared|unlikely|negative)"
)
_END = r"there (?:is|are)|but|however|although|though|yet|except|aside from|apart from|which|because|secondary to|with"
_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\n+")
_LAST_TRIGGER = re.compile(rf"\b(?:(?P<pseudo>{_PSEUDO})|(?P<end>{_END})|(?P<deny>{_BEFORE}))(?!\w)", re.IGNORECASE)
_ANSWERED = re.compile(  # a structured report: "Pleural effusion: none"
    rf"^[*_]*\s*[:=][*_]*\s*(?:(?:none|nil|no|not)(?:\s+{_SEEN})?|absent|negative)\s*(?:[.,;]|$)", re.IGNORECASE
)
_TRAILING = re.compile(rf"^(?:\s+[\w-]+){{0,6}}?\s+{_AFTER}(?!\w)", re.IGNORECASE)


class Mention(NamedTuple):
    """One place of a text that names what was looked for."""

    start: int
    end: int
    words: str
    denied: bool


def find(text: str, words: Sequence[str]) -> list[Mention]:
    """Every place that names one of ``words``, and whether it is denied there; see the module's text."""
    pattern, found = pattern_of(words), []
    for start, sentence in sentences(text):
        for m in pattern.finditer(sentence):
            denied = _denied(sentence[: m.start()], sentence[m.end() :])
            found.append(Mention(start + m.start(), start + m.end(), m.group(), denied))
    return found


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Where each sentence or line of a text starts, and what it is, without the blanks between them."""
    start = 0
    for sentence in _SENTENCE.split(text):
        start = text.index(sentence, start)
        yield start, sentence
        start += len(sentence)


def _denied(before: str, after: str) -> bool:
    """Whether the last trigger before, or a phrase or an answer behind, denies what stands between in one sentence."""
    triggers = [m for m in _LAST_TRIGGER.finditer(before) if not m["pseudo"]]
    if (triggers and triggers[-1]["deny"]) or _ANSWERED.match(after):
        return True
    rest = re.split(rf"[,:]|\b(?:{_END})\b", after, maxsplit=1)[0]
    return _TRAILING.match(rest) is not None


@dataclass
class Counts:
    """How many of ``cases`` (those with such text) name a label: their own, their own denied only, another one."""

    cases: int = 0
    own: int = 0
    own_denied: int = 0
    other: int = 0
    only_own: int = 0  # affirm their own and no other: here the words alone give the answer

    def share(self, what: str = "own") -> float:
        """One count as a share of the cases; 0 where there are none."""
        return getattr(self, what) / self.cases if self.cases else 0.0


@dataclass
class Mentions:
    """How often texts name their labels: in all, and by section; ``words`` counts what named them."""

    cases: int
    empty: int
    whole: Counts
    by_section: dict[str, Counts] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)

    def sections(self) -> list[tuple[str, Counts]]:
        """The counts by section; none where the texts have no headings, so that all of them is one section."""
        return list(self.by_section.items()) if len(self.by_section) > 1 else []

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The counts for people."""
        rows = [("whole text", self.whole), *self.sections()]
        found = [
            f"{name}: {c.share():.0%} of {c.cases} name their own label, {c.share('only_own'):.0%} no other"
            f" ({c.share('own_denied'):.0%} deny it, {c.share('other'):.0%} affirm another)"
            for name, c in rows
        ]
        return [f"{self.cases} texts, {self.empty} empty", *found]


def label_mentions(
    texts: Sequence[str],
    labels: Sequence[str | tuple[str, ...]],
    classes: Sequence[str] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
) -> Mentions:
    """How often each text names its own label, another one, or denies its own; in all and by section.

    Args:
        texts: one a case; empty ones are counted and left out.
        labels: the label of each case, or several.
        classes: all labels; None: those that occur.
        synonyms: more words for a class; its name is always looked for, "_" as a blank.

    Raises:
        ConfigError: if texts and labels differ in number, or a label is none of ``classes``.
    """
    sets = [frozenset((label,) if isinstance(label, str) else label) for label in labels]
    classes = sorted(set().union(*sets)) if classes is None else classes
    if len(texts) != len(labels):
        raise ConfigError(f"{len(texts)} texts and {len(labels)} labels: give one label a text")
    if strange := sorted(set().union(*sets) - set(classes)) or sorted(set(synonyms or {}) - set(classes)):
        raise ConfigError(f"not a class: {', '.join(strange)}; classes: {', '.join(classes)}")
    terms = {c: [c, *(synonyms or {}).get(c, ())] for c in classes}
    result, words = Mentions(len(texts), 0, Counts()), Counter[str]()
    for text, own in zip(texts, sets):
        if not text.strip():
            result.empty += 1
            continue
        words.update(_count(result.whole, text, own, terms))
        for section, part in sections(text).items():
            _count(result.by_section.setdefault(section, Counts()), part, own, terms)
    result.words = dict(words.most_common())
    return result


def _count(counts: Counts, text: str, own: frozenset[str], terms: Mapping[str, Sequence[str]]) -> list[str]:
    """Add one text; returns the words that affirm its own labels."""
    found = {c: find(text, words) for c, words in terms.items()}
    affirmed = {c for c, mentions in found.items() if any(not m.denied for m in mentions)}
    counts.cases += 1
    counts.own += bool(affirmed & own)
    counts.own_denied += any(found[c] for c in own) and not affirmed & own
    counts.other += bool(affirmed - own)
    counts.only_own += bool(affirmed) and affirmed <= own
    return [m.words.lower() for c in own for m in found[c] if not m.denied]
