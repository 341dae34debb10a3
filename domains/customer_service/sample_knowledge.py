"""The knowledge base of the generated service, as a support team would keep it: Markdown pages and a CSV of answers."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path


def write(folder: Path) -> None:
    """Write ``NAME.md`` for every page and ``answers.csv`` with question, answer and intent."""
    content = tomllib.loads(Path(__file__).with_name("sample_knowledge.toml").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for page in content["page"]:
        parts = [f"# {page['title']}", *(f"## {s['title']}\n\n{s['text']}" for s in page["section"])]
        (folder / f"{page['name']}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    with (folder / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("question", "answer", "intent"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(content["answer"])
