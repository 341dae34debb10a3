"""What is saved: one folder of safetensors and JSON. Opening one never runs code from it.

bundle.json            config, target, experts and their weights, calibration, metrics, versions, data fingerprint
views/<name>.json      fitted preprocessing;   views/<name>.safetensors  frozen backbone;   views/<name>/  its config
novelty/<modality>.*   what training cases look like, see core.evaluation.novelty
learned.safetensors    64 bits of each training and held-out case, by which ``evaluate`` knows it again
experts/<i>/           a network's weights, or the floor's
card.md                the same for people
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.atomic import recover, replace_folder
from core.cache import FeatureCache
from core.config import ExperimentConfig
from core.ensemble import Ensemble, Expert, Network
from core.errors import BundleError, ConfigError
from core.evaluation.conformal import Threshold, as_threshold
from core.evaluation.disagreement import Disagreement
from core.evaluation.nearest import Nearest
from core.evaluation.novelty import Novelty, evidence
from core.evaluation.patterns import Calibration, apply_temperatures
from core.evaluation.scope import Scope
from core.floor.fit import floor_blocks, floor_views
from core.floor.forest import Forest
from core.floor.late import Late
from core.floor.linear import Linear
from core.floor.trees import Trees
from core.schema import TargetKind
from core.similar import Similar
from core.targets import Target
from core.view import View, build_views

FORMAT = 2  # 1: networks without the trust in each modality alone
_FLOORS: dict[str, type[Linear | Trees | Forest | Late]] = {c.kind: c for c in (Linear, Trees, Forest, Late)}
_ALLOWED = {".json", ".safetensors", ".md", ".txt", ".csv"}


@dataclass
class Bundle:
    """A trained ensemble with all that it needs to answer and to be understood."""

    config: ExperimentConfig
    views: dict[str, View]
    ensemble: Ensemble
    threshold: Threshold = None  # conformal score, see core.evaluation.conformal
    novelty: dict[str, Novelty] = field(default_factory=dict)  # by modality
    scope: Scope | None = None  # where the target has an outside label
    nearest: Nearest | None = None  # training cases that ``scope`` measures distances to
    patterns: list[Calibration] = field(default_factory=list)  # of cases without some modalities
    disagreement: Disagreement | None = None  # None: not judged, as there is one modality or too few held-out cases
    similar: Similar | None = None  # training cases to show beside answers, where the config allows it
    learned: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # hashes of training and held-out cases
    facts: dict[str, Any] = field(default_factory=dict)  # metrics, versions, fingerprint, split, command
    card: str = ""

    def threshold_of(self, present: Sequence[bool]) -> Threshold:
        """The threshold for cases that have exactly these modalities, in the ensemble's order."""
        own = {p.pattern: p.threshold for p in self.patterns}
        return own.get(tuple(map(bool, present)), self.threshold)

    def unlike(self, name: str, cell: Any, prepared: Mapping[str, Any]) -> str | None:
        """What is unlike the training cases in a cell of a modality, by its first view; None: nothing.

        ``prepared``: what each view makes of the case.
        """
        if name in self.facts.get("unlearned", ()):
            return "unlike the training cases (none of them had it)"
        if name not in self.novelty or name not in prepared:
            return None
        return self.novelty[name].warning(evidence(self.views[name], cell, prepared[name]))

    @property
    def fingerprint(self) -> str:
        """What tells this training from every other: of its experiment, table, split, time and expert weights."""
        made = {k: self.facts.get(k) for k in ("created", "fingerprint", "split", "expert_weights")}
        told = json.dumps({"config": self.config.to_json()} | made, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def save(self, folder: Path) -> None:
        """Write the bundle as a whole; what was at ``folder`` before survives a failure.

        Raises:
            BundleError: if the disk is full or the folder cannot be written.
        """
        with replace_folder(folder) as new:
            for part in ("views", "novelty"):
                (new / part).mkdir()
            for name, novelty in self.novelty.items():
                novelty.save(new / "novelty", name)
            if self.nearest is not None:
                self.nearest.save(new / "nearest.safetensors")
            if self.similar is not None:
                self.similar.save(new)
            if len(self.learned):
                save_file({"cases": self.learned}, new / "learned.safetensors")
            for view in self.views.values():
                view.save(new / "views")
            for i, expert in enumerate(self.ensemble.experts):
                place = new / "experts" / str(i)
                place.mkdir(parents=True)
                expert.save(place)
            (new / "card.md").write_text(self.card, encoding="utf-8")
            content = {
                "format": FORMAT,
                "config": self.config.to_json(),
                "target": asdict(self.ensemble.target),
                "experts": [e.kind for e in self.ensemble.experts],
                "weights": list(self.ensemble.weights),
                "temperature": self.ensemble.temperature,
                "threshold": self.threshold,
                "patterns": [p.to_json() for p in self.patterns],
                "disagreement": self.disagreement and self.disagreement.to_json(),
                "novelty": list(self.novelty),
                "scope": self.scope and self.scope.to_json(),
                "nearest": self.nearest is not None,
                "learned": len(self.learned) > 0,
                "facts": self.facts,
                "files": {f.relative_to(new).as_posix(): _sha256(f) for f in sorted(new.rglob("*")) if f.is_file()},
            }
            content["digest"] = _digest(json.loads(json.dumps(content)))
            (new / "bundle.json").write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, cache: FeatureCache | None = None) -> Bundle:
        """Open a bundle.

        Raises:
            BundleError: if it is missing, corrupt, incomplete, of a newer version, or holds files of a kind that
                could run code.
        """
        content = _read(folder)
        try:
            _check_numbers(content)
            config = ExperimentConfig.from_json(content["config"])
            target = _target(content["target"])
            shared = cache or FeatureCache()
            views = build_views(config.modalities, shared)
            if set(content["experts"]) - {"network"}:
                views |= floor_views(config, shared)
            for view in views.values():
                view.load(folder / "views")
            signatures = {name: view.signature for name, view in views.items()}
            blocks = floor_blocks(config, views)
            experts: list[Expert] = []
            for i, kind in enumerate(content["experts"]):
                place = folder / "experts" / str(i)
                if kind == "network":
                    experts.append(Network.load(place, config, signatures, target, folder / "views"))
                else:
                    experts.append(_FLOORS[kind].load(place, target, blocks))
            names = tuple(m.name for m in config.modalities)
            ensemble = Ensemble(target, names, experts, tuple(content["weights"]), content["temperature"])
            card = (folder / "card.md").read_text(encoding="utf-8")
            novelty = {name: Novelty.load(folder / "novelty", name) for name in content.get("novelty", ())}
            scope = Scope.from_json(content["scope"]) if content.get("scope") else None
            patterns = [Calibration.from_json(p) for p in content.get("patterns", ())]
            apply_temperatures(ensemble, patterns)
            threshold = as_threshold(content["threshold"])
            near = Nearest.load(folder / "nearest.safetensors") if content.get("nearest") else None
            rule = Disagreement(**content["disagreement"]) if content.get("disagreement") else None
            hashes = load_file(folder / "learned.safetensors")["cases"] if content.get("learned") else np.zeros(0, int)
            facts, kept = content["facts"], Similar.load(folder)
            return cls(
                config, views, ensemble, threshold, novelty, scope, near, patterns, rule, kept, hashes, facts, card
            )
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError, ConfigError) as error:
            raise BundleError(f"{folder}: the bundle is corrupt ({error}); save or copy it again") from error


def _read(folder: Path) -> dict[str, Any]:
    """bundle.json, after every check that needs no weights."""
    with contextlib.suppress(OSError):
        recover(folder)
    file = folder / "bundle.json"
    if not file.is_file():
        if (folder / "bundle" / "bundle.json").is_file():
            raise BundleError(f"{folder}: the bundle is the folder in it, {folder / 'bundle'}; name that one")
        what = "a file, not the folder of a bundle" if folder.is_file() else "no bundle here (bundle.json is missing)"
        raise BundleError(f"{folder}: {what}; name the folder that `train` wrote, RUN/bundle")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        newer = content["format"] > FORMAT
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{file}: the bundle is corrupt ({error}); save or copy it again") from error
    if newer:
        raise BundleError(
            f"{folder}: made by a newer Polyfuse (format {content['format']}, this one reads up to {FORMAT}); "
            "update with pip install -U polyfuse"
        )
    if content.get("digest") != _digest(content):
        raise BundleError(f"{file} has changed since it was saved; save or copy the bundle again")
    found = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f != file and not f.is_dir()}
    for name, path in found.items():
        if name not in content["files"] or path.suffix not in _ALLOWED or path.is_symlink() or not path.is_file():
            raise BundleError(f"{folder}: holds {name!r}, which is no part of this bundle; take it out")
    for name, digest in content["files"].items():
        if name not in found:
            raise BundleError(f"{folder}: {name} is missing; save or copy the bundle again")
        if _sha256(found[name]) != digest:
            raise BundleError(f"{folder}: {name} has changed since it was saved; save or copy the bundle again")
    return content


def _check_numbers(content: dict[str, Any]) -> None:
    """Refuse what JSON lets through and every answer would be made of."""
    weights, patterns = content["weights"], content.get("patterns", ())
    for number in (*weights, content["temperature"], *(p["temperature"] for p in patterns)):
        if not isinstance(number, int | float) or not math.isfinite(number) or number < 0:
            raise ValueError(f"a weight or temperature is {number!r}")
    if len(weights) != len(content["experts"]):
        raise ValueError(f"{len(weights)} weights of {len(content['experts'])} experts")


def _target(data: dict[str, Any]) -> Target:
    lists = {k: tuple(data[k]) for k in ("classes", "prior")}
    return Target(**data | lists | {"kind": TargetKind(data["kind"])})


def _digest(content: dict[str, Any]) -> str:
    plain = {k: v for k, v in content.items() if k != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {}
    for name in ("polyfuse", "torch", "torchaudio", "monai", "transformers", "numpy", "scikit-learn", "lightgbm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
