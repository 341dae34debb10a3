"""The knowledge base: pieces with their sources, all faults at once, and an empty one refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, FileError, TableError
from domains.customer_service.knowledge import Knowledge, fill, from_turns, parse

PAGE = """# Bills

## Refunds

Paid within {days} days.

```
# not a heading
```

## Empty heading
### How to pay
By card.
"""


def test_markdown_is_cut_at_headings_and_keeps_their_path(tmp_path: Path) -> None:
    (tmp_path / "bills.md").write_text(PAGE, encoding="utf-8")
    first, second = Knowledge.read(tmp_path / "bills.md").pieces
    assert (first.question, first.source) == ("Bills: Refunds", "bills.md › Refunds")
    assert first.answer.startswith("Paid within")
    assert "# not a heading" in first.answer
    assert first.placeholders == ("days",)
    assert (second.question, second.answer) == ("Bills: Empty heading: How to pay", "By card.")


def test_csv_rows_are_pieces_with_a_source_of_their_own_or_their_line(tmp_path: Path) -> None:
    text = 'question,answer,source,intent\nWhen?,"Soon,\nvery soon",handbook,delivery\n\nHow?,By post,,\n'
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    first, second = Knowledge.read(tmp_path).pieces
    assert (first.answer, first.source, first.intent) == ("Soon,\nvery soon", "handbook", "delivery")
    assert second.source == "a.csv, line 5"
    assert second.text == "How?\nBy post"


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_csv_of_a_spreadsheet_is_read_by_its_own_mark(tmp_path: Path, mark: str) -> None:
    rows = (("question", "answer"), ("When?", "Soon, or tomorrow"), ("How?", f'"By post{mark} by van"'))
    (tmp_path / "a.csv").write_text("\n".join(map(mark.join, rows)), encoding="utf-8-sig")
    pieces = Knowledge.read(tmp_path / "a.csv").pieces
    assert [p.answer for p in pieces] == ["Soon, or tomorrow", f"By post{mark} by van"]
    (tmp_path / "a.csv").write_text(mark.join(("question", "answer\nWhy?", "a", "b")), encoding="utf-8")
    with pytest.raises(TableError, match="line 2: 3 cells under 2 columns; quote cells that hold"):
        Knowledge.read(tmp_path / "a.csv")


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text before any heading\n# \nx\n# Good\nhello {who is it}\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("question,answer\nWhy?,\nHow?,a,b,c\nok,fine }\n", encoding="utf-8")
    (tmp_path / "c.csv").write_text("q,a\n1,2\n", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        Knowledge.read(tmp_path)
    told = str(caught.value)
    for part in (
        "a.md, line 1: a text without a heading",
        "a.md, line 2: a heading without a title",
        "a.md, line 4: a brace that is no placeholder; write {name}, with letters, digits and _ (found '{who is it}')",
        "b.csv, line 2: the answer is blank (found 'Why?')",
        "b.csv, line 3: 4 cells under 2 columns",
        "b.csv, line 4: a brace",
        "c.csv, line 1: needs a column answer",
    ):
        assert part in told


@pytest.mark.parametrize("content", [{}, {"a.md": "# Only a heading\n"}, {"a.csv": "question,answer\n"}])
def test_an_empty_knowledge_base_is_refused_in_words(tmp_path: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=r"is empty, there is nothing to suggest from; write a Markdown file"):
        Knowledge.read(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"# x\n\xff\xfe")
    with pytest.raises(FileError, match="save it as such"):
        Knowledge.read(tmp_path)
    with pytest.raises(FileError, match=r"made of \.md, \.markdown, \.csv files"):
        Knowledge.read(tmp_path / "a.docx")
    with pytest.raises(FileError, match=r"missing\.csv: no such file or folder"):
        Knowledge.read(tmp_path / "missing.csv")


def test_placeholders_are_filled_and_the_rest_is_named() -> None:
    text = "Dear {name}, {order} is on its way, {name}; {eta}"
    assert fill(text, {"name": "Ana", "eta": ""}) == ("Dear Ana, {order} is on its way, Ana; {eta}", ("order", "eta"))


def test_past_turns_are_kept_once() -> None:
    found = from_turns(["a", "b", "c"], ["Yes  we can.", "yes we can.", " "], ["t1", "t2", "t3"])
    assert [(p.question, p.answer, p.source) for p in found.pieces] == [("a", "Yes  we can.", "t1")]
    with pytest.raises(ConfigError, match="one length"):
        from_turns(["a"], [], [])


@given(st.text(max_size=200), st.sampled_from(["x.md", "x.csv"]))
def test_any_content_gives_pieces_or_faults(text: str, name: str) -> None:
    pieces, faults = parse(text, name)
    assert faults or all(p.answer for p in pieces)
