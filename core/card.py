"""The model card: what a bundle is, on what it was trained, how well it did, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.card_measured import measured
from core.card_trust import trusted

if TYPE_CHECKING:
    from core.bundle import Bundle
    from core.config import ExcerptConfig


def write_card(bundle: Bundle) -> str:
    """The card of a bundle from its own facts; nothing in it is written by hand."""
    config, facts = bundle.config, bundle.facts
    modalities = "\n".join(
        f"| {m.name} | {m.kind} | {', '.join(m.columns)}{_read(m.excerpt)} | "
        + "; ".join(f"{v.backbone} (frozen) → {v.encoder}" if v.backbone else v.encoder for v in m.views)
        + " |"
        for m in config.modalities
    )
    experts = ", ".join(f"{name} {share:.2f}" for name, share in facts["expert_weights"].items())
    seeds = facts["seeds"]
    several = len((seeds or {}).get("scores", ())) > 1
    spread = f" Seeds apart: mean {seeds['mean']:.3f}, deviation {seeds['deviation']:.3f}." if several else ""
    alone = ", ".join(f"{name} {value:.3f}" for name, value in facts["held_out_by_expert"].items())
    names = list(dict.fromkeys([*_names(facts["held_out"]), *_names(facts["test"])]))
    bounded = f"bounded (coverage {config.coverage:.0%})" if bundle.threshold is not None else "not bounded"
    patterns = f", apart for {len(bundle.patterns)} patterns of present modalities" if bundle.patterns else ""
    return f"""# Model card

Predicts **{config.target.column}** ({config.target.kind}); {config.fusion} fusion of the modalities below.
{"Classes: " + ", ".join(bundle.ensemble.target.classes) if bundle.ensemble.target.classes else ""}

| modality | kind | columns | encoder |
|---|---|---|---|
{modalities}

## Data
Rows: {", ".join(f"{part} {n}" for part, n in facts["rows"].items())}.{_members(bundle)}
Fingerprint of the table: `{facts["fingerprint"][:16]}`.
Groups ({config.table.group or "none named"}) stay on one side of every split.

## Figures
| rows | {" | ".join(names)} |
|---|{"---|" * len(names)}
{_line("held out", facts["held_out"], names)}
{_line("test", facts["test"], names)}

Held-out rows chose the epoch, the weights of the experts and the temperature; the test rows chose nothing.
Experts and their weights: {experts}. Each alone on held-out rows: {alone}.{spread}
{_verdict(facts)}
{_interval(facts)}

{trusted(bundle)}
{measured(facts)}

## Limits
Calibrated (temperature {bundle.ensemble.temperature:.2f}) and {bounded} on held-out
rows of this table{patterns}: on cases unlike them neither holds.
{f"Seeds {config.seed} to {config.seed + config.seeds - 1}" if config.seeds > 1 else f"Seed {config.seed}"}.
{_novelty(facts)}
{_disagreement(bundle)}

## Privacy of training rows
Kept of the training cases, to show the nearest ones: {config.keep_cases if bundle.similar else "none"}.
{_privacy(facts)}

## Made by
`{facts["command"] or "Python"}` on {facts["created"]}; {", ".join(f"{k} {v}" for k, v in facts["versions"].items())}.
"""


def _read(excerpt: ExcerptConfig | None) -> str:
    """What of a text the model may read, where that is not all."""
    if excerpt is None:
        return ""
    sections = f"; only {', '.join(excerpt.sections)}" if excerpt.sections else ""
    return sections + (f"; without the words {', '.join(excerpt.hidden)}" if excerpt.hidden else "")


def _names(figures: dict[str, Any]) -> list[str]:
    return [k for k, v in figures.items() if isinstance(v, int | float)]


def _line(name: str, figures: dict[str, Any], names: list[str]) -> str:
    values = [figures.get(k, "") for k in names]
    return f"| {name} | " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values) + " |"


def _interval(facts: dict[str, Any]) -> str:
    found = facts["test"].get("interval", facts["held_out"].get("interval", {}))
    return "".join(f"95 % interval of {k}: {low:.3f} to {high:.3f}." for k, (low, high) in found.items())


def _novelty(facts: dict[str, Any]) -> str:
    """How often test rows were called unlike the training cases."""
    told = [f"{name} {f['fresh_warned']} of {f['fresh']}" for name, f in facts["novelty"].items()]
    return f"Called unlike the training cases among test rows: {', '.join(told)}." if told else ""


def _disagreement(bundle: Bundle) -> str:
    """From which clash on modalities are said to contradict each other, and how often that is a false alarm."""
    if (rule := bundle.disagreement) is None:
        return ""
    return (
        f"Modalities that are both surer than {rule.threshold:.2f} of different answers are flagged: at most "
        f"{rule.rate:.0%} of {rule.cases} held-out cases that are answered rightly."
    )


def _privacy(facts: dict[str, Any]) -> str:
    """What differentially private training has spent, or that there was none."""
    spent = facts.get("privacy")
    if not spent:
        return "Not trained with differential privacy: the weights may tell of single training rows."
    unit = "The unit is the row: who has k rows of a group is protected by k times this ε only. " * spent["grouped"]
    seed = "The noise follows from the seed: no privacy against whoever knows it. " * spent["reproducible"]
    return (
        f"Differentially private (DP-SGD): **ε {spent['epsilon']:.2f} at δ {spent['delta']:g}** spent in "
        f"{spent['steps']} steps on {spent['training_rows']} rows; gradients cut to {spent['clip']:g}, noise "
        f"{spent['noise']:.2f} times that, each row drawn with chance {spent['sampling_rate']:.4f}. {unit}{seed}"
        f"Not covered: {'; '.join(spent['not_covered'])}."
    )


def _members(bundle: Bundle) -> str:
    """Who learned from which rows, where members are cross-validated."""
    folds, rows = bundle.config.folds, bundle.facts["rows"]
    if folds < 2:
        return ""
    both = rows["train"] + rows["val"]
    return (
        f" Train and val rows are learned from alike: {folds} members a seed, each without its part of the {both}, "
        "which is held out and judges it. All parts together are the held-out rows below."
    )


def _verdict(facts: dict[str, Any]) -> str:
    alone = facts["held_out_by_expert"]
    floors = {k: v for k, v in alone.items() if k != "network"}
    if "network" not in alone or not floors:
        return ""
    best = max(floors, key=lambda k: floors[k])
    joined = " They answer together here, weighed by their answers to these rows." * (len(facts["expert_weights"]) > 1)
    if floors[best] >= alone["network"]:
        return f"**The cheap {best} floor is as good as the fused network on the held-out rows, or better.**{joined}"
    ahead = alone["network"] - floors[best]
    return (
        f"On the held-out rows, which chose its epoch, the fused network is ahead of the cheap {best} floor by "
        f"{ahead:.3f}; `polyfuse compare` says whether it is on rows that chose nothing.{joined}"
    )
