"""Who learns: weighted losses, clipped gradients, penalties, and no step by a gradient that is no number."""

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from srkit.errors import DivergedError
from srkit.losses.adversarial import AdversarialLoss
from srkit.training.learning.outcome import Outcome
from srkit.training.learning.parts import Part
from srkit.training.learning.players import Player, Term, adversarial_terms, evaluating
from srkit.training.processes.world import World


def played(player: Player) -> Outcome:
    """Let a player take a step, and return what it came to."""
    learnt = player.learn([Part(player.network(torch.ones(1, 1)), torch.zeros(1, 1))])
    return Outcome([player.move(learnt, World())], torch.zeros(()), patience=1)


def test_losses_are_weighted_but_reported_as_they_are():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    term = Term("pixel", 0.25, lambda sr, hr: (sr - hr).abs().mean())
    player = Player("generator", network, [term], SGD(network.parameters(), lr=1.0, fused=True))
    assert played(player).losses == {"pixel": 1.0}
    assert network.weight.item() == pytest.approx(0.75)


def test_a_loss_that_is_no_number_changes_no_weight():
    network = nn.Linear(1, 1)
    before = network.weight.clone()
    term = Term("pixel", 1.0, lambda sr, hr: sr.sum() * float("nan"))
    player = Player("generator", network, [term], SGD(network.parameters(), lr=1.0, fused=True))
    with pytest.raises(DivergedError, match="'pixel' became nan"):
        played(player).check()
    assert torch.equal(network.weight, before)


def test_a_gradient_that_is_no_number_changes_no_weight():
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.clone()
    term = Term("pixel", 1.0, lambda sr, hr: (sr - sr.detach()).sqrt().sum())
    player = Player("generator", network, [term], SGD(network.parameters(), lr=1.0, fused=True))
    with pytest.raises(DivergedError, match="gradient of the generator became"):
        played(player).check()
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_a_step_that_was_left_out_leaves_no_trace(kind: type[Optimizer]):
    """Weights and the optimiser's state are those of a run in which the bad batch never was."""
    after = []
    for factors in ([1.0, float("nan"), 2.0], [1.0, 2.0]):
        network = nn.Linear(1, 1)
        nn.init.constant_(network.weight, 1.0)
        nn.init.constant_(network.bias, 1.0)
        each = iter(factors)
        term = Term("pixel", 1.0, lambda sr, hr, each=each: next(each) * sr.square().mean())
        player = Player("generator", network, [term], kind(network.parameters(), lr=0.1, fused=True))
        for _ in factors:
            played(player)
        states = player.optimizer.state_dict()["state"].values()
        after.append([*network.parameters(), *(tensor for state in states for tensor in state.values())])
    assert len(after[0]) == 8
    assert all(torch.equal(a, b) for a, b in zip(*after, strict=True))


@pytest.mark.parametrize(("clip", "expected"), [(None, 6.0), (2.0, 2.0), (10.0, 6.0)])
def test_gradients_are_clipped_to_a_norm(clip, expected):
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    term = Term("pixel", 6.0, lambda sr, hr: sr.sum())
    player = Player("generator", network, [term], SGD(network.parameters(), lr=1.0, fused=True), clip=clip)
    outcome = played(player)
    assert network.weight.item() == pytest.approx(-expected, rel=1e-5)
    assert outcome.health["generator gradient"] == pytest.approx(6.0)


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


def test_the_adversarial_weight_rises_evenly():
    term = Term("adversarial", 0.5, lambda sr, hr: sr.sum(), ramp=4)
    assert [term.weight_at(step) for step in range(6)] == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]


def test_r1_is_the_squared_gradient_on_real_images():
    weights = torch.tensor([[1.0, 2.0, 2.0]])
    discriminator = nn.Linear(3, 1)
    with torch.no_grad():
        discriminator.weight.copy_(weights)
    _, plain = adversarial_terms("a", 1.0, AdversarialLoss(), discriminator)
    _, penalised = adversarial_terms("a", 1.0, AdversarialLoss(r1=4.0), discriminator)
    sr, hr = torch.randn(5, 3), torch.randn(5, 3)
    assert float((penalised.compute(sr, hr) - plain.compute(sr, hr)).detach()) == pytest.approx(4 / 2 * 9, rel=1e-5)


def test_batch_norm_is_in_evaluation_mode_while_validating():
    network = nn.BatchNorm2d(1).train()
    with evaluating(network):
        assert not network.training
        network(torch.randn(4, 1, 2, 2))
    assert network.training
    assert network.running_mean.item() == 0
