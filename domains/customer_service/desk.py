"""The agent's desk: a turn is heard, understood and routed, and replies are suggested; every stage is timed.

It suggests. Nothing is sent by itself, and nobody's feelings are inferred.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from domains.customer_service.intent import Detection, IntentDetector, said

if TYPE_CHECKING:
    from core.recognition import Recogniser, Transcript
    from domains.customer_service.replies import ReplySuggester, Suggestion
    from domains.customer_service.routing import Route, RoutingTable


@dataclass(frozen=True)
class Help:
    """What the desk says of one turn. A part that is missing is None or empty, and ``lacking`` says why in words."""

    found: Detection
    heard: Transcript | None = None
    route: Route | None = None
    urgency: Detection | None = None  # of a model; None: the lines of the routing table told it
    action: Detection | None = None  # what the agent does next
    replies: tuple[Suggestion, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # by stage, in the order in which they were run
    lacking: tuple[str, ...] = ()


class Desk:
    """The parts of customer service together; any but the detector may be absent.

    Args:
        detector: what the customer wants.
        routing: where that goes.
        suggester: what could be answered.
        recogniser: hears recordings that come without a text.
        urgency: a detector whose target is ``urgency``; None: the lines of the routing table tell it.
        action: a detector whose target is the agent's next step, ``action``.
    """

    def __init__(
        self,
        detector: IntentDetector,
        routing: RoutingTable | None = None,
        suggester: ReplySuggester | None = None,
        recogniser: Recogniser | None = None,
        urgency: IntentDetector | None = None,
        action: IntentDetector | None = None,
    ) -> None:
        self.detector, self.routing, self.suggester = detector, routing, suggester
        self.recogniser, self.urgency, self.action = recogniser, urgency, action

    def help(
        self,
        *,
        audio: Path | None = None,
        text: str | None = None,
        recognised: str | None = None,
        confidence: float | None = None,
        dialogue: Sequence[str] = (),
        behaviour: Mapping[str, Any] | None = None,
        without: frozenset[str] = frozenset(),
        k: int = 3,
    ) -> Help:
        """Go through all stages for one turn; see ``IntentDetector.detect`` for what is given.

        Args:
            audio, text, recognised, confidence, behaviour: the turn.
            dialogue: the turns before, ``customer: …`` or ``agent: …`` each.
            without: modalities that the detectors must not look at.
            k: how many replies.

        Raises:
            ConfigError: when nothing is given that the model reads.
            FileError: if the recording cannot be read, with the reason.
        """
        seconds, lacking, heard = dict[str, float](), list[str](), None
        text, recognised = said("text", text), said("recognised", recognised)
        if audio is not None and not text and not recognised:
            if self.recogniser is None:
                lacking.append("no recogniser is installed, so speech stays sound: pip install 'polyfuse[speech]'")
            else:
                with _timed("hearing", seconds):
                    heard = self.recogniser.transcribe(audio)
                recognised, confidence = heard.text, heard.confidence
        turn: dict[str, Any] = {
            "audio": audio, "text": text, "recognised": recognised, "confidence": confidence,
            "dialogue": "\n".join(dialogue) or None, "behaviour": dict(behaviour or {}),
        }  # fmt: skip
        seen = _switched_off(turn, without)
        with _timed("intent", seconds):
            found = _detect(self.detector, seen)
        urgency = self._beside("urgency", self.urgency, seen, seconds)
        action = self._beside("action", self.action, seen, seconds)
        with _timed("routing", seconds):
            route = self._route(found, urgency, turn, lacking)
        with _timed("replies", seconds):
            replies = self._replies(found, turn, dialogue, k, lacking)
        return Help(found, heard, route, urgency, action, replies, seconds, tuple(lacking))

    def corrected(
        self,
        helped: Help,
        intent: str,
        *,
        dialogue: Sequence[str] = (),
        behaviour: Mapping[str, Any] | None = None,
        k: int = 3,
    ) -> Help:
        """The same turn with the intent that a person named, several joined by '|': where it goes, what to reply."""
        values, words, route, replies = dict(behaviour or {}), helped.found.text, helped.route, helped.replies
        if self.routing is not None:
            route = self.routing.route(
                intent, confidence=1.0, urgency=helped.urgency.label if helped.urgency else None,
                out_of_scope=intent == self.detector.bundle.config.target.outside, behaviour=values,
            )  # fmt: skip
        if self.suggester is not None and words:
            replies = self._suggest(self.suggester, words, dialogue, values, intent, k)
        return dataclasses.replace(helped, route=route, replies=replies)

    def _beside(
        self, stage: str, detector: IntentDetector | None, turn: Mapping[str, Any], seconds: dict[str, float]
    ) -> Detection | None:
        """What a further model tells of the turn; None where there is none, or nothing that it reads."""
        if detector is None:
            return None
        with _timed(stage, seconds), contextlib.suppress(ConfigError):  # nothing is given that it reads
            return _detect(detector, turn, explain=False)
        return None

    def _route(
        self, found: Detection, urgency: Detection | None, turn: Mapping[str, Any], lacking: list[str]
    ) -> Route | None:
        if self.routing is None:
            lacking.append("no routing table is open, so no queue is named")
            return None
        if not self.detector.tells_intent:
            lacking.append("this model answers no intent, so no queue is named")
            return None
        intent = list(found.labels) or found.label
        several = found.top[0][1] if found.top else None  # then there is no one label; the most probable intent counts
        sure = several if found.label is None else found.probabilities.get(found.label)
        urgent = urgency.label if urgency is not None else None
        return self.routing.route(
            intent, confidence=sure, urgency=urgent, out_of_scope=found.is_outside, behaviour=turn["behaviour"]
        )

    def _replies(
        self, found: Detection, turn: Mapping[str, Any], dialogue: Sequence[str], k: int, lacking: list[str]
    ) -> tuple[Suggestion, ...]:
        words = turn["text"] or turn["recognised"]
        if self.suggester is None:
            lacking.append("no knowledge base is open, so no reply is suggested")
        elif not words:
            lacking.append("nothing was written or heard, so no reply is suggested")
        else:
            intent = self.detector.intent_of(found)
            replies = self._suggest(self.suggester, words, dialogue, turn["behaviour"], intent, k)
            if not replies:
                lacking.append("all that could be suggested was said already, so no reply is suggested")
            return replies
        return ()

    def _suggest(
        self, suggester: ReplySuggester, words: str, dialogue: Sequence[str], behaviour: Mapping[str, Any],
        intent: str | None, k: int,
    ) -> tuple[Suggestion, ...]:  # fmt: skip
        lines = [*dialogue, f"customer: {words}"]
        slots = {s.name: s.text for s in reversed(self.detector.slots(words))}  # of a name the first one counts
        return tuple(suggester.suggest(lines, behaviour=behaviour, intent=intent, slots=slots, k=k))


def _detect(detector: IntentDetector, turn: Mapping[str, Any], explain: bool = True) -> Detection:
    """The turn as one detector reads it; routing and replies may ask for more behaviour than it knows."""
    read = {c for m in detector.bundle.config.modalities if m.name == "behaviour" for c in m.columns}
    known = {name: value for name, value in (turn["behaviour"] or {}).items() if name in read}
    return detector.detect(**{**turn, "behaviour": known}, explain=explain)


def _switched_off(turn: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    """The turn without some modalities."""
    of = {"audio": "speech", "text": "text", "recognised": "text", "confidence": "text"}
    return {name: None if of.get(name, name) in without else value for name, value in turn.items()}


@contextlib.contextmanager
def _timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
