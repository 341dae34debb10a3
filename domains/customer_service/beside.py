"""What a table of turns teaches besides its target: the domain of each intent, and slots where words are labelled.

The domains go into the bundle's facts; the tagger of slots lies beside the bundle, in a folder of the same name with
``-slots`` behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from core.bundle import Bundle
from core.config import TargetConfig
from core.estimator import Table
from core.progress import Progress, silent
from core.table import StringTable
from domains.customer_service import hierarchy, recipe
from domains.customer_service.slots import LabelledText, SlotTagger, check_enough, read_labelled, span_f1


@dataclass(frozen=True)
class Beside:
    """Read and checked before anything is trained; see ``read``."""

    domains: dict[str, str] = field(default_factory=dict)  # of every intent
    learned: list[LabelledText] = field(default_factory=list)
    tested: list[LabelledText] = field(default_factory=list)  # test rows, which the tagger is measured on

    @classmethod
    def read(cls, table: Table, target: TargetConfig, domains: str | None = None) -> Self:
        """Domains of the column ``domains``, or else of ``intent_domain``; labelled words; each where there are any.

        Raises:
            ConfigError: for a column that the table does not have, or fewer than 20 labelled turns to learn from.
            TableError: for an intent in two domains, or another number of labels than words; with all such rows.
        """
        columns = StringTable.open(table).columns
        if domains is None and target.column not in recipe.OTHERS and recipe.DOMAIN in columns:
            domains = recipe.DOMAIN
        parents = hierarchy.read(table, target.column, domains, target.outside)
        if target.column in recipe.OTHERS or not {recipe.SLOTS, *recipe.WRITTEN} <= set(columns):
            return cls(parents)
        split = "split" if "split" in columns else None
        learned = read_labelled(table, split=split)
        if learned:
            check_enough(learned)
        return cls(parents, learned, read_labelled(table, split=split, test=True) if split else [])

    def learn(self, bundle: Bundle, folder: Path | None = None, progress: Progress = silent) -> SlotTagger | None:
        """Put the domains into the bundle, and train the tagger; both are written where ``folder`` holds the bundle."""
        if self.domains:
            bundle.facts["hierarchy"] = self.domains
        tagger = SlotTagger().fit(self.learned, progress) if self.learned else None
        if tagger is not None:
            bundle.facts["slots"] = self._facts(tagger)
            bundle.card += _card(bundle.facts["slots"])
        if folder is not None and (self.domains or tagger is not None):
            bundle.save(folder)
        if folder is not None and tagger is not None:
            tagger.save(place(folder))
        return tagger

    def _facts(self, tagger: SlotTagger) -> dict[str, object]:
        found = span_f1(self.tested, [tagger.labels(t.words) for t in self.tested]) if self.tested else None
        return {"names": list(tagger.names[1:]), "turns": len(self.learned), "tested": len(self.tested), "f1": found}


def place(bundle: Path) -> Path:
    """Where the tagger of a bundle lies."""
    return bundle.with_name(f"{bundle.name}-slots")


def tagger_of(bundle: Path) -> SlotTagger | None:
    """The tagger beside a bundle, or None where there is none.

    Raises:
        BundleError: if it is corrupt.
    """
    found = place(bundle)
    return SlotTagger.load(found) if found.is_dir() else None


def _card(facts: dict[str, object]) -> str:
    told = f"{facts['f1']:.3f} micro F1 of whole slots on {facts['tested']} test turns" if facts["tested"] else ""
    names = ", ".join(map(str, facts["names"]))  # type: ignore[call-overload]
    return f"""
## Slots
{names}: learned from {facts["turns"]} labelled turns; {told or "not measured, as no test row has labels"}.
"""
