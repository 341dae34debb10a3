"""What people decided, as rows to train on."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from core.errors import ConfigError
from core.record import Entry


def training_rows(
    entries: Iterable[Entry], target: str, name: str, table: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, int]:
    """One row for each decided case, with the decision as its target; of several decisions the last one counts.

    Args:
        entries: of a record, such as those of one kind.
        target: the column that a decision fills; cases whose last decision leaves it blank are not trained on.
        name: the column that names a case.
        table: where the cases' own columns stand; None: in the entries, where they were kept.

    Returns:
        the rows, with ``split`` train, and how many decided cases are not among them: referred ones and, with a
        table, those that it does not have.

    Raises:
        ConfigError: if the table or the entries lack the column that names a case.
    """
    last = {str(e.case[name]): e for e in entries if name in e.case and e.decision}
    labels = {case: str(e.decision[target]) for case, e in last.items() if str(e.decision.get(target) or "")}
    if table is None:
        if not last:
            raise ConfigError(f"no decision in the record names its case in {name!r}; give --id and --kind")
        rows = pd.DataFrame([last[c].case | {target: y, "split": "train"} for c, y in labels.items()])
        return rows.fillna("").astype(str), len(last) - len(rows)
    if name not in table:
        raise ConfigError(
            f"the table has no column {name!r}, by which cases are found again; it has {', '.join(table)}"
        )
    found = table[table[name].astype(str).isin(labels)].copy()
    found[target] = found[name].astype(str).map(labels)
    found["split"] = "train"
    return found.reset_index(drop=True), len(last) - found[name].nunique()
