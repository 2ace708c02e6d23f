import pytest
import torch
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.losses.adversarial import AdversarialLoss

REAL, FAKE = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.5], [-3.0]])


def test_the_generator_minimises_minus_log_d() -> None:
    judge = -torch.log(torch.sigmoid(FAKE)).mean()
    torch.testing.assert_close(AdversarialLoss().generator(FAKE), judge)


def test_the_discriminator_minimises_cross_entropy() -> None:
    judge = F.binary_cross_entropy_with_logits(REAL, torch.ones(2, 1)) + F.binary_cross_entropy_with_logits(
        FAKE, torch.zeros(2, 1)
    )
    torch.testing.assert_close(AdversarialLoss().discriminator(REAL, FAKE), judge)


def test_a_generator_that_is_seen_through_still_has_a_gradient() -> None:
    logits = torch.tensor([[-100.0]], requires_grad=True)
    AdversarialLoss().generator(logits).backward()
    assert float(logits.grad) == pytest.approx(-1)


def test_half_precision_logits_are_judged_in_float32() -> None:
    loss = AdversarialLoss().generator(torch.tensor([[12.0]], dtype=torch.bfloat16))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(6.14e-6, rel=0.01)


def test_an_unknown_game_is_refused() -> None:
    with pytest.raises(RecipeError, match="did you mean 'nonsaturating'"):
        AdversarialLoss("saturating")
