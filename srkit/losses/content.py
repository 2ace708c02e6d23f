"""Content losses: sample against sample."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError


class MSELoss(nn.Module):
    """Mean squared error: the highest PSNR, and the paper's pretraining."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean over all samples."""
        return F.mse_loss(sr, hr)


class L1Loss(nn.Module):
    """Mean absolute error: less afraid of edges."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean over all samples."""
        return F.l1_loss(sr, hr)


class CharbonnierLoss(nn.Module):
    """Mean of ``sqrt(d^2 + epsilon^2)``: absolute error with a smooth foot (Lai et al. 2017, LapSRN)."""

    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        if not epsilon > 0:
            raise RecipeError(f"epsilon {epsilon!r} of loss 'charbonnier' must be above 0")
        self.epsilon = epsilon

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean over all samples."""
        return torch.sqrt((sr - hr) ** 2 + self.epsilon**2).mean()
