"""From a recipe to networks, losses and phases, by the names that plugins answer to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from srkit import plugins as verbs
from srkit.config import LossSection, OptimizerSection, PhaseSection, Recipe
from srkit.errors import RecipeError, nearest_known
from srkit.losses.adversarial import Game
from srkit.losses.perceptual import PerceptualLoss
from srkit.plugins import Plugins
from srkit.training.learning.average import Average
from srkit.training.learning.compute import Compute
from srkit.training.learning.phase import Phase
from srkit.training.learning.players import Player, Term, adversarial_terms
from srkit.training.processes.batch_norm import share_batch_norm
from srkit.training.processes.sharding import is_shared_out, shard, whole_tensors
from srkit.training.processes.world import World

Built = TypeVar("Built")
FILLED_IN = ("ndim", "scale")


@dataclass
class Networks:
    """The generator of a run, the discriminator where a phase needs one, and the running mean where one is wanted."""

    generator: nn.Module
    discriminator: nn.Module | None = None
    losses: dict[str, nn.Module] = field(default_factory=dict)
    average: Average | None = None
    copy: nn.Module | None = None

    @property
    def product(self) -> nn.Module:
        """What is validated and saved; where weights are shared out, as it was when it was last gathered."""
        return self._latest if self.copy is None else self.copy

    @property
    def _latest(self) -> nn.Module:
        return self.generator if self.average is None else self.average.network

    def share_out(self, world: World) -> None:
        """Leave each process its share of the generator; the leading one keeps a copy of what it validates."""
        if world.size > 1 and world.leads:
            self.copy = deepcopy(self._latest).requires_grad_(False)
        for network in {self.generator, self._latest}:
            shard(network, world)

    def gather(self) -> None:
        """Bring the leading process's copy up to date; all processes call it together."""
        if is_shared_out(self.generator):
            tensors = whole_tensors(self._latest)
            if self.copy is not None:
                self.copy.load_state_dict(tensors)


def build_networks(
    plugins: Plugins,
    recipe: Recipe,
    channels: int,
    compute: Compute,
    *,
    begin: Callable[[nn.Module], None] = lambda _: None,
) -> Networks:
    """Return networks and losses, with weights drawn from torch's global generator; `begin` may change the generator's.

    Everything that any phase needs is built at once: what is missing shows before the first step, not after the last
    of a week. Raises RecipeError for unknown names and parameters, MissingRequirementError for absent weights.
    """
    generator = _build_network(plugins, "generator", recipe, channels)
    begin(generator)
    if getattr(generator, "multiple_of", 1) > 1:
        _check_multiple(generator, recipe)
    used = {name for phase in recipe.phases for name in phase.losses}
    losses = {name: _build_loss(plugins, name, recipe.losses[name]) for name in sorted(used)}
    discriminator = None
    if any(is_adversarial(loss) for loss in losses.values()):
        discriminator = _placed(_build_network(plugins, "discriminator", recipe, channels), compute)
    generator = _placed(generator, compute)
    average = Average(generator, recipe.ema) if recipe.ema else None
    networks = Networks(generator, discriminator, {n: m.to(compute.device) for n, m in losses.items()}, average)
    if recipe.sharding == "full":
        networks.share_out(compute.world)
    return networks


def is_adversarial(loss: nn.Module) -> bool:
    """Tell whether a loss is a game against a discriminator: it then has two terms on logits."""
    return callable(getattr(loss, "generator", None)) and callable(getattr(loss, "discriminator", None))


def is_perceptual(loss: nn.Module) -> bool:
    """Tell whether a loss is after looks; one of a plugin says so by an attribute `perceptual`."""
    return is_adversarial(loss) or bool(getattr(loss, "perceptual", isinstance(loss, PerceptualLoss)))


def build_phases(recipe: Recipe, networks: Networks, compute: Compute) -> list[Phase]:
    """Return the phases of a recipe, all working on the same networks."""
    return [_build_phase(section, networks, compute, recipe.data.accumulate) for section in recipe.phases]


def _build_phase(section: PhaseSection, networks: Networks, compute: Compute, parts: int) -> Phase:
    terms: list[Term] = []
    opposing: list[Term] = []
    for name, weight in section.losses.items():
        loss = networks.losses[name]
        if is_adversarial(loss) and networks.discriminator is not None:
            own, other = adversarial_terms(
                name, weight, cast(Game, loss), networks.discriminator, ramp=section.adversarial_ramp
            )
            terms.append(own)
            opposing.append(other)
        else:
            terms.append(Term(name, weight, loss))
    optimizer, clip = _optimizer(section.optimizer, networks.generator), section.gradient_clip
    players = [Player("generator", networks.generator, terms, optimizer, clip=clip)]
    if len(opposing) > 1:
        raise RecipeError(f"phase {section.name!r} has {len(opposing)} adversarial losses; one discriminator plays one")
    if opposing and networks.discriminator is not None:
        optimizer = _optimizer(section.optimizer, networks.discriminator)
        players.insert(0, Player("discriminator", networks.discriminator, opposing, optimizer, clip=clip))
    return Phase(
        section.name,
        steps=section.steps,
        learning_rate_at=section.learning_rate_at,
        generator=networks.generator,
        players=players,
        compute=compute,
        average=networks.average,
        perceptual=any(is_perceptual(networks.losses[name]) for name in section.losses),
        parts=parts,
    )


def _optimizer(section: OptimizerSection, network: nn.Module) -> Optimizer:
    """Return the optimiser of a network, all of whose weights it moves in one pass (fused)."""
    numbers: dict[str, Any] = {"betas": section.betas, "eps": section.eps, "weight_decay": section.weight_decay}
    numbers["fused"] = True
    if section.name == "adamw":
        return AdamW(network.parameters(), **numbers)
    return Adam(network.parameters(), **numbers)


def _build_network(plugins: Plugins, kind: str, recipe: Recipe, channels: int) -> nn.Module:
    section = recipe.network if kind == "generator" else recipe.discriminator
    known = {name: factory for name, factory in verbs.networks(plugins).items() if factory.kind == kind}
    factory = _named(section.name, known, kind)
    fixed: dict[str, Any] = {"ndim": len(recipe.network_roles), "channels": channels}
    if kind == "generator":
        fixed["scale"] = recipe.network_scale
    for name in FILLED_IN:
        if name in section.parameters:
            raise RecipeError(f"{kind} {section.name!r}: {name!r} follows from the recipe's scale and roles; remove it")
    parameters = {**section.parameters, **fixed}
    return _called(factory.build, f"{kind} {section.name!r}", parameters)


def _build_loss(plugins: Plugins, name: str, section: LossSection) -> nn.Module:
    factory = _named(section.kind, verbs.losses(plugins), f"kind of loss {name!r}")
    return _called(factory.build, f"loss {name!r}", section.parameters)


def _named(name: str, known: Mapping[str, Built], what: str) -> Built:
    if name not in known:
        raise RecipeError(f"no {what} {name!r} (known: {', '.join(sorted(known))}){nearest_known(name, known)}")
    return known[name]


def _called(build: Callable[..., nn.Module], what: str, parameters: Mapping[str, Any]) -> nn.Module:
    """Return what `build` makes; a parameter that it does not take is the recipe's mistake."""
    try:
        return build(**parameters)
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown and unknown[1] in parameters:
            hint = _nearest_parameter(build, unknown[1])
            raise RecipeError(f"{what} has no parameter {unknown[1]!r}{hint}") from error
        raise RecipeError(f"{what} cannot be built with {', '.join(parameters)}: {error}") from error


def _nearest_parameter(build: Callable[..., nn.Module], given: str) -> str:
    """Return a hint to the parameter that is likely meant, where `build` says which it has."""
    parameters = inspect.signature(build).parameters.values()
    known = [p.name for p in parameters if p.name not in FILLED_IN and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return nearest_known(given, known) or (f" (known: {', '.join(known)})" if known else "; it has none")


def _placed(network: nn.Module, compute: Compute) -> nn.Module:
    """Return the network on the device in training mode, the same in all processes.

    Its weights are in the layout of `channels_last`, its batch normalisation is over the images of all processes.
    """
    network = share_batch_norm(network, compute.world).to(compute.device).train()
    compute.world.spread(network)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        elif parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


def _check_multiple(generator: nn.Module, recipe: Recipe) -> None:
    multiple = int(getattr(generator, "multiple_of", 1))
    for size, factor in zip(recipe.patch, recipe.network_scale, strict=True):
        if size // factor % multiple:
            raise RecipeError(
                f"network {recipe.network.name!r} needs LR patches of multiples of {multiple}; "
                f"set data.patch to a multiple of {multiple * factor}"
            )
