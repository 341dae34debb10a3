"""Paths as people give them: what no system takes is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.encoders._hub import is_local
from core.errors import FileError
from core.paths import check_path, typed_path
from core.preprocess.media import check_file
from core.table import StringTable

LONG = "/data/" + "x" * 300 + ".csv"


def test_a_typed_path_may_begin_at_home_and_need_not_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed_path(" ~/turns.csv ") == tmp_path / "turns.csv"
    assert typed_path("/nowhere/turns.csv") == Path("/nowhere/turns.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LONG, "shorten it"),
        ("/x" * 50_000, "shorten it"),
        ("a\0b", "null byte"),
        ("  ", "the path is empty"),
        ("~nobody-of-this-name/a.csv", "no user of that name"),
    ],
)
def test_a_path_that_no_system_takes_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(FileError, match=words) as error:
        typed_path(text)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("opens", [check_path, check_file, StringTable.open])
def test_whatever_opens_a_path_refuses_one_that_is_too_long(opens: object) -> None:
    with pytest.raises(FileError, match="shorten it"):
        opens(Path(LONG))  # type: ignore[operator]


def test_a_model_of_too_long_a_path_is_refused() -> None:
    with pytest.raises(FileError, match="shorten it"):
        is_local(LONG)
