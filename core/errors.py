"""What can go wrong, as one tree. Every message says what was found, what is allowed and what to do next.

PolyfuseError
├── ConfigError      an option, name or combination that does not exist
├── TableError       faults in a table, all of them at once (``faults``)
├── FileError        a file of a case that cannot be read, or is not what its name says
├── BundleError      a saved model that is corrupt, incomplete or of a newer version
└── MissingExtraError     an optional package that is not installed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches

from core.numbers import counted


class PolyfuseError(Exception):
    """Base of all errors that a user can act on; the message is written for that user."""


class ConfigError(PolyfuseError):
    """An option, a name or a combination of them that does not exist."""


class FileError(PolyfuseError):
    """A file of a case that cannot be read, or is not what its name says."""


class BundleError(PolyfuseError):
    """A saved model that is corrupt, incomplete or of a newer version."""


class MissingExtraError(PolyfuseError):
    """An optional package that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'polyfuse[{extra}]'")


@dataclass(frozen=True)
class Fault:
    """One fault of one cell: ``row`` counts from 1 below the header, 0 means the whole column.

    A fault of a whole row or table has the column "".
    """

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = [f"row {self.row}"] * bool(self.row) + [f"column {self.column!r}"] * bool(self.column)
        told = f"{', '.join(where)}: {self.reason}" if where else self.reason
        return told + (f" (found {self.value!r})" if self.value else "")

    def to_json(self) -> dict[str, str | int]:
        """The fault as a JSON object."""
        return asdict(self)


class TableError(PolyfuseError):
    """All faults of a table at once."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        shown = "\n".join(f"  {fault}" for fault in self.faults[:20])
        more = f"\n  … and {len(self.faults) - 20} more" if len(self.faults) > 20 else ""
        super().__init__(f"{source}: {counted(len(self.faults), 'fault')}\n{shown}{more}")


def unknown(what: str, name: object, choices: Iterable[str]) -> ConfigError:
    """The error for an unknown ``name``: lists the choices and the nearest one."""
    known = sorted(str(c) for c in choices)
    close = get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ConfigError(f"unknown {what} {name!r}.{hint} Choices: {', '.join(known)}")
