"""The card and the reporting checklists say what the run knows, and leave open what it does not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from small import change, config, experiment, table

from apps.cli import main
from core.bundle import Bundle
from core.errors import ConfigError
from domains.medical.checklists import NAMES, checklist


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("cards")
    settings = config("text", "tabular", table={"id": "id", "fractions": [0.4, 0.3, 0.3]})
    path = table(folder, "text", "tabular", cases=200)
    return experiment(folder, settings, path, folder / "run").run(), folder / "run" / "bundle"


def rows(text: str) -> dict[str, list[str]]:
    """Topic, state and content of each item."""
    cells = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \d", line)]
    return {c[0].strip(): [x.strip() for x in c[1:]] for c in cells}


def test_every_item_is_there_with_its_state(trained: tuple[Bundle, Path]) -> None:
    tripod, claim = (rows(checklist(name, trained[0])) for name in NAMES)
    assert {re.match(r"\d+", n).group() for n in tripod} == {str(i) for i in range(1, 28)}  # type: ignore[union-attr]
    assert list(claim) == [str(i) for i in range(1, 45)]
    for found in (tripod, claim):
        assert all(state in ("filled", "partly", "open") for _, state, _ in found.values())
        assert all(bool(text) == (state != "open") for _, state, text in found.values())
        assert all(("To add" in text) == (state == "partly") for _, state, text in found.values())


def test_what_the_run_knows_is_filled_with_its_figures(trained: tuple[Bundle, Path]) -> None:
    bundle = trained[0]
    tripod = rows(checklist("tripod_ai", bundle))
    assert f"f1 {bundle.facts['test']['f1']:.3f}" in tripod["23a"][2]
    assert f"calibration slope {bundle.facts['test']['calibration']['slope']:.3f} (" in tripod["23a"][2]
    assert "train 80, val 60, test 60" in tripod["10"][2]
    assert tripod["17"][1] == tripod["18a"][1] == tripod["14"][1] == "open"  # ethics, funding, no groups measured
    bundle.facts["measured"] = {"subgroups": [{}]}
    assert rows(checklist("tripod_ai", bundle))["14"][1] == "filled"
    del bundle.facts["measured"]
    with pytest.raises(ConfigError, match=r"unknown checklist 'tripod'\. Did you mean 'tripod_ai'"):
        checklist("tripod", bundle)


def test_the_optimiser_that_was_used_is_named(trained: tuple[Bundle, Path]) -> None:
    for changes, words in (
        ({}, "AdamW at 0.01"), ({"optimizer": "adam"}, "Adam at 0.01"),
        ({"optimizer": "sgd", "momentum": 0.8}, "SGD with momentum 0.8 at 0.01"),
    ):  # fmt: skip
        bundle = dataclasses.replace(trained[0], config=change(trained[0].config, **changes))
        assert f"batches of 16, {words}, weight decay" in rows(checklist("claim_2024", bundle))["25"][2]


def test_the_card_tells_calibration_by_pattern_referral_and_use(trained: tuple[Bundle, Path]) -> None:
    bundle = trained[0]
    found = bundle.facts["test"]
    for words in (
        "## Calibration on test rows", "| text + tabular | 60 |",
        f"Answered: {found['abstention']['answered']:.3f}", "## Intended use", "A person decides.",
    ):  # fmt: skip
        assert words in bundle.card


def test_the_command_writes_the_checklists_beside_the_bundle(trained: tuple[Bundle, Path]) -> None:
    assert main(["info", str(trained[1]), "--checklists"]) == 0
    written = trained[1].parent
    assert (written / "tripod_ai.md").read_text(encoding="utf-8") == checklist("tripod_ai", trained[0])
    assert (written / "claim_2024.md").is_file()
    assert Bundle.load(trained[1]).card == trained[0].card  # the bundle itself is as it was
