"""From a recipe to networks and phases."""

import pytest
import torch
from safetensors.torch import save_file

from srkit.errors import RecipeError
from srkit.training import resolve_recipe
from srkit.training.learning.building import build_networks, build_phases
from srkit.training.learning.compute import Compute
from srkit.training.processes.world import World

CPU = Compute(torch.device("cpu"))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["network.name=srresnett"], "did you mean 'srresnet'"),
        (["network.name=vgg"], "no generator 'vgg'"),
        (["network.parameters.ndim=3"], "'ndim' follows from"),
        (["network.parameters.featurs=3"], "has no parameter 'featurs'; did you mean 'features'?"),
        (["network.parameters.qqq=3"], "has no parameter 'qqq' (known: channels, features, blocks,"),
        (["losses.pixel.kind=l3"], "no kind of loss 'pixel' 'l3'"),
        (["losses.pixel={kind: l1, epss: 1}"], "loss 'pixel' has no parameter 'epss'; it has none"),
        (["losses.pixel={kind: adversarial, gam: hinge}"], "has no parameter 'gam'; did you mean 'game'?"),
    ],
)
def test_what_cannot_be_built_is_a_mistake_of_the_recipe(toy_plugins, overrides, words):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=overrides)
    with pytest.raises(RecipeError) as caught:
        build_networks(toy_plugins, recipe, 1, CPU)
    assert words in str(caught.value)


def test_a_network_is_built_for_the_recipes_scale_and_axes(toy_plugins):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=["scale=[1,1,4]"])
    generator = build_networks(toy_plugins, recipe, 2, CPU).generator
    assert (generator.ndim, generator.scale, generator.channels) == (3, (4, 1, 1), 2)


def test_only_a_phase_with_an_adversarial_loss_has_two_players(toy_plugins, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "domain: toy\ndiscriminator: {name: vgg, parameters: {features: 2, dense: 4, pooled: 1}}\n"
        "losses: {pixel: {kind: l1}, adversarial: {kind: adversarial}}\n"
        "phases: [{name: a, steps: 1, losses: {pixel: 1}}, {name: b, steps: 1, losses: {pixel: 1, adversarial: 1}}]\n"
    )
    recipe = resolve_recipe(toy_plugins, path)
    phases = build_phases(recipe, build_networks(toy_plugins, recipe, 1, CPU), CPU)
    assert [[player.name for player in phase.players] for phase in phases] == [
        ["generator"],
        ["discriminator", "generator"],
    ]
    assert [phase.perceptual for phase in phases] == [False, True]


class Told(World):
    """Notes which networks are spread."""

    def __init__(self):
        self.networks = []

    def spread(self, network):
        self.networks.append(network)


def test_a_frozen_perceptual_network_takes_no_part_in_what_processes_exchange(toy_plugins, tmp_path):
    weights = {
        f"{name}.{kind}": torch.rand(64, seen, 3, 3) if kind == "weight" else torch.zeros(64)
        for name, seen in (("conv1_1", 3), ("conv1_2", 64))
        for kind in ("weight", "bias")
    }
    save_file(weights, tmp_path / "w.safetensors")
    looks = f"losses.looks={{kind: stvgg16, weights: {tmp_path / 'w.safetensors'}, layers: relu1_2}}"
    weighed = "phases.0.losses={pixel: 1, looks: 1}"
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=[looks, weighed])
    told = Told()
    networks = build_networks(toy_plugins, recipe, 1, Compute(torch.device("cpu"), world=told))
    (phase,) = build_phases(recipe, networks, CPU)
    frozen = {id(p) for p in networks.losses["looks"].parameters()}
    assert len(frozen) >= 4
    assert not any(p.requires_grad for p in networks.losses["looks"].parameters())
    assert frozen.isdisjoint(id(p) for player in phase.players for p in player.network.parameters())
    assert told.networks == [networks.generator]
