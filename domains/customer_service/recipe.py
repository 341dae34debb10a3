"""Customer-service columns by their documented names, to an experiment. A row is one turn of a customer.

audio                         the turn as it was spoken, a file
text                          as the customer typed it, or as a person wrote it down
recognised, asr_tiny_en       as a recogniser heard it; read only where ``text`` is blank
dialogue                      the turns before, one a line: ``customer: …``, ``agent: …``
numbers and categories        what the customer did: see NUMBERS, CATEGORIES
intent                        what the customer wants, or OUT_OF_SCOPE; several, joined by '|', with ``intent:labels``
intent_domain                 the group that the intent belongs to; answers then also say how probable each group is
slot_labels                   a label a word of ``text``, ``O`` for none; a tagger is then trained beside the model
urgency                       low, normal, high;    queue, action    where the turn goes, what the agent does next
next_action                   the same, as ``domains.customer_service.dialogues`` writes it from turns of both sides
reply                         what the agent answered; read by ``ReplySuggester``
turn_id (or utt_id), split    special columns; rows of one group, customer or speaker stay on one side of every split
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.errors import ConfigError, unknown
from core.recipes import Columns, as_names, asked_target, build_config, table_columns
from core.schema import Modality, TargetKind

TARGETS = ("intent", "urgency", "queue", "action", "next_action")
OTHERS = TARGETS[1:]  # what models beside the one of the intent tell
OUT_OF_SCOPE = "out_of_scope"
DOMAIN, SLOTS = "intent_domain", "slot_labels"
URGENCIES = ("low", "normal", "high")
WRITTEN, RECOGNISED = ("text",), ("recognised", "asr_tiny_en")
IDS = ("turn_id", "utt_id")
GROUPS = ("group", "customer_id", "speaker", "user_worker", "dialogue_id")
NUMBERS = (
    "waiting_seconds", "response_seconds", "earlier_contacts", "account_age_days", "pages_seen", "turn_number",
    "kb_queries_so_far", "gap_seconds", "t_seconds", "open_orders", "open_tickets", "days_since_order",
    "days_since_contact", "order_value", "transfers",
)  # fmt: skip
CATEGORIES = ("product", "channel", "last_page", "plan", "last_api", "previous_action", "region", "segment", "device")


def build(
    columns: Sequence[str],
    *,
    target: str | None = None,
    classes: Sequence[str] = (),
    preset: str = "default",
    seed: int = 0,
    modalities: str | Sequence[str] | None = None,
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    false_alarm: float = 0.05,
    outside: str = OUT_OF_SCOPE,
    few_shot: bool = False,
) -> ExperimentConfig:
    """An experiment over the columns that a table has under their documented names.

    ``target`` is ``COLUMN`` or ``COLUMN:kind``, ``classes`` the order of its grades, lowest first, or the labels that
    there are; none named: as in the rows, of ``urgency`` as documented. ``modalities`` limits which of speech, text,
    dialogue and behaviour are used; ``numbers`` and ``categories`` add behaviour columns of other names; one name may
    be a plain string.
    ``false_alarm`` is the share of turns within scope that may be marked as out of scope, ``outside`` how a table calls
    such turns. ``few_shot``: for five to ten turns an intent, all learned from.

    Raises:
        ConfigError: if no target or no input is found; the message lists what was looked for.
    """
    asked = _target(columns, target, tuple(classes) or None, false_alarm, outside)
    found = _inputs(columns, asked.column, numbers, categories)
    if modalities is not None:
        modalities = as_names(modalities)
        if alien := [m for m in modalities if m not in found]:
            raise unknown("modality", alien[0], found)
        found = {m: c for m, c in found.items() if m in modalities}
    if not found:
        listed = ", ".join(("audio", *WRITTEN, *RECOGNISED, "dialogue", *NUMBERS, *CATEGORIES))
        raise ConfigError(f"no customer-service column is found; name one of {listed}")
    table = TableConfig(
        id=next((c for c in IDS if c in columns), None),
        group=next((c for c in GROUPS if c in columns), None),
        split="split" if "split" in columns else None,
    )
    config = build_config(found, asked, table, preset, seed=seed)
    read = tuple(dataclasses.replace(m, first=m.name == "text") for m in config.modalities)
    config = dataclasses.replace(config, modalities=read)
    return _few_shot(config) if few_shot else config


def _few_shot(config: ExperimentConfig) -> ExperimentConfig:
    """Every row is learned from: five members, each tried on its fifth of them."""
    table = dataclasses.replace(config.table, fractions=(0.8, 0.2, 0.0))
    return dataclasses.replace(config, table=table, folds=5, stack=False, floor=False)


def _target(
    columns: Sequence[str], asked: str | None, classes: tuple[str, ...] | None, false_alarm: float, outside: str
) -> TargetConfig:
    column, kind = asked_target(asked, columns, TARGETS)
    if column == "urgency" and kind in (None, TargetKind.GRADE):
        return TargetConfig(column, TargetKind.GRADE, classes or URGENCIES)
    kind = kind or TargetKind.LABEL
    can_lie_outside = column == "intent" and kind in (TargetKind.LABEL, TargetKind.LABELS)
    beyond = outside if can_lie_outside else None
    return TargetConfig(column, kind, classes, outside=beyond, false_alarm=false_alarm)


def _inputs(
    columns: Sequence[str], target: str, numbers: str | Sequence[str], categories: str | Sequence[str]
) -> dict[str, Columns]:
    """The modalities that a table has columns for."""
    named = {
        "speech": Columns(Modality.AUDIO, ("audio",)),
        "text": Columns(Modality.TEXT, tuple(c for c in (*WRITTEN, *RECOGNISED) if c in columns)),
        "dialogue": Columns(Modality.TEXT, ("dialogue",)),
        "behaviour": table_columns("behaviour column", columns, target, (NUMBERS, CATEGORIES), numbers, categories),
    }
    return {name: c for name, c in named.items() if c.columns and set(c.columns) <= set(columns)}
