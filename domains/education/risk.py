"""Early warning: who is at risk of failing or leaving, day by day, from what was known on that day.

    python -m domains.education.risk table FOLDER risk.csv --day 0 30 60 90  # or an Open University set
    python -m domains.education.risk train risk.csv --out runs/risk          # by time: the latest start is held out
    polyfuse evaluate runs/risk/bundle later.csv                             # a table of later presentations
    python -m domains.education.risk warn runs/risk/bundle risk.csv --capacity 20 --day 60

A probability is a reason to call, not a verdict; a teacher decides. Nothing here is used to mark anybody.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from core.errors import ConfigError, Fault, PolyfuseError, TableError
from core.estimator import Estimator, Table
from core.explanation.explain import explain
from core.manifest import Manifest
from core.numbers import counted
from core.predict import as_row
from core.progress import Bars
from core.record import LOCAL, Record
from core.record_asked import keep_asked
from core.table import StringTable
from core.table_answers import table_answers
from domains.education import risk_oulad, risk_recipe
from domains.education.records_types import read_moment
from domains.education.risk_features import RiskTables, beyond_records, snapshots

CASE, DECIDED = "case_id", "at_risk"  # names a row in a record, and the kind of an entry that a teacher decided on
DECISIONS = {"call": "Call", "leave": "Not now"}
ANSWERS = {"1": "at risk", "0": "not at risk"}  # in words


class EarlyWarning(Estimator):
    """The risk of every enrolment at a day; rows as ``risk_features.snapshots`` makes them.

    Options: ``demographics=False`` leaves out who the learner is; ``numbers``, ``categories`` name further columns.
    """

    recipe: ClassVar[ModuleType] = risk_recipe

    def risks(self, table: Table, batch: int = 1024) -> np.ndarray:
        """The probability of every row: (N,)."""
        manifest = Manifest.open(table, self.bundle.config, Path(), need_target=False)
        manifest.raise_faults()
        return table_answers(self.bundle, manifest, range(len(manifest)), batch)[:, 1]

    def warn(
        self,
        table: Table,
        capacity: int,
        *,
        day: int | None = None,
        explain: bool = True,
        at_once: int = 3,
        record: Record | None = None,
        who: str = LOCAL,
    ) -> pd.DataFrame:
        """The ``capacity`` enrolments with the highest risk, highest first: ids, risk, with ``explain`` the reasons.

        Each is judged on its latest day in the table, or on the ``day`` that is named; see ``on_day``.

        ``share_…``: what each kind of data adds to the risk, in log-odds (exact Shapley shares). ``strongest``: the
        ``at_once`` columns that move the risk most, with their values and by how much in log-odds. ``record`` keeps
        that ``who`` asked for these reasons, by ``case_id``, without the values.

        Raises:
            ConfigError: for a capacity below 1, or a day that the table does not hold.
        """
        if capacity < 1:
            raise ConfigError(f"capacity: expected how many learners can be called, at least 1, found {capacity}")
        rows = on_day(_frame(table), day)
        risk = self.risks(rows)
        top = np.argsort(-risk, kind="stable")[:capacity]
        named = [c for c in ("case_id", "enrolment_id", "student_id", "group", "day") if c in rows]
        found = rows.iloc[top][named].assign(risk=risk[top].round(4)).reset_index(drop=True)
        if not explain:
            return found
        columns = [c for m in self.bundle.config.modalities for c in m.columns]
        cases = rows.iloc[top][columns].to_dict("records")
        asked = [as_row(c, self.bundle.config.modalities) for c in cases]
        answers = self.predictor.predict_rows(asked)
        if record is not None:
            names = [{CASE: str(row[CASE])} if CASE in named else {} for row in found.to_dict("records")]
            keep_asked(record, self.bundle, zip(names, asked, answers), who)
        for m in self.bundle.config.modalities:
            signed = [a.shares.get(m.name, 0.0) * (1 if a.label == "1" else -1) for a in answers]
            found[f"share_{m.name}"] = np.round(signed, 3)
        found["strongest"] = [
            "; ".join(f"{c} = {v} ({d:+.2f})" for c, v, d in self.strongest(c, at_once)) for c in cases
        ]
        return found

    def strongest(self, case: dict[str, Any], most: int = 3) -> list[tuple[str, str, float]]:
        """(column, value, change): how much each known value moves the risk of a case, in log-odds, largest first.

        As ``core.explanation`` weighs columns.
        """
        row = as_row(case, self.bundle.config.modalities)
        parts = [p for m in row.values for p in explain(self.predictor, row, m, label="1").parts]
        return [(p.name, str(case[p.name]), p.share) for p in sorted(parts, key=lambda p: -abs(p.share))[:most]]


def by_time(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a split by time: groups of the latest start are "test", all others "train".

    Raises:
        ConfigError: if all groups start on one day.
    """
    start = table["start"].map(_moment)  # dates may be written in several ways, whose texts sort otherwise
    if start.nunique() < 2:
        raise ConfigError(f"all groups start on {table['start'].iloc[0]}: a split by time needs an earlier one")
    return table.assign(split=np.where(start == start.max(), "test", "train"))


def _moment(date: str) -> datetime:
    """A start in UTC, by which groups are put in order.

    Raises:
        ConfigError: for what is no date.
    """
    try:
        return read_moment(date)
    except ValueError as error:
        raise ConfigError(f"start: {error}") from None


def on_day(rows: pd.DataFrame, day: int | None = None) -> pd.DataFrame:
    """One row of each enrolment: of its latest day, or of the ``day`` that is named, where only who was there then is.

    Raises:
        ConfigError: if no row is of that day.
    """
    days = pd.to_numeric(rows["day"], errors="coerce") if "day" in rows else pd.Series(np.nan, index=rows.index)
    if day is not None:
        if not (days == day).any():
            known = ", ".join(f"{d:g}" for d in sorted(days.dropna().unique())) or "none; it needs a column 'day'"
            raise ConfigError(f"no row is of day {day}; the days of the table are {known}")
        return rows[days == day]
    if "enrolment_id" not in rows or days.isna().all():
        return rows
    order = np.argsort(days.fillna(-np.inf).to_numpy(), kind="stable")
    named = rows["enrolment_id"].iloc[order]
    last = (~named.duplicated(keep="last") | (named == "")).to_numpy()
    return rows.iloc[np.sort(order[last])]


def read_tables(folder: Path) -> RiskTables:
    """The four tables of a folder, or the Open University set where it holds that one.

    Raises:
        FileError: if it holds neither.
        TableError: with all faults of the tables.
    """
    if (folder / "oulad_enrolments.csv.gz").is_file():
        return risk_oulad.read(folder)
    return RiskTables.read(folder)


def _frame(table: Table) -> pd.DataFrame:
    """A table as text cells."""
    return StringTable.open(table).frame()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m domains.education.risk", description="Early warning.")
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("table", help="what was known of every enrolment at given days")
    table.add_argument("folder", type=Path)
    table.add_argument("out", type=Path)
    table.add_argument("--day", type=int, nargs="+", default=[0, 30, 60, 90])
    table.add_argument("--start", help="only groups that start on or after this date")
    train = commands.add_parser("train", help="train; a table without split is split by time")
    train.add_argument("table", type=Path)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--preset", default="best")
    train.add_argument("--all", action="store_true", help="hold no presentation out")
    train.add_argument("--without-demographics", action="store_true")
    warn = commands.add_parser("warn", help="whom to call")
    warn.add_argument("bundle", type=Path)
    warn.add_argument("table", type=Path)
    warn.add_argument("--capacity", type=int, default=20, help="how many can be called (default 20)")
    warn.add_argument("--day", type=int, help="only who was there on this day; default: the latest of each enrolment")
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    options.made_by = shlex.join(["python", "-m", "domains.education.risk", *given])
    try:
        {"table": _table, "train": _train, "warn": _warn}[options.command](options)
    except (PolyfuseError, OSError) as error:
        raise SystemExit(f"error: {error}") from None


def _table(options: argparse.Namespace) -> None:
    tables = read_tables(options.folder)
    found = snapshots(tables, options.day)
    if options.start:
        found = found[found["start"].map(_moment) >= _moment(options.start)]
        if found.empty:
            raise ConfigError(f"--start: no group starts on or after {options.start}")
    unknown = beyond_records(tables, found)
    for (group, day), rows in found[unknown].groupby(["group", "day"]):
        print(
            f"note: the records of {group} end before day {day}: its {counted(len(rows), 'row')} of that day would "
            "tell all work due since as missed, and are left out",
            file=sys.stderr,
        )
    found = found[~unknown]
    found.to_csv(options.out, index=False)
    print(f"{options.out}: {len(found)} rows of {found['group'].nunique()} groups at days {options.day}")


def _train(options: argparse.Namespace) -> None:
    rows = _frame(options.table)
    by_start = "split" not in rows and not options.all
    if lacking := [c for c in ("at_risk", *(["start"] if by_start else [])) if c not in rows]:
        reason = f"no such column; `python -m domains.education.risk table` makes it. Here are {', '.join(rows)}"
        raise TableError(options.table.name, [Fault(0, c, "", reason) for c in lacking])
    if by_start:
        rows = by_time(rows)
    model = EarlyWarning(preset=options.preset, demographics=not options.without_demographics)
    model.command = options.made_by
    with Bars() as bars:
        model.fit(rows[rows["at_risk"] != ""], out=options.out, progress=bars)
    print(model.bundle.card)


def _warn(options: argparse.Namespace) -> None:
    rows = _frame(options.table)
    found = EarlyWarning.load(options.bundle).warn(rows, options.capacity, day=options.day)
    print(found.to_csv(index=False), end="")
    if options.day is None and {"group", "day"} <= {*rows}:
        latest = pd.to_numeric(rows["day"], errors="coerce").groupby(rows["group"]).max()
        if gone := int((pd.to_numeric(found["day"], errors="coerce") < found["group"].map(latest)).sum()):
            print(
                f"note: {gone} of {len(found)} have no row of the latest day of their group, as who has left by then; "
                "--day lists only who was there on that day",
                file=sys.stderr,
            )


if __name__ == "__main__":
    main()
