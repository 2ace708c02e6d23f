"""The parts of a run, each alone: players, phases, pictures, records."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from srkit.data.loader import Batch
from srkit.data.pairs import Pair
from srkit.errors import DivergedError, RecipeError
from srkit.losses.adversarial import AdversarialLoss
from srkit.training import resolve_recipe
from srkit.training.learning.building import build_networks, build_phases
from srkit.training.learning.compute import Compute, choose_compute
from srkit.training.learning.parts import Part, known_target
from srkit.training.learning.players import Player, Term, adversarial_terms, evaluating
from srkit.training.observing.records import Log
from srkit.training.observing.samples import sample_row
from srkit.training.observing.validation import HeldOut, figures
from srkit.training.processes.world import World
from srkit.training.running.modelling import portable

CPU = Compute(torch.device("cpu"))


class Identity:
    """A normaliser that changes nothing."""

    def normalise(self, values):
        return values.astype(np.float32)

    def denormalise(self, sr, interpolated):
        return sr


def held_out(lr, hr, valid=None):
    return HeldOut(0, Pair(lr, hr, valid), Identity(), 1.0, (2, 2))


def test_losses_are_weighted_but_reported_as_they_are():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    term = Term("pixel", 0.25, lambda sr, hr: (sr - hr).abs().mean())
    player = Player("generator", network, [term], torch.optim.SGD(network.parameters(), lr=1.0))
    losses = player.play([Part(network(torch.ones(1, 1)), torch.zeros(1, 1))])
    assert losses == {"pixel": 1.0}
    assert network.weight.item() == pytest.approx(0.75)


def test_a_loss_that_is_no_number_changes_no_weight():
    network = nn.Linear(1, 1)
    before = network.weight.clone()
    term = Term("pixel", 1.0, lambda sr, hr: sr.sum() * float("nan"))
    player = Player("generator", network, [term], torch.optim.SGD(network.parameters(), lr=1.0))
    with pytest.raises(DivergedError, match="'pixel' became nan"):
        player.play([Part(network(torch.ones(1, 1)), torch.zeros(1, 1))])
    assert torch.equal(network.weight, before)


def test_the_generators_term_gives_the_discriminator_no_gradient():
    discriminator = nn.Linear(1, 1)
    own, other = adversarial_terms("adversarial", 1.0, AdversarialLoss(), discriminator)
    sr = torch.ones(2, 1, requires_grad=True)
    own.compute(sr, torch.zeros(2, 1)).backward()
    assert sr.grad is not None
    assert discriminator.weight.grad is None
    sr.grad = None
    other.compute(sr, torch.zeros(2, 1)).backward()
    assert sr.grad is None
    assert discriminator.weight.grad is not None


def test_where_hr_is_unknown_there_is_no_error_and_no_gradient():
    valid = torch.tensor([[[[True, False]]]])
    batch = Batch(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 2), 9.0), valid)
    sr = torch.zeros(1, 1, 1, 2, requires_grad=True)
    nn.functional.l1_loss(sr, known_target(sr, batch), reduction="sum").backward()
    assert sr.grad.tolist() == [[[[-1.0, 0.0]]]]


def test_batch_norm_is_in_evaluation_mode_while_validating():
    network = nn.BatchNorm2d(1).train()
    with evaluating(network):
        assert not network.training
        network(torch.randn(4, 1, 2, 2))
    assert network.training
    assert network.running_mean.item() == 0


def test_figures_are_those_of_skimage_over_the_patches_of_an_item(toy_plugins):
    from srkit import plugins as verbs

    rng = np.random.default_rng(0)
    patches = [held_out(rng.random((1, 8, 8)), rng.random((1, 16, 16))) for _ in range(2)]
    found = figures(patches, lambda patch: patch.interpolated("nearest"), verbs.metrics(toy_plugins))
    errors = [patch.interpolated("nearest") - patch.pair.hr for patch in patches]
    assert found["psnr"] == pytest.approx(-10 * np.log10(np.mean(np.square(errors))))


def test_a_sample_shows_lr_interpolated_sr_hr_and_the_error_side_by_side():
    hr = np.linspace(0, 1, 64).reshape(1, 8, 8)
    row = sample_row(held_out(hr[:, ::2, ::2], hr), hr)
    assert row.shape == (8, 5 * 8 + 4 * 4, 3)
    np.testing.assert_array_equal(row[:, 24:32], row[:, 36:44])
    assert not row[:, 48:].any()
    off = sample_row(held_out(hr[:, ::2, ::2], hr), hr + 0.1)
    assert np.abs(off[:, 48:] - 0.5 * 255).max() <= 2
    np.testing.assert_array_equal(row[::2, 0:8:2], row[1::2, 1:8:2])


def test_a_log_forgets_what_a_checkpoint_does_not_know(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (0, 1, 2, 3)) + '{"st')
    Log(path, 1, after=2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_a_portable_recipe_has_no_paths(toy_plugins, tmp_path):
    overrides = (f"data.path={tmp_path}", f"data.split_file={tmp_path}/s.csv", f"losses.pixel.weights={tmp_path}/w.pth")
    content = portable(resolve_recipe(toy_plugins, domain="toy", overrides=overrides))
    assert str(tmp_path) not in json.dumps(content)
    assert content["losses"]["pixel"]["weights"] == "w.pth"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["network.name=srresnett"], "did you mean 'srresnet'"),
        (["network.name=vgg"], "no generator 'vgg'"),
        (["network.parameters.ndim=3"], "'ndim' follows from"),
        (["network.parameters.depth=3"], "depth"),
        (["losses.pixel.kind=l3"], "no kind of loss 'pixel' 'l3'"),
        (["losses.pixel.weight=3"], "weight"),
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


class Told(World):
    """Notes which networks are spread."""

    def __init__(self):
        self.networks = []

    def spread(self, network):
        self.networks.append(network)


def test_a_device_that_is_not_there_is_a_mistake_of_the_recipe(toy_plugins):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=["device=cuda:77"])
    with pytest.raises(RecipeError, match="cuda:77"):
        choose_compute(recipe)


def test_an_unknown_option_of_the_domain_is_refused(toy_plugins):
    with pytest.raises(RecipeError, match="did you mean 'invert'"):
        resolve_recipe(toy_plugins, domain="toy", overrides=["options.inver=true"])


def test_a_processor_trains_networks_of_volumes_in_fp32_unless_told_otherwise(toy_plugins, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    chosen = {
        (scale, precision): choose_compute(
            resolve_recipe(
                toy_plugins, domain="toy", overrides=(f"scale={scale}", f"precision={precision}", "device=cpu")
            )
        ).bf16
        for scale in ("2", "[2, 2, 2]")
        for precision in ("auto", "bf16")
    }
    assert chosen == {
        ("2", "auto"): True,
        ("2", "bf16"): True,
        ("[2, 2, 2]", "auto"): False,
        ("[2, 2, 2]", "bf16"): True,
    }
