"""The adversarial terms: what the discriminator learns, and what the generator learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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


GAMES: Mapping[str, type[Game]] = {"nonsaturating": NonSaturating}


class AdversarialLoss(nn.Module):
    """Both terms of a game, by its name. Computed in float32: a softplus of half-precision logits loses its tail."""

    def __init__(self, game: str = "nonsaturating") -> None:
        super().__init__()
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
