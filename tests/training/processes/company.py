"""What two processes find out together, and one alone, for test_world.py and test_company.py to compare.

`python company.py FOLDER` writes ``FOLDER/<two|one>/<rank>.pt`` and trains into ``FOLDER/runs/``. The processes are
forked: torch is imported but once.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD

from srkit.data.loader import Batch
from srkit.errors import DivergedError, OutOfMemoryError
from srkit.losses.adversarial import AdversarialLoss
from srkit.losses.content import L1Loss
from srkit.networks.rrdb import RRDBNet
from srkit.plugins import CORE, GROUP, load_plugins
from srkit.training import resolve_recipe, train
from srkit.training.learning.compute import Compute
from srkit.training.learning.phase import Phase
from srkit.training.learning.players import Player, Term, adversarial_terms
from srkit.training.processes.batch_norm import share_batch_norm
from srkit.training.processes.sharding import shard
from srkit.training.processes.world import World, joined

HEAVY = ("srkit.evaluation", "torch.distributed.fsdp", "torch.distributed.tensor", "torch.utils.tensorboard")
FORK = multiprocessing.get_context("fork")
IMAGES = 4
SHORT = (
    "network.parameters={features: 6, blocks: 2}",
    "ema=0.5",
    "log_every=1",
    "validate_every=2",
    "samples_every=4",
    "checkpoint_every=2",
    "data.batch=2",
)

ASTRAY = "losses.pixel={kind: faulty, first: 3, times: 1}"


class Small(nn.Module):
    """Two convolutions, with batch normalisation between them where that is wanted; memory for `room` images."""

    def __init__(self, seed: int, *, norm: bool, room: int = 99) -> None:
        super().__init__()
        torch.manual_seed(seed)
        between = nn.BatchNorm2d(3) if norm else nn.Identity()
        self.layers = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), between, nn.LeakyReLU(), nn.Conv2d(3, 1, 3))
        self.room = room

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return nn.functional.pad(self.layers(x), (1, 1, 1, 1))


def images(world: World, *, bad: int | None = None) -> Batch:
    """Return this process's share of 8 images; with a value that is no number in image `bad`."""
    generator = torch.Generator().manual_seed(1)
    lr, hr = (torch.randn(2 * IMAGES, 1, 6, 6, generator=generator) for _ in range(2))
    valid = torch.rand(2 * IMAGES, 1, 6, 6, generator=generator) > 0.3
    if bad is not None:
        lr[bad] = float("nan")
    share = 2 * IMAGES // world.size
    mine = slice(world.rank * share, (world.rank + 1) * share)
    return Batch(lr[mine], hr[mine], valid[mine])


def trained(world: World, *, norm: bool = False, parts: int = 1, room: int = 99) -> dict[str, object]:
    """Return losses, health and weights after three steps of a game with R1 penalty."""
    generator, critic = (share_batch_norm(Small(s, norm=norm, room=room), world) for s in (0, 3))
    game = AdversarialLoss("nonsaturating", r1=0.1)
    own, other = adversarial_terms("game", 0.5, game, critic)
    players = [
        Player("discriminator", critic, [other], SGD(critic.parameters(), lr=1e-2, fused=True), clip=1.0),
        Player(
            "generator",
            generator,
            [Term("pixel", 1.0, L1Loss()), own],
            SGD(generator.parameters(), lr=1e-2, fused=True),
        ),
    ]
    phase = Phase(
        "p", steps=9, learning_rate_at=lambda step: 1e-2, generator=generator, players=players,
        compute=Compute(torch.device("cpu"), world=world), parts=parts,
    )  # fmt: skip
    outcomes = [phase.step(images(world), step) for step in range(3)]
    weights = {
        n: t for net in (generator, critic) for n, t in enumerate(net.state_dict().values(), 100 * (net is critic))
    }
    losses, health = [outcome.losses for outcome in outcomes], outcomes[-1].health
    return {"losses": losses, "health": health, "weights": weights, "parts": phase.parts}


def diverged(world: World) -> str:
    """Return what is said where one process alone has a bad image."""
    network = Small(0, norm=False)
    player = Player(
        "generator", network, [Term("pixel", 1.0, L1Loss())], SGD(network.parameters(), lr=1e-2, fused=True)
    )
    phase = Phase(
        "p", steps=9, learning_rate_at=lambda step: 1e-2, generator=network, players=[player],
        compute=Compute(torch.device("cpu"), world=world),
    )  # fmt: skip
    try:
        phase.step(images(world, bad=0), 0).check()
    except DivergedError as error:
        return str(error)
    return "no word"


def gradients(world: World, *, by_torch: bool) -> list[torch.Tensor]:
    """Return the gradients of a network, averaged here or by torch's DistributedDataParallel."""
    network = Small(0, norm=False)
    batch = images(world)
    outer = DistributedDataParallel(network) if by_torch and world.size > 1 else network
    (outer(batch.lr) - batch.hr).square().mean().backward()
    if not by_torch:
        world.average_gradients(network.parameters())
    return [p.grad for p in network.parameters()]


def crowded(world: World) -> str:
    """Return what is said where memory runs out amid an exchange."""
    try:
        trained(world, norm=True, room=3)
    except OutOfMemoryError as error:
        return str(error)
    return "no word"


def share(world: World) -> tuple[int, int]:
    """Return how many weights this process holds of a large network, and how many that has."""
    network = RRDBNet(channels=1, features=8, growth=4, blocks=2)
    total = sum(p.numel() for p in network.parameters())
    shard(network, world)
    network(torch.rand(1, 1, 8, 8)).sum().backward()
    held = [p.to_local() if world.size > 1 else p for p in network.parameters()]
    return sum(p.numel() for p in held), total


def spread(world: World) -> list[torch.Tensor]:
    """Return the tensors of a network that each process had begun otherwise."""
    network = Small(world.rank, norm=True)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    world.spread(network)
    return list(network.state_dict().values())


def findings(world: World) -> dict[str, object]:
    """Return all that a process finds out."""
    return {
        "told": world.told(lambda: {"by": world.rank}),
        "mean": world.mean(torch.tensor([float(world.rank), 3.0])).tolist(),
        "none": world.mean(torch.tensor([float("nan") if world.rank else 1.0, 2.0])).tolist(),
        "any": (world.any(world.rank == 1), world.any(False)),
        "least": world.least(5 - world.rank),
        "spread": spread(world),
        "own gradients": gradients(world, by_torch=False),
        "torch's gradients": gradients(world, by_torch=True),
        "plain": trained(world),
        "normalised": trained(world, norm=True),
        "in parts": trained(world, parts=2),
        "short of memory": trained(world, room=99 if world.rank else 2),
        "crowded": crowded(world),
        "share": share(world),
        "diverged": diverged(world),
    }


def write_images(folder: Path) -> None:
    """Write six images to train on."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        field = rng.normal(size=(40, 44)).cumsum(0).cumsum(1)
        values = (field - field.min()) / np.ptp(field) * 1000
        np.save(folder / f"s{number}_image.npy", values.astype("uint16"))


def run(root: Path, name: str, *changes: str, steps: int = 4, resume: bool = False) -> None:
    """Train as one process of those that the environment speaks of."""
    here = Path(__file__).parents[2]
    core = [point for point in entry_points(group=GROUP) if point.name == CORE]
    plugins = load_plugins([here / "toy_domain.py", here / "faulty_loss.py"], installed=core, environment={})
    recipe = resolve_recipe(plugins, domain="toy", overrides=(*SHORT, f"phases.0.steps={steps}", *changes))
    train(recipe, data=root / "data", out=root / "runs" / name, resume=resume, plugins=plugins)


def find(folder: Path) -> None:
    """Write what a process of a world finds out."""
    folder.mkdir(exist_ok=True)
    with joined() as world:
        torch.save(findings(world), folder / f"{world.rank}.pt")


def together(*works: tuple[int, Callable[[], None]]) -> None:
    """Do each work in so many forked processes that know of each other, all works at once."""
    processes = [process for count, work in works for process in _begun(count, work)]
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit(1)


def _begun(count: int, work: Callable[[], None]) -> list[Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)} if count > 1 else {}
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} if meeting else {} for rank in range(count)]
    processes = [FORK.Process(target=_at_work, args=({**meeting, **rank}, work)) for rank in ranks]
    for process in processes:
        process.start()
    return processes


def _at_work(environment: Mapping[str, str], work: Callable[[], None]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    work()


def main(root: Path) -> None:
    """Do everything, in rounds: what goes on comes after what it goes on from."""
    for name in HEAVY:  # once, and not again in every process
        import_module(name)
    write_images(root / "data")
    together((2, lambda: find(root / "two")), (1, lambda: find(root / "one")))
    together((2, lambda: run(root, "two")), (1, lambda: run(root, "one", "data.batch=4")))
    together((2, lambda: run(root, "parts", steps=2)), (2, lambda: run(root, "sharded", "sharding=full", steps=2)))
    together(
        (1, lambda: run(root, "parts", steps=4, resume=True)),
        (2, lambda: run(root, "sharded", "sharding=full", steps=4, resume=True)),
    )
    together((2, lambda: run(root, "astray", "sharding=full", ASTRAY, "log_every=0", steps=4)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
