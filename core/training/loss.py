"""The loss of each case, for each kind of target.

Label smoothing: Szegedy et al. 2016. Focal loss: Lin et al. 2017. CORN: Shi et al. 2021 (see ``core.targets``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.config import TrainingConfig
from core.schema import TargetKind
from core.targets import Target


class Loss:
    """(B, K) logits and encoded targets to (B,) losses."""

    def __init__(self, target: Target, config: TrainingConfig, device: torch.device | str = "cpu") -> None:
        self.kind, self.config = target.kind, config
        self.class_weight = None
        if config.class_weights and target.kind is not TargetKind.NUMBER:
            prior = torch.tensor(target.prior, device=device)
            balance = 1 / prior
            self.class_weight = (1 - prior) / prior if target.kind is TargetKind.LABELS else balance / balance.mean()

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each case (B,)."""
        logits = logits.float()
        if self.kind is TargetKind.NUMBER:
            return F.smooth_l1_loss(logits[:, 0], target, reduction="none")
        if self.kind is TargetKind.LABELS:
            each = F.binary_cross_entropy_with_logits(
                logits, self._smooth(target), reduction="none", pos_weight=self.class_weight
            )  # (B, K)
            return (each * self._focus(torch.where(target > 0.5, logits.sigmoid(), 1 - logits.sigmoid()))).mean(dim=1)
        if self.kind is TargetKind.GRADE:
            return self._corn(logits, target)
        each = F.cross_entropy(
            logits, target, weight=self.class_weight, label_smoothing=self.config.label_smoothing, reduction="none"
        )
        return each * self._focus(logits.softmax(dim=1).gather(1, target[:, None])[:, 0])

    def _corn(self, logits: Tensor, target: Tensor) -> Tensor:
        """Each threshold k is learned from the cases that passed threshold k − 1."""
        steps = torch.arange(logits.shape[1], device=logits.device)[None]  # (1, K)
        passed = (target[:, None] > steps).float()  # (B, K)
        each = F.binary_cross_entropy_with_logits(logits, self._smooth(passed), reduction="none")
        each = each * self._focus(torch.where(passed > 0.5, logits.sigmoid(), 1 - logits.sigmoid()))  # (B, K)
        total = (each * (target[:, None] >= steps)).sum(dim=1)  # (B,)
        return total if self.class_weight is None else total * self.class_weight[target]

    def _smooth(self, target: Tensor) -> Tensor:
        return target * (1 - self.config.label_smoothing) + 0.5 * self.config.label_smoothing

    def _focus(self, true_probability: Tensor) -> Tensor | float:
        gamma = self.config.focal_gamma
        return (1 - true_probability).clamp_min(0) ** gamma if gamma else 1.0
