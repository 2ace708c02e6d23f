"""A whole run: from a recipe and data to a model file, stoppable and resumable at any step."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from srkit.config import Recipe
from srkit.errors import OutputError, RecipeError
from srkit.files import DISK_FULL
from srkit.plugins import Plugins, load_plugins
from srkit.training.keeping.run_folder import RunFolder, continued_recipe
from srkit.training.learning.compute import choose_compute
from srkit.training.observing.records import ProgressCall
from srkit.training.processes.world import joined
from srkit.training.recipes.resolution import resolve_recipe
from srkit.training.running.run import LeadingRun, Run, TrainResult

logger = logging.getLogger(__name__)


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

    Where a launcher has started several processes (torchrun), each takes `data.batch` images of its own in a step, and
    the first one writes.

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
    LostProcessError
        Where a launcher has started several processes, and another one has ended.
    """
    plugins = plugins or load_plugins()
    folder = RunFolder(Path(out))
    with joined() as world, torch.random.fork_rng(), _disk_full_in_words(folder.root):
        chosen = world.told(
            lambda: _recipe_of_run(plugins, recipe, folder, _paths(data), resume=resume, processes=world.size)
        )
        torch.manual_seed(chosen.seed)
        kind = LeadingRun if world.leads else Run
        with ExitStack() as stack:
            return kind(plugins, chosen, folder, choose_compute(chosen, world), stack).go(progress)


@contextmanager
def _disk_full_in_words(root: Path) -> Iterator[None]:
    """Say what a full disk means for the run, whoever of those that write into its folder meets it."""
    try:
        yield
    except (OSError, OutputError) as error:
        found = error.__cause__ if isinstance(error, OutputError) else error
        if not isinstance(found, OSError) or found.errno not in DISK_FULL:
            raise
        raise OutputError(
            f"run folder {root}: there is no more room ({found.strerror}); make some and go on with --resume"
        ) from error


def _paths(data: Path | Sequence[Path]) -> tuple[Path, ...]:
    return (Path(data),) if isinstance(data, str | Path) else tuple(Path(path) for path in data)


def _recipe_of_run(
    plugins: Plugins,
    recipe: Recipe | Path | None,
    folder: RunFolder,
    data: tuple[Path, ...],
    *,
    resume: bool,
    processes: int,
) -> Recipe:
    given = resolve_recipe(plugins, Path(recipe)) if isinstance(recipe, str | Path) else recipe
    if given is not None and data:
        given = given.model_copy(update={"data": given.data.model_copy(update={"path": data})})
    if resume and folder.is_begun:
        return continued_recipe(folder, given, processes)
    if given is None:
        raise RecipeError(f"there is no run to resume in {folder.root}; give a recipe, or a domain and data")
    folder.begin(given, plugins, processes)
    return given
