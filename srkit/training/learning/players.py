"""Who learns in a phase: a generator, and where a loss asks for it a discriminator, each with its own optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from srkit.errors import DivergedError
from srkit.losses.adversarial import Game, r1_penalty
from srkit.training.learning.parts import Part
from srkit.training.processes.sharding import in_whole, is_share
from srkit.training.processes.world import World


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A weighted loss, ``compute(sr, hr)`` to a scalar, both ``(N, C, *spatial)`` in network range.

    Over the first `ramp` steps of a phase the weight rises evenly from nothing. `health` holds figures of the last
    computation that tell how a game stands.
    """

    name: str
    weight: float
    compute: Callable[[Tensor, Tensor], Tensor]
    ramp: int = 0
    health: dict[str, float] = field(default_factory=dict)

    def weight_at(self, step: int) -> float:
        """Return the weight in a step of the phase, the first being 0."""
        return self.weight * min(1.0, (step + 1) / self.ramp) if self.ramp else self.weight


class Player:
    """A network that minimises the weighted sum of its terms with its own optimiser.

    With `clip` the gradient is shortened to that norm at most. `health` tells of the last step: the gradient's norm
    before it was clipped, and what the terms have to say.
    """

    def __init__(
        self, name: str, network: nn.Module, terms: Sequence[Term], optimizer: Optimizer, *, clip: float | None = None
    ) -> None:
        self.name = name
        self.clip = clip
        self.health: dict[str, float] = {}
        self.network = network
        self.terms = tuple(terms)
        self.optimizer = optimizer

    def play(self, parts: Iterable[Part], step: int = 0, world: World | None = None) -> dict[str, float]:
        """Take step number `step` of a phase on the parts of a batch; return the unweighted losses by name.

        The gradient is that of the whole batch: only what is computed over many images (batch normalisation, the means
        of a relativistic game) sees the parts. Raises DivergedError for a loss or a gradient that is no number, before
        any weight has changed.
        """
        return self.move(self.learn(parts, step), world or World())

    def learn(self, parts: Iterable[Part], step: int) -> dict[str, float]:
        """Gather the gradient of this process's batch; return the unweighted losses by name."""
        self.optimizer.zero_grad(set_to_none=True)
        values = dict.fromkeys((term.name for term in self.terms), 0.0)
        self.health = {}
        for part in parts:
            losses = {term.name: part.share * term.compute(part.sr, part.hr).float() for term in self.terms}
            for name, loss in losses.items():
                values[name] += float(loss.detach())
            for name, value in chain.from_iterable(term.health.items() for term in self.terms):
                self.health[name] = self.health.get(name, 0.0) + part.share * value
            total = torch.stack([term.weight_at(step) * losses[term.name] for term in self.terms]).sum()
            total.backward()  # type: ignore[no-untyped-call]
        return values

    def move(self, losses: Mapping[str, float], world: World) -> dict[str, float]:
        """Change the weights by the gradient of all processes; return the means of their losses."""
        means = world.mean({**losses, **self.health})
        found = {name: _number(name, means[name]) for name in losses}
        world.average_gradients(
            p for p in self.network.parameters() if not is_share(p.grad)
        )  # FSDP has averaged its own
        self.health = {f"{self.name} gradient": self._checked_gradient(), **{name: means[name] for name in self.health}}
        self.optimizer.step()
        return found

    def _checked_gradient(self) -> float:
        """Return the norm of the gradient, which is then clipped where that is asked for."""
        norm = float(in_whole(nn.utils.clip_grad_norm_(self.network.parameters(), self.clip or math.inf)))
        if not math.isfinite(norm):
            raise DivergedError(
                f"the gradient of the {self.name} became {norm}; resume from the last checkpoint with a lower "
                "learning rate, or set gradient_clip"
            )
        return norm


def _number(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise DivergedError(f"loss {name!r} became {value}; resume from the last checkpoint with a lower learning rate")
    return value


def adversarial_terms(
    name: str, weight: float, loss: Game, discriminator: nn.Module, *, ramp: int = 0
) -> tuple[Term, Term]:
    """Return the generator's and the discriminator's term of an adversarial loss.

    The discriminator's term tells the mean probability that it gives real and fake images to be real.
    """
    health: dict[str, float] = {}
    penalty = float(getattr(loss, "r1", 0.0))

    def of_generator(sr: Tensor, hr: Tensor) -> Tensor:
        with frozen(discriminator):
            real = discriminator(hr) if loss.relativistic else None
            return loss.generator(discriminator(sr), real)

    def of_discriminator(sr: Tensor, hr: Tensor) -> Tensor:
        real = hr.detach().requires_grad_() if penalty else hr
        real_logits, fake_logits = discriminator(real), discriminator(sr.detach())
        with torch.no_grad():
            health["D(real)"] = float(torch.sigmoid(real_logits.float()).mean())
            health["D(fake)"] = float(torch.sigmoid(fake_logits.float()).mean())
        found = loss.discriminator(real_logits, fake_logits)
        return found + penalty / 2 * r1_penalty(real_logits, real) if penalty else found

    own = Term(name, weight, of_generator, ramp)
    return own, Term("discriminator", 1.0, of_discriminator, health=health)


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
