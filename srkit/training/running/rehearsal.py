"""A run without the run: all is built, the data are opened, a few steps of each phase are taken and timed."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from srkit.config import Recipe
from srkit.data.loader import Batch
from srkit.data.split import NAMES
from srkit.plugins import Plugins
from srkit.training.keeping.checkpoint import KEPT, write_checkpoint
from srkit.training.keeping.run_folder import RunFolder
from srkit.training.learning.compute import choose_compute
from srkit.training.learning.phase import Phase
from srkit.training.running.run import Run

STEPS = 3
"""Steps of each phase; the first one warms up and does not count."""


@dataclass(frozen=True, slots=True)
class PhaseRehearsal:
    """What a phase takes: `step_seconds` of a step, and that often `steps`; `parts` a batch is worked on in."""

    name: str
    steps: int
    step_seconds: float
    parts: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would be.

    Parameters
    ----------
    items
        Items of each split; of a scene that is parted, its parts.
    lr, hr
        Shape of a batch.
    parameters
        Of the generator, and of the discriminator where there is one.
    batch_seconds
        Time to make a batch; threads make them while steps are taken.
    memory_bytes
        The most that was held: on the GPU where there is one, else by this process.
    checkpoint_bytes, disk_bytes
        Of one checkpoint, and of all that are kept with two models.
    seconds
        Of all steps, without validation.
    """

    items: dict[str, int]
    split: str
    left_out: int
    lr: tuple[int, ...]
    hr: tuple[int, ...]
    parameters: dict[str, int]
    device: str
    precision: str
    batch_seconds: float
    phases: tuple[PhaseRehearsal, ...]
    memory_bytes: int
    checkpoint_bytes: int
    disk_bytes: int
    seconds: float


def rehearse(plugins: Plugins, recipe: Recipe, data: Sequence[Path] = ()) -> Rehearsal:
    """Return what a run after `recipe` would be; nothing is left behind, and no run folder is touched.

    Raises what `train` raises before and at its first steps.
    """
    if data:
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": tuple(data)})})
    with TemporaryDirectory() as root, torch.random.fork_rng(), ExitStack() as stack:
        torch.manual_seed(recipe.seed)
        folder = RunFolder(Path(root))
        folder.begin(recipe, plugins)
        run = _Rehearsing(plugins, recipe, folder, choose_compute(recipe), stack)
        return run.rehearsed()


class _Rehearsing(Run):
    """A run that takes a few steps of each phase."""

    def rehearsed(self) -> Rehearsal:
        """Return what was found."""
        if self.compute.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.compute.device)
        maker = self._batch_maker()
        batch = maker.make(0)
        begin = time.perf_counter()
        maker.make(1)
        batch_seconds = time.perf_counter() - begin
        phases = tuple(self._rehearsed(phase, batch) for phase in self.state.phases)
        self.state.progress.phase = len(phases) - 1  # whose optimisers are the most
        checkpoint = write_checkpoint(self.folder.checkpoints, self.state).stat().st_size
        networks = {"generator": self.networks.generator, "discriminator": self.networks.discriminator}
        parameters = {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items() if n is not None}
        workers = max(1, self.recipe.data.workers)
        return Rehearsal(
            items={name: len(self.material.split.of(name)) for name in NAMES},
            split=self.material.split.note,
            left_out=self.material.left_out,
            lr=tuple(batch.lr.shape),
            hr=tuple(batch.hr.shape),
            parameters=parameters,
            device=str(self.compute.device),
            precision="bf16" if self.compute.bf16 else "fp32",
            batch_seconds=batch_seconds,
            phases=phases,
            memory_bytes=_peak_bytes(self.compute.device),
            checkpoint_bytes=checkpoint,
            disk_bytes=KEPT * checkpoint + 2 * 4 * parameters["generator"],
            seconds=sum(p.steps * max(p.step_seconds, batch_seconds / workers) for p in phases),
        )

    def _rehearsed(self, phase: Phase, batch: Batch) -> PhaseRehearsal:
        """Take a few steps of a phase. Raises DivergedError where its losses are no numbers."""
        seconds = []
        for step in range(STEPS):
            begin = time.perf_counter()
            phase.step(batch, step).check()
            seconds.append(time.perf_counter() - begin)
        return PhaseRehearsal(phase.name, phase.steps, sum(seconds[1:]) / (STEPS - 1), phase.parts)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # in bytes there, in kibibytes elsewhere
