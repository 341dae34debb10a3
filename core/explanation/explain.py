"""Explain one modality of a case by the method that was most faithful for its kind (``benchmarks/faithfulness.py``)."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import unknown
from core.explanation import gradients, occlusion
from core.explanation.parts import Part, check, letters_read
from core.predict import Predictor
from core.progress import Progress, silent
from core.schema import Modality, Row

MOST_LETTERS = 30_000  # of a text; it is read again without each part, which takes minutes for a very long one
METHODS = ("integrated gradients", "Grad-CAM", "occlusion")
DEFAULTS = dict.fromkeys(Modality, "occlusion") | dict.fromkeys(
    (Modality.IMAGE, Modality.VOLUME, Modality.VIDEO), "integrated gradients"
)


@dataclass(frozen=True)
class Explanation:
    """The parts of one modality in order of place, the method that weighed them, and why not the one asked for.

    No parts and the method "" where nothing was weighed; ``note`` says why.
    """

    parts: list[Part]
    method: str
    note: str = ""


def explain(
    predictor: Predictor,
    row: Row,
    modality: str,
    *,
    label: str | None = None,
    method: str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """What each part of one modality gives to the answer ``label`` (None: the most probable one).

    Where the gradients of a method do not reach, parts are taken out instead, and ``note`` says why. The words of a
    text of more than ``MOST_LETTERS`` are not weighed.

    Raises:
        ConfigError: for an unknown method, a modality that the case does not have, or a label that the model does not
            know.
    """
    check(predictor, row, modality, label)
    chosen = method or DEFAULTS[predictor.view(modality).modality.kind]
    if chosen not in METHODS:
        raise unknown("method of explanation", chosen, METHODS)
    if (letters := letters_read(predictor, row, modality)) > MOST_LETTERS:
        return Explanation([], "", f"the text has {letters:,} characters, words are weighed up to {MOST_LETTERS:,}")
    reason = "" if chosen == "occlusion" else gradients.unreachable(predictor, modality, cam=chosen == "Grad-CAM")
    if chosen == "occlusion" or reason:
        parts = occlusion.explain_parts(predictor, row, modality, label=label, progress=progress)
        return Explanation(parts, "occlusion", reason)
    run = gradients.grad_cam if chosen == "Grad-CAM" else gradients.integrated_gradients
    return Explanation(run(predictor, row, modality, label=label), chosen)
