"""TRIPOD+AI and CLAIM 2024 for one model: filled where the training run knows the answer, open where it does not.

The titles are ours and short; whoever reports a study reads the published lists. Nothing here is a claim that a study
follows them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle import Bundle
from core.errors import unknown
from core.evaluation.trust import plain
from domains.medical.diagnosis import DISCLAIMER

NAMES = ("tripod_ai", "claim_2024")
_FIGURES = ("accuracy", "f1", "auroc", "r2", "neg_rmse")


def checklist(name: str, bundle: Bundle) -> str:
    """A checklist as Markdown: item, topic, state (filled, partly, open), and what the run knows.

    Raises:
        ConfigError: for a name that is not among ``NAMES``.
    """
    if name not in NAMES:
        raise unknown("checklist", name, NAMES)
    content = tomllib.loads((Path(__file__).parent / "checklists.toml").read_text(encoding="utf-8"))[name]
    known = _known(bundle)
    lines, states = [], {"filled": 0, "partly": 0, "open": 0}
    for item in content["items"]:
        told = known.get(item.get("know", ""), "")
        state = ("partly" if "more" in item else "filled") if told else "open"
        states[state] += 1
        more = f" **To add: {item['more']}.**" if told and "more" in item else ""
        lines.append(f"| {item['n']} | {item['topic']} | {state} | {_cell(told)}{more} |")
    counted = ", ".join(f"{n} {state}" for state, n in states.items())
    return "\n".join([
        f"# {content['title']} for the model of `{bundle.config.target.column}`", "",
        f"Filled from the training run {bundle.facts['created']} (model `{bundle.fingerprint}`); {counted}. "
        "Titles are short and not the guideline's words: fill in the published list. " + DISCLAIMER, "",
        "| item | topic | state | from the run |", "|---|---|---|---|", *lines, "",
    ])  # fmt: skip


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _known(bundle: Bundle) -> dict[str, str]:
    """What the run knows, by the names of the list; blank or absent where it knows nothing."""
    return _about_data(bundle) | _about_model(bundle) | _about_figures(bundle)


def _about_data(bundle: Bundle) -> dict[str, str]:
    config, facts = bundle.config, bundle.facts
    kinds = "; ".join(f"{m.name} ({m.kind}: {', '.join(m.columns)})" for m in config.modalities)
    classes = ", ".join(bundle.ensemble.target.classes)
    names = [m.name for m in config.modalities]
    rows = ", ".join(f"{part} {n}" for part, n in facts["rows"].items())
    group = config.table.group
    apart = f"Rows of one {group} stay on one side of every split." if group else ""
    how = f"by the table's column {config.table.split}" if config.table.split else f"at random, seed {config.seed}"
    return {
        "title": f"A multimodal model ({', '.join(names)}) that predicts {config.target.column}.",
        "outcome": f"Column {config.target.column}, {config.target.kind}{f': {classes}' if classes else ''}.",
        "predictors": f"{kinds}.",
        "table": f"One table, fingerprint {facts['fingerprint'][:16]}.",
        "sizes": f"Rows: {rows}.",
        "groups": apart,
        "partition": f"Dealt out {how}: {rows}. {apart} Test rows chose nothing.",
        "missing": "A missing kind of data is masked, never filled in; missing table cells are marked as missing. "
        f"{len(bundle.patterns)} patterns of present kinds have a calibration of their own.",
        "preparation": "Every file and cell is checked before training, faults of scan geometry are refused or "
        "repaired by the user's choice; preprocessing is fitted on training rows and travels in the bundle.",
    }


def _about_model(bundle: Bundle) -> dict[str, str]:
    config, facts, t = bundle.config, bundle.facts, bundle.config.training
    views = "; ".join(
        f"{m.name}: "
        + ", ".join(f"{v.backbone} (frozen) then {v.encoder}" if v.backbone else v.encoder for v in m.views)
        for m in config.modalities
    )
    experts = ", ".join(f"{name} {share:.2f}" for name, share in facts["expert_weights"].items())
    moved = {"sgd": f"SGD with momentum {t.momentum:g}", "adam": "Adam", "adamw": "AdamW"}
    frozen = sorted({v.backbone for m in config.modalities for v in m.views if v.backbone})
    return {
        "goal": "Development of a model, and its evaluation on rows of the same table that were kept apart.",
        "encoders": f"{views}.",
        "model": f"{views}; joined by {config.fusion} fusion, width {config.width}. Experts and weights: {experts}.",
        "ensemble": f"{config.seeds} seeds, {max(config.folds, 1)} folds; weights learned on held-out rows: {experts}.",
        "initial": f"{t.initialisation}" + (f"; pretrained and frozen: {', '.join(frozen)}" if frozen else "") + ".",
        "training": f"At most {t.epochs} epochs, batches of {t.batch_size}, {moved[t.optimizer]} at "
        f"{t.learning_rate:g}, weight decay {t.weight_decay:g}, modality dropout {t.modality_dropout:g}.",
        "choice": "The epoch with the best held-out figure; temperature and thresholds from the same held-out rows.",
        "software": "; ".join(f"{k} {v}" for k, v in facts["versions"].items()) + ".",
        "bundle": f"Weights, preprocessing, calibration: one folder of safetensors and JSON ({bundle.fingerprint}).",
        "output": "Calibrated probabilities, one temperature a pattern of present kinds"
        + (f"; sets at {config.coverage:.0%} coverage." if bundle.threshold is not None else "."),
        "explanation": "Shapley shares of the kinds of data; parts of each kind by gradients or by taking them out.",
        "faults": "Refused with the reason: unreadable files, scans with faults of geometry. Missing kinds are masked, "
        "and cases unlike the training cases are marked and referred to a person.",
        "person": "Every answer is a proposal; a person decides, and agrees, corrects or refers in the record.",
        "use": f"Research. {DISCLAIMER}",
        "limits": "Calibration and coverage hold for cases like the held-out ones of this table, nothing beyond.",
    }  # fmt: skip


def _about_figures(bundle: Bundle) -> dict[str, str]:
    facts, measured = bundle.facts, bundle.facts.get("measured", {})
    test: Mapping[str, Any] = facts["test"]
    told = plain(test, _FIGURES) | {
        f"calibration {k}": v
        for k, v in plain(test.get("calibration", {}), ("ece", "brier", "slope", "intercept")).items()
    }
    figures = "; ".join(f"{k} {v}" for k, v in told.items())
    held = "; ".join(f"{k} {v}" for k, v in plain(facts["held_out"], _FIGURES).items())
    outcome = plain(test.get("abstention", {}), ("answered", "error", "error_of_all"))
    failures = "; ".join(f"{k.replace('_', ' ')} {v}" for k, v in outcome.items())
    return {
        "measures": f"{', '.join(told)}; reliability diagram, coverage of sets, errors against answered cases."
        if told
        else "",
        "uncertainty": "95 % bootstrap intervals, whole groups drawn." if told else "",
        "performance": f"Test rows ({test['cases']}): {figures}. Held-out rows: {held}." if told else "",
        "internal": f"{test['cases']} test rows of the same table: {figures}." if told else "",
        "failures": f"Referred and answered cases: {failures}; confusion on the app's Model page." if failures else "",
        "subgroups": f"Table of {len(measured['subgroups'])} groups on the card." if measured.get("subgroups") else "",
        "robustness": "Curves over damaged and missing data on the card." if measured.get("robustness") else "",
    }
