"""Who learns in a phase: a generator, and where a loss asks for it a discriminator, each with its own optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from srkit.errors import DivergedError
from srkit.losses.adversarial import Game


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A weighted loss, ``compute(sr, hr)`` to a scalar, both ``(N, C, *spatial)`` in network range."""

    name: str
    weight: float
    compute: Callable[[Tensor, Tensor], Tensor]


class Player:
    """A network that minimises the weighted sum of its terms with its own optimiser."""

    def __init__(self, name: str, network: nn.Module, terms: Sequence[Term], optimizer: Optimizer) -> None:
        self.name = name
        self.network = network
        self.terms = tuple(terms)
        self.optimizer = optimizer

    def play(self, sr: Tensor, hr: Tensor) -> dict[str, float]:
        """Take one step; return the unweighted losses by name.

        Raises DivergedError for a loss that is no number, before anything has changed.
        """
        losses = {term.name: term.compute(sr, hr) for term in self.terms}
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise DivergedError(
                    f"loss {name!r} became {value}; resume from the last checkpoint with a lower learning rate"
                )
        total = torch.stack([term.weight * losses[term.name].float() for term in self.terms]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return values


def adversarial_terms(name: str, weight: float, loss: Game, discriminator: nn.Module) -> tuple[Term, Term]:
    """Return the generator's and the discriminator's term of an adversarial loss."""

    def of_generator(sr: Tensor, hr: Tensor) -> Tensor:
        with frozen(discriminator):
            real = discriminator(hr) if loss.relativistic else None
            return loss.generator(discriminator(sr), real)

    def of_discriminator(sr: Tensor, hr: Tensor) -> Tensor:
        return loss.discriminator(discriminator(hr), discriminator(sr.detach()))

    return Term(name, weight, of_generator), Term("discriminator", 1.0, of_discriminator)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Keep gradients from the parameters of `network`, not from its input."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put `network` into evaluation mode without gradients, and back."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)
