"""Intents under domains: which intent belongs where, and how probable each domain is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.errors import Fault, TableError, unknown
from core.estimator import Table
from core.table import StringTable
from domains.customer_service.recipe import OUT_OF_SCOPE


def read(table: Table, intents: str, domains: str | None, outside: str | None = OUT_OF_SCOPE) -> dict[str, str]:
    """The domain of every intent of a table but ``outside``; empty where no ``domains`` column is named.

    Raises:
        ConfigError: for a column that the table does not have.
        TableError: for rows that put an intent into a second domain, or into none.
    """
    if domains is None:
        return {}
    opened, found, faults = StringTable.open(table), dict[str, str](), list[Fault]()
    for column in (intents, domains):
        if column not in opened.columns:
            raise unknown("column", column, opened.columns)
    for i in range(len(opened)):
        row = opened.row(i, (intents, domains))
        domain = row[domains].strip()
        for intent in (part.strip() for part in row[intents].split("|")):
            if intent and intent != outside:
                first = found.setdefault(intent, domain)
                if not domain or first != domain:
                    reason = f"intent {intent!r} belongs to {first!r} in an earlier row; an intent has one domain"
                    faults.append(Fault(i + 1, domains, domain, reason if domain else "the domain is blank"))
    if faults:
        raise TableError(opened.source, faults)
    return found


def totals(intents: Iterable[tuple[str, float]], parents: Mapping[str, str]) -> dict[str, float]:
    """How probable each domain is, the most probable first: the sum over its intents.

    >>> totals([("lost", 0.5), ("top_up", 0.3), ("pin", 0.2)], {"lost": "card", "pin": "card", "top_up": "app"})
    {'card': 0.7, 'app': 0.3}
    """
    found = dict[str, float]()
    for intent, p in intents:
        if (domain := parents.get(intent)) is not None:
            found[domain] = found.get(domain, 0.0) + p
    return dict(sorted(found.items(), key=lambda item: -item[1]))
