"""A run at work: one process that follows, and the one that leads: it validates, logs and writes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from torch import nn

from srkit import plugins as verbs
from srkit.config import Recipe
from srkit.data.cache import ArrayCache
from srkit.data.loader import Batch, BatchMaker, iter_batches
from srkit.data.opening import OpenItems
from srkit.errors import DivergedError, OutputError
from srkit.models.file import load_model
from srkit.models.info import Seen
from srkit.plugins import Plugins
from srkit.training.keeping.checkpoint import RunState, captured, has_checkpoint, restore_newest, write_checkpoint
from srkit.training.keeping.run_folder import RunFolder
from srkit.training.learning.building import Networks, build_networks, build_phases
from srkit.training.learning.compute import Compute
from srkit.training.learning.loop import Observer, StepReport, run_phases
from srkit.training.learning.transfer import transfer
from srkit.training.material.preparation import domain_options, prepare
from srkit.training.material.seen import measured
from srkit.training.observing.interruption import Interruption
from srkit.training.observing.records import Draws, Log, ProgressCall, ProgressReport, TensorBoard, finite
from srkit.training.observing.samples import Samples
from srkit.training.observing.stopping import EarlyStopping
from srkit.training.observing.validation import Figures, Validation, hold_out, validation_patch
from srkit.training.running.guard import apply_rate_factor, guarded
from srkit.training.running.modelling import described_state, model_info, write_model

logger = logging.getLogger(__name__)
METRICS = ("psnr", "ssim")


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run came to.

    Parameters
    ----------
    folder, model, best
        The run folder; the last model; the one with the best PSNR, None without validation.
    steps, total
        Steps done, and those of the recipe.
    metrics, baselines
        Last figures on the validation split, and those of interpolation on the same patches.
    interrupted
        Whether the run was stopped; ``resume`` then goes on exactly.
    left_out
        Files that could not be used.
    split
        In words, how items were parted.
    """

    folder: Path
    model: Path
    best: Path | None
    steps: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    interrupted: bool = False
    left_out: int = 0
    split: str = ""


class Run:
    """One process of a run: its parts, put together in order. `stack` closes them. It writes nothing."""

    def __init__(self, plugins: Plugins, recipe: Recipe, folder: RunFolder, compute: Compute, stack: ExitStack) -> None:
        self.plugins = plugins
        self.recipe = recipe
        self.folder = folder
        self.stack = stack
        self.compute = compute
        self.world = compute.world
        self.cache = ArrayCache(recipe.data.cache_mb * 2**20)
        self.material = self.world.told(lambda: prepare(plugins, recipe, folder))
        self.networks = build_networks(plugins, recipe, self.material.channels, compute, begin=self._begin)
        self.state = RunState(self.networks, build_phases(recipe, self.networks, compute))
        self.resumed = restore_newest(folder.checkpoints, self.state)
        self._check_same_step()
        apply_rate_factor(self.state.phases, self.state.notes)
        patience = {phase.name: phase.patience for phase in recipe.phases}
        self.stopping = EarlyStopping(self.state.phases, patience, self.state.progress, self.state.notes)
        self.train_items = self._open_items("train", recipe.patch)

    def _begin(self, generator: nn.Module) -> None:
        """Leave the weights as they are drawn: those of the leading process come to all."""

    def _check_same_step(self) -> None:
        """Raise OutputError where processes go on from different checkpoints; nothing is written before all have."""
        first = self.world.least(self.state.step)
        if self.world.any(self.state.step != first):
            raise OutputError(
                f"the processes see different checkpoints in {self.folder.root} (step {self.state.step} here, {first} "
                "elsewhere); put the run folder on a disk that all nodes share"
            )

    def go(self, progress: ProgressCall | None) -> TrainResult:
        """Run all phases, or as far as one is let."""
        interruption = self.stack.enter_context(Interruption(self.world))
        observers = [_UpToDate(self.networks, self.recipe), *self._observers(progress), interruption]
        if not self.resumed:
            self._save()  # the first good state to go back to
        interrupted = False
        try:
            guarded(lambda: self._run(observers), self._roll_back, self.state.phases, self.state.notes)
        except KeyboardInterrupt:
            interrupted = True
            self._stop()
        self.networks.gather()
        result = self._result(interrupted=interrupted)
        if self.state.progress.at_rest:
            self.world.any(False)  # nobody leaves before all is written: launchers end what others have left
        return result

    def _stop(self) -> None:
        """Save a run that is at rest. Amid a step, or after one that went astray, the newest checkpoint stays."""
        try:
            if self.state.progress.at_rest:
                self._save()
                return
        except DivergedError as error:
            logger.warning("%s", error)
        restore_newest(self.folder.checkpoints, self.state)

    def _run(self, observers: Sequence[Observer]) -> None:
        batches = iter_batches(self._batch_maker(), self.state.step, workers=self.recipe.data.workers)
        with closing(batches):
            run_phases(self.state.phases, self._watched(batches), self.state.progress, observers)

    def _watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        return batches

    def _roll_back(self) -> int:
        """Return to the newest checkpoint, with optimisers that know nothing later; return its step."""
        for phase in self.state.phases:
            for player in phase.players:
                player.optimizer.state.clear()
        restore_newest(self.folder.checkpoints, self.state)
        return self.state.step

    def _save(self) -> None:
        """Keep the state. Raises DivergedError where it is worth nothing, in all processes alike."""
        self.state.progress.settle()
        captured(self.state)

    def _observers(self, progress: ProgressCall | None) -> list[Observer]:
        return [self]

    def on_step(self, report: StepReport) -> None:
        """Save where it is due: every so many steps, and at the end of a phase."""
        report.phase.steps = self.world.least(report.phase.steps)  # the leading process may have ended it
        every = self.recipe.checkpoint_every
        phase_ends = self.state.progress.phase_step == report.phase.steps
        if phase_ends or (every and report.step % every == 0):
            self._save()

    def _open_items(self, split: str, patch: tuple[int, ...]) -> OpenItems:
        pairing = self.material.pairing(self.recipe, domain_options(self.plugins, self.recipe), patch)
        items = OpenItems(self.plugins, self.material.split.of(split), pairing, cache=self.cache)
        self.stack.callback(items.close)
        return items

    def _batch_maker(self) -> BatchMaker:
        return BatchMaker(
            self.train_items,
            patch=self.recipe.patch,
            size=self.recipe.data.batch,
            channels=self.material.channels,
            seed=self.recipe.seed,
            augment=self.recipe.data.augment,
            cache=self.cache,
            share=(self.world.rank, self.world.size),
        )

    def _figures(self) -> Figures:
        """Return the latest figures, those from before a resume included."""
        return {name: value for name, value in self.state.notes.get("validation", {}).items() if value is not None}

    def _result(self, *, interrupted: bool) -> TrainResult:
        return TrainResult(
            folder=self.folder.root,
            model=self.folder.model,
            best=self.folder.best if self.folder.best.exists() else None,
            steps=self.state.step,
            total=sum(phase.steps for phase in self.state.phases),
            metrics=self._figures(),
            interrupted=interrupted,
            left_out=self.material.left_out,
            split=self.material.split.note,
        )


@dataclass(frozen=True, slots=True)
class _UpToDate:
    """Where the leading process is about to look at a step, all make sure that it was sound and gather weights.

    So all learn at the same step that a run went astray.
    """

    networks: Networks
    recipe: Recipe

    def on_step(self, report: StepReport) -> None:
        if self._due(report, self.recipe.log_every, self.recipe.validate_every, self.recipe.samples_every):
            report.outcome.check()
        if self._due(report, self.recipe.validate_every, self.recipe.samples_every):
            self.networks.gather()

    def _due(self, report: StepReport, *every: int) -> bool:
        return report.is_last or any(steps and report.step % steps == 0 for steps in every)


class LeadingRun(Run):
    """The process that leads, or is alone."""

    def __init__(self, plugins: Plugins, recipe: Recipe, folder: RunFolder, compute: Compute, stack: ExitStack) -> None:
        super().__init__(plugins, recipe, folder, compute, stack)
        self.log = Log(folder.log, recipe.log_every, after=self.state.step)
        self.draws = Draws(folder.draws, recipe.log_every, after=self.state.step)
        self.validation = self._validation()
        if self.resumed:
            logger.info("resumed at step %d of %d", self.state.step, sum(phase.steps for phase in self.state.phases))

    def _begin(self, generator: nn.Module) -> None:
        """Take the weights of the model that a run begins with; one that goes on has its own in its checkpoint."""
        path = self.recipe.from_model
        if path is None or has_checkpoint(self.folder.checkpoints):
            return
        model = load_model(path, self.plugins)
        found = transfer(model.generator.state_dict(), model.info.channels, generator)
        told = {"model": model.info.name, "sha256": model.sha256, "weights": found.sentence()}
        logger.info("begins with the weights of %s: %s", model.info.name, found.sentence())
        self.folder.write("beginning.json", told)

    def _roll_back(self) -> int:
        step = super()._roll_back()
        self.log.forget(step)
        self.draws.forget(step)
        self.log.write({"step": step, "event": "rolled back after divergence, learning rate lowered"})
        return step

    def _watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        return self.draws.watched(batches, self.state.step)

    def _save(self) -> None:
        self.state.progress.settle()
        write_checkpoint(self.folder.checkpoints, self.state)

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Keep the best model by PSNR."""
        self.state.notes["validation"] = finite(found)
        psnr = finite(found).get("psnr")
        best = self.state.notes.get("best_psnr")
        if psnr is not None and (best is None or psnr > best):
            self.state.notes["best_psnr"] = psnr
            self._write_model(self.folder.best)

    def _observers(self, progress: ProgressCall | None) -> list[Observer]:
        board = TensorBoard(self.folder.root / "tensorboard", self.recipe.log_every)
        self.stack.callback(board.close)
        bar = ProgressReport(progress or _silent)
        self.validation.listeners = (self.log, board, bar, self, self.stopping)
        samples = Samples(
            self.folder.root / "samples",
            self.networks.product,
            self.validation.patches,
            self.compute,
            self.recipe.samples_every,
            (board,),
        )
        return [self.log, board, self.validation, samples, self, bar]

    def _validation(self) -> Validation:
        patch = validation_patch(self.recipe.network_scale)
        items = self._open_items("val", patch)
        known = verbs.metrics(self.plugins)
        found = Validation(
            self.networks.product,
            hold_out(items, patch, seed=self.recipe.seed, cache=self.cache),
            {name: known[name] for name in METRICS if name in known},
            self.compute,
            self.recipe.validate_every,
            (),
        )
        self.baselines = found.baselines() if found.patches else {}
        if not self.resumed:
            self.log.write({"step": 0, "baselines": {name: finite(row) for name, row in self.baselines.items()}})
        return found

    @cached_property
    def _seen(self) -> Seen:
        return measured(self.material.seen, self.train_items, self._batch_maker())

    def _write_model(self, path: Path) -> Path:
        begun = self.state.phases[: self.state.progress.phase + 1]
        together = {"processes": self.world.size} if self.world.size > 1 else {}
        figures = described_state(self.state.step, self._figures(), self.baselines)
        state = {**figures, **together, **self.folder.read_beginning()}
        perceptual = any(phase.perceptual for phase in begun)
        generator = self.networks.product
        info = model_info(self.recipe, self.material, generator, perceptual=perceptual, state=state, seen=self._seen)
        return write_model(path, generator, info)

    def _result(self, *, interrupted: bool) -> TrainResult:
        self._write_model(self.folder.model)
        return replace(super()._result(interrupted=interrupted), baselines=self.baselines)


def _silent(done: int, total: int, note: str) -> None:
    """Show nothing."""
