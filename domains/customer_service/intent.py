"""``IntentDetector``: what a customer wants, from speech, text, the dialogue so far and behaviour; any may be missing.

It judges the matter of a turn, never the feelings of customers or agents.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from core.cache import FeatureCache, MemoryCache
from core.errors import ConfigError
from core.estimator import Estimator, Table
from core.manifest import Manifest
from core.progress import Progress, silent
from core.schema import Prediction, TargetKind
from core.table import StringTable
from domains.customer_service import beside, hierarchy, patterns, recipe
from domains.customer_service.beside import Beside
from domains.customer_service.call import two_sounds
from domains.customer_service.sides import accept
from domains.customer_service.slots import Slot, SlotTagger

if TYPE_CHECKING:
    from core.recognition import Recogniser

DOUBTFUL = 0.6  # a recogniser's confidence below which the reader is told that words may be wrong
LONG = 1000  # words that no turn has
TOP = 5
_MIXED = (
    "speech: two channels of different sound were heard as one; where they are customer and agent, cut the call into "
    "turns by domains.customer_service.call.read_call and give the customer's"
)


@dataclass(frozen=True)
class Detection(Prediction):
    """A ``Prediction`` about a turn; ``label`` is the intent, ``shares`` are those of speech, text and behaviour."""

    top: tuple[tuple[str, float], ...] = ()  # the most probable intents, out of scope not among them
    domains: dict[str, float] = field(default_factory=dict)  # their groups, where a hierarchy was learned
    text: str = ""  # what was read
    recognised: bool = False  # whether a recogniser heard it
    confidence: float | None = None  # of the recogniser, where it tells
    seconds: dict[str, float] = field(default_factory=dict)  # spent on recognition and on the answer
    slots: tuple[Slot, ...] = ()  # values in the text: amounts, order numbers, dates, or as labelled in training


class IntentDetector(Estimator):
    """Fused intent detection, in scikit-learn's manner: ``fit`` on a table of turns, ``detect`` on one.

    Args:
        target: the column to predict, see ``domains.customer_service.recipe``; None: the first documented one. An
            ``intent`` column in which a cell names several, joined by '|', is read as several labels.
        preset, seed, config: as in ``Estimator``.
        hierarchy: a column with each intent's domain, ``intent_domain`` where that is there; answers then also say how
            probable each domain is.
        recogniser: hears speech that comes without a text, see ``core.recognition``; None: speech stays speech.
        options: ``few_shot``, ``modalities``, ``false_alarm``… of ``recipe.build``.
    """

    recipe: ClassVar = recipe

    def __init__(
        self,
        target: str | None = None,
        *,
        hierarchy: str | None = None,
        recogniser: Recogniser | None = None,
        **options: Any,
    ) -> None:
        super().__init__(target, **options)
        self.hierarchy, self.recogniser = hierarchy, recogniser
        self.tagger: SlotTagger | None = None

    def fit(
        self, table: Table, *, root: Path | None = None, out: Path | None = None, progress: Progress = silent
    ) -> Self:
        """Train on a CSV, Parquet or DataFrame, as ``Estimator.fit``; where words are labelled, also a tagger of slots.

        Raises:
            TableError: with all faults of the table, such as an intent in two domains, or words of agents as input.
            ConfigError: for a hierarchy that the table does not have.
        """
        if self.config is None:
            self.target = _several(table, self.target)
        more = Beside.read(table, self._config(table).target, self.hierarchy)
        super().fit(table, root=root, out=out, progress=progress)
        self.tagger = more.learn(self.bundle, None if out is None else out / "bundle", progress)
        self._remember_only()
        return self

    def save(self, folder: Path | str) -> None:
        """Write the bundle, and the tagger of slots beside it in ``FOLDER-slots``."""
        super().save(folder)
        if self.tagger is not None:
            self.tagger.save(beside.place(Path(folder)))

    @classmethod
    def load(cls, folder: Path | str, cache: FeatureCache | None = None, recogniser: Recogniser | None = None) -> Self:
        """Open a bundle that ``save`` or ``polyfuse train`` wrote; features are kept in memory unless ``cache`` is."""
        found = super().load(folder, cache or MemoryCache())
        found.recogniser, found.tagger = recogniser, beside.tagger_of(Path(folder))
        return found

    def detect(
        self,
        *,
        audio: str | Path | None = None,
        text: str | None = None,
        recognised: str | None = None,
        dialogue: str | None = None,
        behaviour: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        explain: bool = True,
    ) -> Detection:
        """Answer one turn; what the model was not trained on, or is left out, counts as missing.

        Args:
            audio: a recording of the turn; with a recogniser and no text it is heard first.
            text: as it was typed, or written down by a person.
            recognised: as a recogniser heard it, with its ``confidence``; read where there is no ``text``.
            dialogue: the turns before, one a line: ``customer: …``, ``agent: …``.
            behaviour: values by column.
            explain: also the share of each modality, and the answer without it.

        Raises:
            ConfigError: for a behaviour column that the model does not know, or when nothing is given that it reads.
            FileError: if the recording cannot be read, with the reason.
        """
        start = time.perf_counter()
        audio, text, recognised = _recording(audio), said("text", text), said("recognised", recognised)
        dialogue = "\n".join(dialogue) if isinstance(dialogue, list | tuple) else said("dialogue", dialogue)
        listens = not text and not recognised and self.recogniser is not None and self._reads("text")
        if audio is not None and listens and self.recogniser is not None:
            heard = self.recogniser.transcribe(audio)
            recognised, confidence = heard.text, heard.confidence
        hearing = time.perf_counter() - start
        case = self._case({"audio": audio, "dialogue": dialogue}, text or recognised, behaviour or {})
        found = self.predictor.predict(case, explain=explain, id="turn")
        was_heard = not text and bool(recognised)
        told = found.warnings + (_heard(confidence) if was_heard else ()) + _odd(text or recognised or "")
        if audio is not None and (listens or self._reads("speech")) and two_sounds(audio):
            told += (_MIXED,)
        seconds = {"recognition": hearing, "answer": time.perf_counter() - start - hearing}
        return self._detection(
            dataclasses.replace(found, warnings=told),
            text=text or recognised or "",
            recognised=was_heard,
            confidence=confidence if was_heard else None,
            seconds=seconds,
            slots=self.slots(text or recognised or ""),
        )

    @property
    def tells_intent(self) -> bool:
        """Whether the answers are intents: not urgencies, queues or actions, nor grades or numbers."""
        target = self.bundle.config.target
        return target.kind in (TargetKind.LABEL, TargetKind.LABELS) and target.column not in recipe.OTHERS

    def intent_of(self, found: Prediction) -> str | None:
        """What an answer says that the customer wants, several joined by '|'; None for a model of something else."""
        return ("|".join(found.labels) or found.label) if self.tells_intent else None

    def slots(self, text: str) -> tuple[Slot, ...]:
        """Amounts, numbers, dates and the like in a text: as the tagger learned them, else by their written form."""
        return self.tagger.find(text) if self.tagger is not None else patterns.find(text)

    def _manifest(self, table: Table, root: Path | None) -> Manifest:
        manifest = Manifest.open(table, self._config(table), root)
        accept(manifest)
        manifest.raise_faults()
        return manifest

    def _labelled(self, table: Table, root: Path | None) -> Manifest:
        manifest = super()._labelled(table, root)
        accept(manifest)
        return manifest

    def _detection(self, found: Prediction, **more: Any) -> Detection:
        parents = self.bundle.facts.get("hierarchy", {})
        inside = [(c, p) for c, p in found.probabilities.items() if c != self.bundle.config.target.outside]
        top = tuple(sorted(inside, key=lambda item: -item[1])[:TOP])
        fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        return Detection(**fields, top=top, domains=hierarchy.totals(inside, parents), **more)

    def _reads(self, modality: str) -> bool:
        return any(m.name == modality for m in self.bundle.config.modalities)

    def _case(self, given: dict[str, Any], text: str | None, behaviour: Mapping[str, Any]) -> dict[str, Any]:
        """What is given, by the names of the modalities that the model has."""
        named = {"audio": "speech", "dialogue": "dialogue"}
        case: dict[str, Any] = {named[k]: v for k, v in given.items() if v is not None and self._reads(named[k])}
        if text and self._reads("text"):
            case["text"] = text
        if behaviour and self._reads("behaviour"):
            case["behaviour"] = dict(behaviour)
        if not case:
            names = ", ".join(m.name for m in self.bundle.config.modalities)
            raise ConfigError(f"nothing is given that this model reads; give one of {names}")
        return case

    def _remember_only(self) -> None:
        """From now on frozen features are kept in memory: what customers say stays off the disk."""
        memory = MemoryCache()
        for view in self.bundle.views.values():
            view.cache = memory


def _several(table: Table, target: str | None) -> str | None:
    """The target with its kind, where the table names several intents in one cell."""
    if target not in (None, "intent"):
        return target
    columns = StringTable.open(table)
    if "intent" not in columns.columns:
        return target
    return "intent:labels" if any("|" in cell for part in columns.column("intent") for cell in part) else "intent"


def said(name: str, words: object) -> str | None:
    """Words of a turn; blanks are none, nor is NaN, as a table's blank cell is.

    Raises:
        ConfigError: for anything but a text.
    """
    if words is None or words != words:
        return None
    if not isinstance(words, str):
        raise ConfigError(f"{name}: expected a text, found {type(words).__name__}; give it as one str")
    return words if words.strip() else None


def _recording(audio: object) -> Path | None:
    if audio is None or isinstance(audio, Path):
        return audio
    if not isinstance(audio, str | float):  # a table's blank cell is NaN
        raise ConfigError(
            f"audio: expected the path of a recording, found {type(audio).__name__}; samples are heard by "
            "domains.customer_service.detect_growing"
        )
    named = said("audio", audio)
    return Path(named) if named is not None else None


def _odd(text: str) -> tuple[str, ...]:
    """What is odd about the form of a text."""
    if text and not any(c.isalnum() for c in text):
        return ("text: no words in it, only marks or emoji",)
    if (count := len(text.split())) > LONG:
        return (f"text: {count:,} words, far longer than a turn; is it a whole conversation?",)
    return ()


def _heard(confidence: float | None) -> tuple[str, ...]:
    """What the reader of an answer should know about a text that a recogniser heard."""
    if confidence is None or confidence != confidence:
        return ("text: heard by a recogniser, words may be wrong",)
    doubt = "; words may be wrong, listen to the recording" if confidence < DOUBTFUL else ""
    return (f"text: heard by a recogniser with confidence {confidence:.2f}{doubt}",)
