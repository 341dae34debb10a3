"""What moves the weights: initialisation, optimiser and learning-rate schedule, by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from core.config import TrainingConfig
from core.errors import unknown

_MATRICES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "xavier": nn.init.xavier_uniform_,
    "kaiming": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
    "truncated_normal": lambda w: nn.init.trunc_normal_(w, std=0.02),
}


def initialise(model: nn.Module, name: str) -> None:
    """Set the weights of linear and convolution layers that are trained; ``default`` leaves the layers' own.

    Modules that carry pretrained weights say so by an attribute ``pretrained = True`` and are left alone.
    """
    if name == "default":
        return
    if name not in _MATRICES:
        raise unknown("initialisation", name, ["default", *_MATRICES])
    kept = {id(p) for m in model.modules() if getattr(m, "pretrained", False) for p in m.parameters()}
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and id(module.weight) not in kept:
            _MATRICES[name](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW; biases and norms are not decayed.

    Raises:
        ConfigError: for an unknown name.
    """
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for _, p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for _, p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=config.learning_rate)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    raise unknown("optimizer", config.optimizer, ["sgd", "adam", "adamw"])


def build_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig, steps: int) -> LambdaLR:
    """Linear warm-up, then cosine decay to zero or a constant rate, over all ``steps`` of the run.

    Raises:
        ConfigError: for an unknown name.
    """
    if config.schedule not in ("cosine", "constant"):
        raise unknown("schedule", config.schedule, ["cosine", "constant"])
    warm = max(1, round(config.warmup * steps))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return (
            0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) if config.schedule == "cosine" else 1.0
        )

    return LambdaLR(optimizer, factor)
