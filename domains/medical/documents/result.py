"""What every document about a case tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from core.answer import disagreement
from core.bundle import Bundle
from core.schema import Prediction
from domains.medical import answer
from domains.medical.diagnosis import DISCLAIMER

PLACES = 4  # decimals of a figure, the same in every document


@dataclass(frozen=True)
class Result:
    """An answer about one case, the model that gave it and when."""

    found: Prediction
    target: str
    model: str  # fingerprint of the bundle
    trained: str  # when, ISO 8601
    version: str  # of the program
    made: str  # when the document was, ISO 8601 with its zone
    off: tuple[str, ...] = ()  # modalities that the user switched off

    @classmethod
    def of(cls, found: Prediction, bundle: Bundle, off: Sequence[str] = (), made: str | None = None) -> Self:
        """The result of a bundle; ``made`` is now where it is not given."""
        facts = bundle.facts
        return cls(
            found,
            bundle.config.target.column,
            bundle.fingerprint,
            str(facts.get("created", "")),
            str(facts.get("versions", {}).get("polyfuse", "")),
            made or datetime.now(UTC).isoformat(timespec="seconds"),
            tuple(off),
        )

    @property
    def title(self) -> str:
        """What the document is."""
        return f"Result of a research model: {answer.label(self.target)}"

    @property
    def disclaimer(self) -> str:
        """What the result must not be taken for."""
        return DISCLAIMER

    @property
    def conclusion(self) -> str:
        """The answer, how sure it is, and whether a person has to decide, in sentences."""
        sure = answer.how_sure(self.found)
        told = [f"{answer.label(self.target).capitalize()}: {answer.headline(self.found)}.", sure]
        if self.found.refer and "refer to a person" not in sure.lower():
            told.append(f"Refer to a person: {'; '.join(self.found.refer)}.")
        return " ".join(t for t in told if t)

    @property
    def answers(self) -> tuple[str, ...]:
        """The answer as labels: one, several, the words that none was found, or nothing for a number."""
        if self.found.label is not None:
            return (self.found.label,)
        none = () if self.found.value is not None else (answer.headline(self.found),)
        return self.found.labels or none

    @property
    def notes(self) -> tuple[str, ...]:
        """How the case was read, what is unlike the training cases, and which kinds of data contradict each other."""
        contrary = disagreement(self.found, answer.name)
        return (*self.found.warnings, *([contrary] if contrary else []))

    def probabilities(self) -> dict[str, float]:
        """By label, the highest first."""
        found = self.found.probabilities
        return {k: round(found[k], PLACES) for k in sorted(found, key=lambda k: -found[k])}

    def shares(self) -> dict[str, float]:
        """By modality, in log-odds or the target's unit; for the answer where positive."""
        return {m: round(v, PLACES) for m, v in self.found.shares.items()}

    def without(self) -> dict[str, float]:
        """The answer's probability, or the value, without each modality."""
        return {m: round(v, PLACES) for m, v in self.found.without.items()}

    def numbers(self) -> dict[str, float]:
        """Of a number: its value and the ends of its interval; else empty."""
        if self.found.value is None:
            return {}
        low, high = self.found.interval or (None, None)
        named = {"value": self.found.value, "lower end": low, "upper end": high}
        return {k: round(v, PLACES) for k, v in named.items() if v is not None}
