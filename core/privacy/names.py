"""Names of people: after words that announce one, after titles and professions; common given names anywhere; letters
spelled out.

A name that is none of these (a rare one in the middle of a sentence) is not found. A list of given names cannot be
fair to all languages: a service adds its own with ``Masker(names=…)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from core.privacy.spans import Span

_WORD = r"[^\W\d_][\w'’]*(?:-[^\W\d_][\w'’]*)*"
_PART = rf"(?:\b[^\W\d_]\.|{_WORD})"  # an initial, or a word
_TITLED = r"(?-i:[A-Z]\.|[A-ZÀ-ÖØ-ÞА-Я][\w'’-]*[^\W\d_]\b)"
_ANNOUNCED = re.compile(
    r"\b(?:(?:sur|fore)?name(?:\s+on\s+(?:the|my)\s+\w+)?(?:\s+is|['’]s|:)|name\s*=|names?\s+is|called|i\s+go\s+by)\s+"
    rf"(?P<name>{_PART}(?:\s+{_PART}){{0,2}})",
    re.I,
)
_SPEAKING = re.compile(
    rf"\b(?:this\s+is|it['’]?s)\s+(?P<name>{_PART}(?:\s+{_PART}){{0,2}}?)\s+(?:speaking|calling|here|from)\b", re.I
)
_PARTICLE = r"(?-i:al|bin|da|de|del|den|der|di|dos|du|el|ibn|la|van|von)"
_WRITTEN = rf"{_TITLED}(?:[^\S\n]+(?:{_PARTICLE}[^\S\n]+){{0,2}}{_TITLED}){{0,2}}"
_ELSEWHERE = (
    re.compile(  # German, Dutch, French, Spanish, Portuguese, Italian, Polish, Russian; of heard speech one word
        r"\b(?:mein\s+name\s+ist|ich\s+hei(?:ß|ss)e|mijn\s+naam\s+is|ik\s+heet|je\s+m['’]appelle|mon\s+nom\s+est|"
        r"me\s+llamo|mi\s+nombre\s+es|meu\s+nome\s+é|me\s+chamo|mi\s+chiamo|il\s+mio\s+nome\s+è|nazywam\s+się|"
        rf"меня\s+зовут)\s+(?P<name>{_WRITTEN}|{_WORD})",
        re.I,
    )
)
_TITLE = re.compile(  # not "20 ms"; the name lies ahead, so that "Mr and Mrs Okafor" is two titles
    r"(?<!\d)(?<!\d\s)\b(?P<title>mr|mrs|ms|miss|mx|dr|doctor|prof|professor|herr|frau|señora?)\b\.?\s+"
    rf"(?=(?P<name>{_WRITTEN}|{_PART}(?:[^\S\n]+{_PART}){{0,2}}))",
    re.I,
)
_SEVERAL = re.compile(rf"\b(?:drs|profs)\b\.?\s+(?P<name>{_WRITTEN}(?:(?:,|,?\s+and|\s+&)\s+{_WRITTEN})*)", re.I)
_STAFF = r"(?:physician|surgeon|consultant|nurse|midwife|therapist|technician|sonographer|\w*logist)"
_FIELD = re.compile(  # a small word after "Patient: Headache" makes it a sentence, said by the patient
    rf"\b(?:(?:{_STAFF}|attending|resident|author|referrer)\s*:|(?-i:(?=\w[a-z])){_STAFF}\s|"
    rf"(?:patient|pt)\s*:(?=\s*{_TITLED}(?:,?\s+{_TITLED}|(?!\s+(?-i:[a-z]))))|"
    r"(?:signed|dictated|transcribed|reported|interpreted|verified|read)\s+by\b:?|"
    r"(?:last|first|middle|given|family|maiden|sur)\s?name\s)"
    rf"[^\S\n]*(?P<name>{_TITLED}(?:(?:,(?!\s\w\.))?[^\S\n]+(?:{_PARTICLE}[^\S\n]+)?{_TITLED}(?!\s*[:=]|\sby\b)){{0,3}})",
    re.I,
)
_ABBREVIATIONS = {"MR", "MS", "DR", "mr", "ms", "dr"}  # of magnetic resonance, multiple sclerosis, radiography, too
_CLINICAL = re.compile(r"\w*(?:graphy|grams?|scopy|metry|logy|logists?|itis|osis|pathy|ectomy)", re.I)
_AGENT = r"(?:(?<!^)(?<!\n)agent|agent(?!:)|(?-i:A)gent)"  # but not ``agent:`` before a line of a dialogue
_GREETED = re.compile(
    r"\b(?:hi|hello|hey|dear|thanks|thank\s+you|regards|sincerely|cheers|i['’]?m|i\s+am|this\s+is|it['’]s|"
    rf"speak(?:ing)?\s+(?:to|with)|ask\s+for|signed|{_AGENT}|on\s+behalf\s+of|contact|attn|spouse|wife|husband|son|"
    r"daughter)"
    rf"[,:\s]+(?P<name>{_TITLED}(?:\s+{_TITLED}){{0,2}})",
    re.I,
)
_SPELLED = re.compile(  # few letters between stops are an abbreviation, such as b.i.d.
    r"\b[^\W\d_](?:(?:[.,-]*\s[\s.,-]*|[,-]+)[^\W\d_]\b){2,}|\b[^\W\d_](?:[.,-]+[^\W\d_]\b){4,}"
)
_MORE = re.compile(rf"(?:\s+{_TITLED}){{0,2}}")
_INTRODUCED = re.compile(r"\b(?:i['’]?m|i\s+am|this\s+is|it['’]?s)\s+$", re.I)
_NEXT = re.compile(rf"\s+{_WORD}")


def names(text: str, known: Iterable[str] = ()) -> Iterator[Span]:
    """Names of people; ``known`` are further given names, in any case of letters."""
    for pattern in (_ANNOUNCED, _ELSEWHERE, _SPEAKING, _GREETED):
        for match in pattern.finditer(text):
            yield from _leading(text, match.start("name"), match.group("name"))
    yield from _titled(text)
    for match in _FIELD.finditer(text):
        yield from _leading(text, match.start("name"), match.group("name"), is_clinical)
    for match in _SEVERAL.finditer(text):
        for name in re.finditer(_WRITTEN, match.group("name")):
            yield from _leading(text, match.start("name") + name.start(), name.group())
    listed = _list("given") | {n.lower() for n in known}
    for match in re.finditer(_WORD, text):
        if match.group().lower().removesuffix("'s").removesuffix("’s") in listed:
            yield from _leading(text, match.start(), match.group() + _more(text, match))
    yield from (Span(m.start(), m.end(), "NAME", m.group()) for m in _SPELLED.finditer(text))


def _more(text: str, given: re.Match[str]) -> str:
    """What follows a given name and may be of it: words in capitals; of heard speech, which has none, the next word."""
    if given.group()[0].isupper():
        found = _MORE.match(text, given.end())
    elif _INTRODUCED.search(text, max(0, given.start() - 24), given.start()):
        found = _NEXT.match(text, given.end())
    else:
        return ""
    return found.group() if found else ""


def _titled(text: str) -> Iterator[Span]:
    """Names after a title; after MR they must be written as names are, and be nothing that magnets look at."""
    for match in _TITLE.finditer(text):
        title, name = match.group("title", "name")
        if title not in _ABBREVIATIONS or not (is_clinical(name.split()[0]) or (title.isupper() and name[0].islower())):
            yield from _leading(text, match.start("name"), name)


def _leading(text: str, start: int, words: str, is_other: Callable[[str], bool] = lambda word: False) -> Iterator[Span]:
    """The words before the first that is ordinary, or no name otherwise."""
    end = start
    for match in re.finditer(_PART, words):
        if end > start and re.fullmatch(_PARTICLE, match.group()):
            continue
        if is_ordinary(match.group()) or is_other(match.group()):
            break
        end = start + match.end()
    if end > start:
        yield Span(start, end, "NAME", text[start:end])


def is_ordinary(word: str) -> bool:
    """Whether a word is one of every text, which no rule takes for a name."""
    return word.lower() in _ordinary()


def is_clinical(word: str) -> bool:
    """Whether a word is of the body, an examination, a state or a profession."""
    return word.lower() in _list("clinical") or _CLINICAL.fullmatch(word) is not None


@lru_cache(maxsize=1)
def _ordinary() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return _list("ordinary") | ENGLISH_STOP_WORDS


@lru_cache(maxsize=3)
def _list(name: str) -> frozenset[str]:
    return frozenset(json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))[name])
