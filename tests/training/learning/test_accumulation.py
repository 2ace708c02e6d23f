"""A batch in parts teaches what the whole batch would; where memory runs out, it is taken in parts."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from srkit.data.loader import Batch
from srkit.errors import OutOfMemoryError
from srkit.losses.adversarial import AdversarialLoss
from srkit.losses.content import L1Loss
from srkit.training import resolve_recipe, train
from srkit.training.learning.compute import Compute
from srkit.training.learning.phase import Phase
from srkit.training.learning.players import Player, Term, adversarial_terms


class Cramped(nn.Module):
    """A convolution that finds memory for so many images only."""

    def __init__(self, room: int, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Conv2d(1, 1, 3, padding=1)
        self.room = room

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.layer(x)


def batch(images: int = 5, *, valid: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(1)
    lr, hr = (torch.randn(images, 1, 6, 6, generator=generator) for _ in range(2))
    return Batch(lr, hr, torch.rand(images, 1, 6, 6, generator=generator) > 0.3 if valid else None)


def phase(room: int, *, parts: int = 1, adversarial: bool = False, critic_room: int = 99) -> Phase:
    network, critic = Cramped(room), Cramped(critic_room, seed=3)
    terms = [Term("pixel", 1.0, L1Loss())]
    players = [Player("generator", network, terms, SGD(network.parameters(), lr=1e-2, fused=True))]
    if adversarial:
        own, other = adversarial_terms("game", 0.5, AdversarialLoss(), critic)
        terms = [*terms, own]
        players = [
            Player("discriminator", critic, [other], SGD(critic.parameters(), lr=1e-2, fused=True)),
            Player("generator", network, terms, SGD(network.parameters(), lr=1e-2, fused=True)),
        ]
    return Phase(
        "p", steps=9, learning_rate_at=lambda step: 1e-2, generator=network, players=players,
        compute=Compute(torch.device("cpu")), parts=parts,
    )  # fmt: skip


def after(found: Phase, steps: int = 3, **more: bool) -> tuple[list[float], list[torch.Tensor]]:
    losses = [value for step in range(steps) for value in found.step(batch(**more), step).losses.values()]
    return losses, [p.detach() for player in found.players for p in player.network.parameters()]


@pytest.mark.parametrize("adversarial", [False, True])
@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("parts", [2, 3, 5, 8])
def test_parts_teach_what_the_whole_batch_does(parts: int, valid: bool, adversarial: bool) -> None:
    whole = after(phase(99, adversarial=adversarial), valid=valid)
    divided = after(phase(-(-5 // min(parts, 5)), parts=parts, adversarial=adversarial), valid=valid)
    torch.testing.assert_close(divided[0], whole[0], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(divided[1], whole[1], atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(("room", "parts"), [(3, 2), (2, 4), (1, 5)])
def test_too_little_memory_divides_the_batch_and_says_so(room: int, parts: int, caplog) -> None:
    cramped = phase(room)
    found = after(cramped)
    torch.testing.assert_close(found, after(phase(99)), atol=1e-6, rtol=1e-5)
    assert cramped.parts == parts
    assert f"worked on in {parts} parts" in caplog.text


def test_a_player_that_has_played_does_not_play_again(caplog) -> None:
    """Memory runs out for the generator after the discriminator has learnt: its real images are seen once more."""
    whole = after(phase(99, adversarial=True))
    found = phase(99, adversarial=True)
    room = iter([99, 2, *[99] * 99])
    found.players[1].terms[0].compute.register_forward_pre_hook(lambda *_: shortage(next(room)))
    torch.testing.assert_close(after(found), whole, atol=1e-6, rtol=1e-5)
    assert found.parts == 2


def shortage(room: int) -> None:
    if room < 5:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")


def test_a_patch_that_is_too_large_alone_ends_the_run() -> None:
    with pytest.raises(OutOfMemoryError, match="single patch"):
        phase(0).step(batch(), 0)


def test_other_failures_are_not_taken_for_a_lack_of_memory() -> None:
    broken = phase(99)
    broken.players[0].network.layer.weight = nn.Parameter(torch.zeros(1, 2, 3, 3))
    with pytest.raises(RuntimeError, match="channels"):
        broken.step(batch(), 0)


def test_a_recipe_may_ask_for_parts(toy_plugins, toy_data, tmp_path) -> None:
    changes = ["phases.0.steps=2", "validate_every=0", "samples_every=0", "data.batch=4", "data.accumulate=3"]
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=changes)
    assert train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins).steps == 2
