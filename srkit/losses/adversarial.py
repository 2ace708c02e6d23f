"""The adversarial terms: what the discriminator learns, and what the generator learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError, nearest_known


class Game(Protocol):
    """A pair of terms on logits ``(N, 1)``, or ``(N, 1, *spatial)`` of a patch discriminator; both return a scalar.

    `relativistic` says whether the generator's term needs the real images' logits too.
    """

    relativistic: bool

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        """Return what the generator minimises."""
        ...

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return what the discriminator minimises."""
        ...


class NonSaturating:
    """The paper's game: ``-log D(G)`` for the generator, cross-entropy for the discriminator, both on logits."""

    relativistic = False

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        """Return the mean of ``-log sigmoid(fake)``."""
        del real_logits
        return F.softplus(-fake_logits).mean()

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the mean of ``-log sigmoid(real)`` plus that of ``-log(1 - sigmoid(fake))``."""
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


class RelativisticAverage:
    """ESRGAN's game: a real image is to be more real than fakes on average (Jolicoeur-Martineau 2018, RaSGAN)."""

    relativistic = True

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        """Return the discriminator's term with the sides changed."""
        if real_logits is None:
            raise RecipeError("the relativistic game needs the logits of real images in the generator's term too")
        return self.discriminator(fake_logits, real_logits)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the mean of ``-log sigmoid(real - mean fake)`` plus that of ``-log sigmoid(mean real - fake)``."""
        real, fake = real_logits - fake_logits.mean(), fake_logits - real_logits.mean()
        return F.softplus(-real).mean() + F.softplus(fake).mean()


class Hinge:
    """The hinge game (Lim and Ye 2017): the discriminator stops caring beyond a margin of 1."""

    relativistic = False

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        """Return the negative mean of the fakes' logits."""
        del real_logits
        return -fake_logits.mean()

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the mean of ``max(0, 1 - real)`` plus that of ``max(0, 1 + fake)``."""
        return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()


GAMES: Mapping[str, type[Game]] = {
    "nonsaturating": NonSaturating,
    "relativistic": RelativisticAverage,
    "hinge": Hinge,
}


class AdversarialLoss(nn.Module):
    """Both terms of a game, by its name. Computed in float32: a softplus of half-precision logits loses its tail.

    `r1` weighs the penalty ``r1/2 |dD/dx|^2`` on real images that the discriminator's term gets (Mescheder et al.
    2018); 0 for none.
    """

    def __init__(self, game: str = "nonsaturating", r1: float = 0.0) -> None:
        super().__init__()
        if not 0 <= r1 < float("inf"):
            raise RecipeError(f"r1 {r1!r} of loss 'adversarial' is not a number of at least 0")
        self.r1 = float(r1)
        if game not in GAMES:
            raise RecipeError(f"no adversarial game {game!r} (known: {', '.join(GAMES)}){nearest_known(game, GAMES)}")
        self._game = GAMES[game]()

    @property
    def relativistic(self) -> bool:
        """Whether `generator` needs the logits of real images."""
        return self._game.relativistic

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return the generator's term, a scalar."""
        return self._game.generator(fake_logits.float(), None if real_logits is None else real_logits.float())

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the discriminator's term, a scalar."""
        return self._game.discriminator(real_logits.float(), fake_logits.float())


def r1_penalty(logits: Tensor, real: Tensor) -> Tensor:
    """Return the mean over images of the squared gradient of their logits, ``real`` being what they were computed of.

    Of a patch discriminator the logits of an image are averaged first: the score is one number per image.
    """
    score = logits.float().flatten(1).mean(dim=1).sum()
    (gradient,) = torch.autograd.grad(score, real, create_graph=True)
    return gradient.float().square().flatten(1).sum(dim=1).mean()
