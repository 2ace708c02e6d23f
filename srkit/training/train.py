"""A whole run: from a recipe and data to a model file, stoppable and resumable at any step."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import nn

from srkit import plugins as verbs
from srkit.config import Recipe
from srkit.data.cache import ArrayCache
from srkit.data.loader import BatchMaker, iter_batches
from srkit.data.opening import OpenItems
from srkit.errors import OutputError, RecipeError
from srkit.files import DISK_FULL
from srkit.models.file import load_model
from srkit.models.info import Seen
from srkit.plugins import Plugins, load_plugins
from srkit.training.building import build_networks, build_phases
from srkit.training.checkpoint import RunState, has_checkpoint, restore_newest, write_checkpoint
from srkit.training.compute import choose_compute
from srkit.training.guard import apply_rate_factor, guarded
from srkit.training.interruption import Interruption
from srkit.training.loop import Observer, StepReport, run_phases
from srkit.training.modelling import described_state, model_info, write_model
from srkit.training.preparation import domain_options, prepare
from srkit.training.recipes import resolve_recipe
from srkit.training.records import Log, ProgressCall, ProgressReport, TensorBoard, finite
from srkit.training.run_folder import RunFolder, continued_recipe
from srkit.training.samples import Samples
from srkit.training.seen import measured
from srkit.training.stopping import EarlyStopping
from srkit.training.transfer import transfer
from srkit.training.validation import Figures, Validation, hold_out, validation_patch

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


def train(
    recipe: Recipe | Path | None,
    *,
    out: Path,
    data: Path | Sequence[Path] = (),
    resume: bool = False,
    plugins: Plugins | None = None,
    progress: ProgressCall | None = None,
) -> TrainResult:
    """Train a model after `recipe` and write everything into the run folder `out`.

    Parameters
    ----------
    recipe
        A recipe, the path of one, or None to resume with the run's own.
    data
        Files or folders with items; replaces `data.path` of the recipe.
    resume
        Go on from the newest checkpoint in `out`, with the run's split and normaliser. On a CPU in fp32 the weights
        are those of a run that never stopped, bit by bit.
    progress
        Called with (steps done, steps in all, note) after every step.

    Raises
    ------
    RecipeError
        Where recipe and data do not fit.
    DivergedError
        Where a loss is no number; the newest checkpoint is the last good state.
    OutputError
        Where the run folder cannot be written.
    """
    plugins = plugins or load_plugins()
    folder = RunFolder(Path(out))
    chosen = _recipe_of_run(plugins, recipe, folder, _paths(data), resume=resume)
    with torch.random.fork_rng(), _disk_full_in_words(folder.root):
        torch.manual_seed(chosen.seed)
        with ExitStack() as stack:
            return _Run(plugins, chosen, folder, stack).go(progress)


@contextmanager
def _disk_full_in_words(root: Path) -> Iterator[None]:
    """Say what a full disk means for the run, whoever of those that write into its folder meets it."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise OutputError(f"run folder {root}: the disk is full; free some space and go on with --resume") from error


def _paths(data: Path | Sequence[Path]) -> tuple[Path, ...]:
    return (Path(data),) if isinstance(data, str | Path) else tuple(Path(path) for path in data)


def _recipe_of_run(
    plugins: Plugins, recipe: Recipe | Path | None, folder: RunFolder, data: tuple[Path, ...], *, resume: bool
) -> Recipe:
    given = resolve_recipe(plugins, Path(recipe)) if isinstance(recipe, str | Path) else recipe
    if given is not None and data:
        given = given.model_copy(update={"data": given.data.model_copy(update={"path": data})})
    if resume and folder.is_begun:
        return continued_recipe(folder, given)
    if given is None:
        raise RecipeError(f"there is no run to resume in {folder.root}; give a recipe, or a domain and data")
    folder.begin(given, plugins)
    return given


class _Run:
    """One run: its parts, put together in order. `stack` closes them."""

    def __init__(self, plugins: Plugins, recipe: Recipe, folder: RunFolder, stack: ExitStack) -> None:
        self.recipe = recipe
        self.folder = folder
        self.stack = stack
        self.compute = choose_compute(recipe)
        self.cache = ArrayCache(recipe.data.cache_mb * 2**20)
        self.material = prepare(plugins, recipe, folder)
        self.networks = build_networks(
            plugins, recipe, self.material.channels, self.compute, begin=partial(self._begin_with_model, plugins)
        )
        self.state = RunState(self.networks, build_phases(recipe, self.networks, self.compute))
        self.resumed = restore_newest(folder.checkpoints, self.state)
        apply_rate_factor(self.state.phases, self.state.notes)
        patience = {phase.name: phase.patience for phase in recipe.phases}
        self.stopping = EarlyStopping(self.state.phases, patience, self.state.progress, self.state.notes)
        self.train_items = self._open_items(plugins, "train", recipe.patch)
        self.log = Log(folder.log, recipe.log_every, after=self.state.step)
        self.validation = self._validation(plugins)

    def _begin_with_model(self, plugins: Plugins, generator: nn.Module) -> None:
        """Take the weights of the model that a run begins with; one that goes on has its own in its checkpoint."""
        path = self.recipe.from_model
        if path is None or has_checkpoint(self.folder.checkpoints):
            return
        model = load_model(path, plugins)
        found = transfer(model.generator.state_dict(), model.info.channels, generator)
        told = {"model": model.info.name, "sha256": model.sha256, "weights": found.sentence()}
        logger.info("begins with the weights of %s: %s", model.info.name, found.sentence())
        self.folder.write("beginning.json", told)

    def go(self, progress: ProgressCall | None) -> TrainResult:
        """Run all phases, or as far as one is let."""
        if self.resumed:
            logger.info("resumed at step %d of %d", self.state.step, sum(phase.steps for phase in self.state.phases))
        interruption = self.stack.enter_context(Interruption())
        observers = self._observers(progress, interruption)
        if not self.resumed:
            write_checkpoint(self.folder.checkpoints, self.state)  # the first good state to go back to
        interrupted = False
        try:
            guarded(lambda: self._run(observers), self._roll_back, self.state.phases, self.state.notes)
        except KeyboardInterrupt:
            interrupted = True
            if self.state.progress.at_rest:
                write_checkpoint(self.folder.checkpoints, self.state)
            else:  # a second signal struck amid a step: the newest checkpoint is the last good state
                restore_newest(self.folder.checkpoints, self.state)
        return self._result(interrupted=interrupted)

    def _run(self, observers: Sequence[Observer]) -> None:
        batches = iter_batches(self._batch_maker(), self.state.step, workers=self.recipe.data.workers)
        with closing(batches):
            run_phases(self.state.phases, batches, self.state.progress, observers)

    def _roll_back(self) -> int:
        """Return to the newest checkpoint, with optimisers that know nothing later; return its step."""
        for phase in self.state.phases:
            for player in phase.players:
                player.optimizer.state.clear()
        restore_newest(self.folder.checkpoints, self.state)
        self.log.forget(self.state.step)
        self.log.write({"step": self.state.step, "event": "rolled back after divergence, learning rate lowered"})
        return self.state.step

    def on_step(self, report: StepReport) -> None:
        """Write a checkpoint where it is due: every so many steps, and at the end of a phase."""
        every = self.recipe.checkpoint_every
        phase_ends = self.state.progress.phase_step == report.phase.steps
        if phase_ends or (every and report.step % every == 0):
            write_checkpoint(self.folder.checkpoints, self.state)

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Keep the best model by PSNR."""
        self.state.notes["validation"] = finite(found)
        psnr = finite(found).get("psnr")
        best = self.state.notes.get("best_psnr")
        if psnr is not None and (best is None or psnr > best):
            self.state.notes["best_psnr"] = psnr
            self._write_model(self.folder.best)

    def _observers(self, progress: ProgressCall | None, interruption: Interruption) -> list[Observer]:
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
        return [self.log, board, self.validation, samples, self, bar, interruption]

    def _validation(self, plugins: Plugins) -> Validation:
        patch = validation_patch(self.recipe.network_scale)
        items = self._open_items(plugins, "val", patch)
        known = verbs.metrics(plugins)
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

    def _open_items(self, plugins: Plugins, split: str, patch: tuple[int, ...]) -> OpenItems:
        pairing = self.material.pairing(self.recipe, domain_options(plugins, self.recipe), patch)
        items = OpenItems(plugins, self.material.split.of(split), pairing, cache=self.cache)
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
        )

    @cached_property
    def _seen(self) -> Seen:
        return measured(self.material.seen, self.train_items, self._batch_maker())

    def _write_model(self, path: Path) -> Path:
        begun = self.state.phases[: self.state.progress.phase + 1]
        state = {**described_state(self.state.step, self._figures(), self.baselines), **self.folder.read_beginning()}
        perceptual = any(phase.perceptual for phase in begun)
        generator = self.networks.product
        info = model_info(self.recipe, self.material, generator, perceptual=perceptual, state=state, seen=self._seen)
        return write_model(path, generator, info)

    def _figures(self) -> Figures:
        """Return the latest figures, those from before a resume included."""
        return {name: value for name, value in self.state.notes.get("validation", {}).items() if value is not None}

    def _result(self, *, interrupted: bool) -> TrainResult:
        return TrainResult(
            folder=self.folder.root,
            model=self._write_model(self.folder.model),
            best=self.folder.best if self.folder.best.exists() else None,
            steps=self.state.step,
            total=sum(phase.steps for phase in self.state.phases),
            metrics=self._figures(),
            baselines=self.baselines,
            interrupted=interrupted,
            left_out=self.material.left_out,
            split=self.material.split.note,
        )


def _silent(done: int, total: int, note: str) -> None:
    """Show nothing."""
