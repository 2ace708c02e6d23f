import pytest
import torch

from srkit.errors import RecipeError
from srkit.losses.content import CharbonnierLoss, L1Loss, MSELoss


def test_content_losses_equal_their_formulas() -> None:
    sr, hr = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[0.0, 4.0]]]])
    assert float(MSELoss()(sr, hr)) == pytest.approx((1 + 4) / 2)
    assert float(L1Loss()(sr, hr)) == pytest.approx((1 + 2) / 2)
    assert float(CharbonnierLoss(epsilon=1.0)(sr, hr)) == pytest.approx((2**0.5 + 5**0.5) / 2)


def test_charbonniers_gradient_is_finite_where_images_agree() -> None:
    sr = torch.zeros(1, 1, 2, 2, requires_grad=True)
    CharbonnierLoss()(sr, torch.zeros(1, 1, 2, 2)).backward()
    assert torch.isfinite(sr.grad).all()


def test_epsilon_zero_is_refused() -> None:
    with pytest.raises(RecipeError, match="epsilon"):
        CharbonnierLoss(epsilon=0)
