"""The network that all enlarge with: SRResNet of the SRGAN paper, x4, RGB, with random weights."""

from __future__ import annotations

import torch
from torch import nn

from srkit.networks.srresnet import SRResNet

LOW, HIGH = 0, 65535
"""Values of a scene, which the network sees as -1 to 1."""
NORMALIZER = {"kind": "range", "low": LOW, "high": HIGH}
MACS = 2_218_000
"""Multiplications of the network for each LR pixel, before any rewriting."""


def network() -> nn.Module:
    """Return the network; its norms are not at their start, so that folding them is no trifle."""
    torch.manual_seed(0)
    made = SRResNet()
    random = torch.Generator().manual_seed(0)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.05, generator=random)
            module.running_var.uniform_(0.25, 0.75, generator=random)
    return made.eval().requires_grad_(False)
