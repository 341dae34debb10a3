"""One look at one modality: preprocess, then an optional frozen backbone whose features are cached by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from core import encoders, preprocess
from core.cache import FeatureCache, content_key, weights_key
from core.config import ModalityConfig, ViewConfig
from core.schema import Signature


class View:
    """From a cell to the sample (T, *shape) that an encoder is trained on.

    Training's augmentation changes samples only where there is no backbone: frozen features are of the plain sample.
    """

    def __init__(self, name: str, modality: ModalityConfig, config: ViewConfig, cache: FeatureCache) -> None:
        self.name, self.modality, self.config, self.cache = name, modality, config, cache
        self.preprocessor = preprocess.build(modality.kind, config.preprocess)
        self.backbone: nn.Module | None = None
        self.device = torch.device("cpu")
        self._key = b""

    def fit(self, cells: Iterable[Any]) -> None:
        """Learn preprocessing from the present cells of the training rows, then build the backbone."""
        self.preprocessor.fit(cells)
        self._build_backbone(self.config.backbone_options)

    def save(self, folder: Path) -> None:
        """Write fitted preprocessing and backbone into the ``views`` folder of a bundle."""
        (folder / f"{self.name}.json").write_text(json.dumps(self.preprocessor.state()), encoding="utf-8")
        if self.backbone is not None:
            weights = {k: v.cpu().contiguous().clone() for k, v in self.backbone.state_dict().items()}
            save_file(weights, folder / f"{self.name}.safetensors")
            save_assets(self.backbone, folder / self.name)

    def load(self, folder: Path) -> None:
        """Take over what ``save`` wrote."""
        self.preprocessor.restore(json.loads((folder / f"{self.name}.json").read_text(encoding="utf-8")))
        self._build_backbone(self.config.backbone_options, folder / self.name)
        if self.backbone is not None:
            self.backbone.load_state_dict(load_file(folder / f"{self.name}.safetensors"))
            self._refresh_key()

    def redo(self, **options: Any) -> None:
        """Take other options of preprocessing, of those that nothing was learned under.

        Raises:
            ConfigError: for an option or value that does not exist.
        """
        self.config = replace(self.config, preprocess=self.config.preprocess | options)
        state = self.preprocessor.state()
        self.preprocessor = preprocess.build(self.modality.kind, self.config.preprocess)
        self.preprocessor.restore(state)
        self._refresh_key()

    def _build_backbone(self, options: dict[str, Any], assets: Path | None = None) -> None:
        if self.config.backbone is None:
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # a backbone without weights is the same in every run, so its cache holds
            built = encoders.build(
                self.config.backbone, self.modality.kind, self.preprocessor.signature, None, options, assets
            )
        self.backbone = built.eval().requires_grad_(False)
        self._refresh_key()

    def _refresh_key(self) -> None:
        if self.backbone is not None:
            made_by = [
                self.modality.kind,
                self.config.preprocess,
                self.preprocessor.state(),
                self.config.backbone,
                self.config.backbone_options,
                weights_key(self.backbone),
            ]
            self._key = hashlib.sha256(json.dumps(made_by, sort_keys=True, default=str).encode()).digest()

    @property
    def signature(self) -> Signature:
        """What the encoder of this view gets."""
        if self.backbone is None:
            return self.preprocessor.signature
        return Signature((int(self.backbone.width),))  # type: ignore[arg-type]  # a contract of encoders

    def prepare(self, cell: Any) -> Any:
        """The deterministic part, worth keeping in memory: the finished features where there is a backbone."""
        if self.backbone is None:
            return self.preprocessor.prepare(cell)
        key = self._cell_key(cell)
        features = self.cache.get(key)
        if features is None:
            features = self.embed([self.preprocessor.finish(self.preprocessor.prepare(cell))])[0]
            self.cache.put({key: features})
        return features  # (T, F)

    def notes(self, cell: Any) -> tuple[str, ...]:
        """What a reader of the result should know about how a cell was read, where its kind has anything to tell."""
        tell: Callable[[Any], tuple[str, ...]] | None = getattr(self.preprocessor, "notes", None)
        return tell(cell) if tell is not None else ()

    def finish(self, prepared: Any, rng: np.random.Generator | None = None) -> Tensor:
        """The sample (T, *shape)."""
        return self.preprocessor.finish(prepared, rng) if self.backbone is None else prepared

    def warm(self, cells: Iterable[Any], tick: Callable[[int], None], chunk: int = 128, most: int = 2**28) -> None:
        """Put the frozen features of all cells into the cache; ``tick`` counts cells.

        Up to ``chunk`` samples and about ``most`` bytes of them are held at a time.
        """
        if self.backbone is None:
            return
        samples: dict[str, Tensor] = {}
        seen = held = 0
        for cell in cells:
            key, seen = self._cell_key(cell), seen + 1
            if key not in samples and key not in self.cache:
                samples[key] = self.preprocessor.finish(self.preprocessor.prepare(cell))
                held += samples[key].nbytes
            if seen == chunk or held > most:
                self._keep(samples)
                tick(seen)
                seen = held = 0
                samples = {}
        self._keep(samples)
        tick(seen)

    def _keep(self, samples: dict[str, Tensor], batch: int = 16) -> None:
        order = sorted(samples, key=lambda k: len(samples[k]))  # batches of similar length
        for start in range(0, len(order), batch):
            group = order[start : start + batch]
            self.cache.put(dict(zip(group, self.embed([samples[k] for k in group]))))

    def _cell_key(self, cell: Any) -> str:
        return hashlib.sha256(self._key + content_key(cell).encode()).hexdigest()

    @torch.inference_mode()
    def embed(self, samples: list[Tensor]) -> list[Tensor]:
        """Samples (T, *shape) to what the backbone makes of each: (T', F). The cache is not asked."""
        assert self.backbone is not None
        x = pad_sequence(samples, batch_first=True).to(self.device)  # (B, T, *shape)
        lengths = torch.tensor([len(s) for s in samples])
        mask = (torch.arange(x.shape[1])[None] < lengths[:, None]).to(self.device)  # (B, T)
        backbone: nn.Module = self.backbone.to(self.device)
        tokens, kept = backbone(x, mask)  # (B, T', F), (B, T')
        return [t[m].float().cpu().clone() for t, m in zip(tokens, kept)]


def build_views(modalities: Iterable[ModalityConfig], cache: FeatureCache | None = None) -> dict[str, View]:
    """All views of an experiment by name, not yet fitted."""
    shared = cache or FeatureCache()
    return {n: View(n, m, v, shared) for m in modalities for n, v in zip(m.view_names(), m.views)}


def save_assets(module: nn.Module, folder: Path) -> None:
    """Let an encoder that is built on a pretrained model write its configuration."""
    write = getattr(module, "save_assets", None)
    if write is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)
