"""Who learns in a phase: a generator, and where a loss asks for it a discriminator, each with its own optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from srkit.losses.adversarial import Game, r1_penalty
from srkit.training.learning.outcome import Turn
from srkit.training.learning.parts import Part
from srkit.training.processes.sharding import in_whole, is_share
from srkit.training.processes.world import World


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A weighted loss, ``compute(sr, hr)`` to a scalar, both ``(N, C, *spatial)`` in network range.

    Over the first `ramp` steps of a phase the weight rises evenly from nothing. `health` holds scalars of the last
    computation, on its device, that tell how a game stands.
    """

    name: str
    weight: float
    compute: Callable[[Tensor, Tensor], Tensor]
    ramp: int = 0
    health: dict[str, Tensor] = field(default_factory=dict)

    def weight_at(self, step: int) -> float:
        """Return the weight in a step of the phase, the first being 0."""
        return self.weight * min(1.0, (step + 1) / self.ramp) if self.ramp else self.weight


@dataclass(frozen=True, eq=False, slots=True)
class Learnt:
    """What a player found out about a batch: unweighted losses, and what its terms tell; scalars on the device."""

    losses: Mapping[str, Tensor]
    health: Mapping[str, Tensor]


class Player:
    """A network that minimises the weighted sum of its terms with its own optimiser.

    With `clip` the gradient is shortened to that norm at most. The optimiser is one of torch's fused ones, which can
    leave out a step without anybody's asking.
    """

    def __init__(
        self, name: str, network: nn.Module, terms: Sequence[Term], optimizer: Optimizer, *, clip: float | None = None
    ) -> None:
        self.name = name
        self.clip = clip
        self.network = network
        self.terms = tuple(terms)
        self.optimizer = optimizer

    def learn(self, parts: Iterable[Part], step: int = 0) -> Learnt:
        """Gather the gradient of this process's batch for step number `step` of a phase.

        The gradient is that of the whole batch: only what is computed over many images (batch normalisation, the means
        of a relativistic game) sees the parts.
        """
        self.optimizer.zero_grad(set_to_none=True)
        losses: dict[str, Tensor] = {}
        health: dict[str, Tensor] = {}
        for part in parts:
            found = {term.name: part.share * term.compute(part.sr, part.hr).float() for term in self.terms}
            _add(losses, found)
            _add(health, {name: part.share * told for term in self.terms for name, told in term.health.items()})
            total = torch.stack([term.weight_at(step) * found[term.name] for term in self.terms]).sum()
            total.backward()  # type: ignore[no-untyped-call]
        return Learnt(losses, health)

    def move(self, learnt: Learnt, world: World) -> Turn:
        """Change the weights by the gradient of all processes; not where it, or a loss, is no number."""
        world.average_gradients(
            p for p in self.network.parameters() if not is_share(p.grad)
        )  # FSDP has averaged its own
        norm = in_whole(nn.utils.clip_grad_norm_(self.network.parameters(), self.clip or math.inf)).detach()
        sound = torch.isfinite(torch.stack([*learnt.losses.values(), norm])).all()
        self.optimizer.found_inf = (~sound).float()  # type: ignore[attr-defined]  # as torch's GradScaler tells it
        self.optimizer.step()
        return Turn(self.name, learnt.losses, learnt.health, norm)


def _add(sums: dict[str, Tensor], numbers: Mapping[str, Tensor]) -> None:
    for name, number in numbers.items():
        sums[name] = sums[name] + number.detach() if name in sums else number.detach()


def adversarial_terms(
    name: str, weight: float, loss: Game, discriminator: nn.Module, *, ramp: int = 0
) -> tuple[Term, Term]:
    """Return the generator's and the discriminator's term of an adversarial loss.

    The discriminator's term tells the mean probability that it gives real and fake images to be real.
    """
    health: dict[str, Tensor] = {}
    penalty = float(getattr(loss, "r1", 0.0))

    def of_generator(sr: Tensor, hr: Tensor) -> Tensor:
        with frozen(discriminator):
            real = discriminator(hr) if loss.relativistic else None
            return loss.generator(discriminator(sr), real)

    def of_discriminator(sr: Tensor, hr: Tensor) -> Tensor:
        real = hr.detach().requires_grad_() if penalty else hr
        real_logits, fake_logits = discriminator(real), discriminator(sr.detach())
        with torch.no_grad():
            health["D(real)"] = torch.sigmoid(real_logits.float()).mean()
            health["D(fake)"] = torch.sigmoid(fake_logits.float()).mean()
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
