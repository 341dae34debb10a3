"""Part-of-speech tags of English words, with HanTa (Wartena, "A Probabilistic Morphology Model for German
Lemmatization", 2019; its English model carries the tags of the British National Corpus).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import MissingExtraError

_SENTENCE_END = frozenset(".!?")


def tags(words: Sequence[str]) -> list[str]:
    """The tag of each word, such as NN2 for a noun in the plural.

    Raises:
        MissingExtraError: if HanTa is not installed.
    """
    found: list[str] = []
    sentence: list[str] = []
    for i, word in enumerate(words):
        sentence.append(word)
        if word in _SENTENCE_END or i == len(words) - 1:
            found += [tag for _, _, tag in _tagger().tag_sent(sentence)]
            sentence = []
    return found


@lru_cache(maxsize=1)
def _tagger() -> Any:
    try:
        from HanTa import HanoverTagger
    except ImportError:
        raise MissingExtraError("HanTa", "tags", "part-of-speech tagging") from None
    # By its full path: a bare name would first be looked for in the working folder.
    return HanoverTagger.HanoverTagger(str(Path(HanoverTagger.__file__).with_name("morphmodel_en.pgz")))
