"""A guess at the language of a report by its commonest words: enough to flag a report that a model cannot read.

Longer texts in English, German, French, Spanish, Italian, Dutch and Portuguese are told apart, and other scripts are
noticed. A few words, or a list of findings without small words, cannot be told: they pass.
"""

from __future__ import annotations

import re
from collections import Counter

_WORDS = {
    "en": "the of and is are in with without no not there to for at or has was seen left right this which on by from",
    "de": "der die das und ist sind mit ohne kein keine keinen nicht im am auf zu ein eine von des den links rechts",
    "fr": "le la les et est sont avec sans pas du des une un dans au aux de gauche droite sur pour ni il l d en",
    "es": "el la los las y es son con sin no del de una un en se al izquierdo derecho izquierda derecha por para ni",
    "it": "il la lo gli e è sono con senza non del della dei di una un nel nella si sinistra destra destro per al",
    "nl": "de het en is zijn met zonder geen niet een van in op links rechts er bij te voor aan dat wordt",
    "pt": "o a os as e é são com sem não do da dos das de uma um no na ao esquerdo direito esquerda direita por",
}
_WEIGHT = {
    language: {w: 1 / sum(w in other.split() for other in _WORDS.values()) for w in words.split()}
    for language, words in _WORDS.items()
}
_LEAST = 8  # words that a guess needs


def language(text: str) -> str | None:
    """en, de, fr, es, it, nl, pt, "other" for a script that is not Latin; None where it cannot be told.

    >>> language("Kein Nachweis von Pleuraergüssen, die Lunge ist beidseits frei und ohne Herd.")
    'de'
    """
    letters = [c for c in text if c.isalpha()]
    if len(letters) > _LEAST and sum(c > "\u024f" for c in letters) > 0.5 * len(letters):
        return "other"
    words = re.findall(r"[^\W\d_]+", text.lower())
    if len(words) < _LEAST:
        return None
    counts = Counter(words)
    scores = {name: sum(counts[w] * weight for w, weight in table.items()) for name, table in _WEIGHT.items()}
    (first, best), (_, second) = sorted(scores.items(), key=lambda item: -item[1])[:2]
    return first if best >= 1.5 and best > 1.3 * second else None


def looks_english(text: str) -> bool:
    """False only where a text is clearly in another language; what cannot be told, and an empty text, passes.

    >>> looks_english("No effusion."), looks_english("Les poumons sont clairs et sans nodule, pas d'épanchement.")
    (True, False)
    """
    return language(text) in ("en", None)
