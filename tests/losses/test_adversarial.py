import pytest
import torch
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.losses.adversarial import AdversarialLoss, r1_penalty

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


def test_the_relativistic_game_is_esrgans() -> None:
    """ESRGAN, equations 1 and 2: D(a, b) = sigmoid(C(a) - mean C(b))."""
    real, fake = torch.sigmoid(REAL - FAKE.mean()), torch.sigmoid(FAKE - REAL.mean())
    loss = AdversarialLoss("relativistic")
    assert loss.relativistic
    torch.testing.assert_close(loss.discriminator(REAL, FAKE), -real.log().mean() - (1 - fake).log().mean())
    torch.testing.assert_close(loss.generator(FAKE, REAL), -(1 - real).log().mean() - fake.log().mean())


def test_the_relativistic_game_needs_real_logits() -> None:
    with pytest.raises(RecipeError, match="real images"):
        AdversarialLoss("relativistic").generator(FAKE)


def test_the_hinge_game_has_a_margin_of_one() -> None:
    loss = AdversarialLoss("hinge")
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((0 + 2) / 2 + (1.5 + 0) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx(1.25)


def test_the_penalty_of_a_patch_discriminator_is_that_of_its_mean_logit() -> None:
    for size in (2, 8):
        real = torch.ones(3, 1, size, size, requires_grad=True)
        penalty = r1_penalty(5 * real, real)  # the mean of an image's logits has the gradient 5 / pixels everywhere
        assert float(penalty.detach()) == pytest.approx(25 / size**2)


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(RecipeError, match="r1 -1"):
        AdversarialLoss(r1=-1)
