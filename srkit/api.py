"""The main jobs as calls: what a command does is one of these.

Heavy parts are imported when a job starts, so that ``import srkit`` stays light. Progress is a callable
``(done, total, note)``; the library itself never prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from srkit.plugins import load_plugins

if TYPE_CHECKING:
    from srkit.config import Recipe
    from srkit.evaluation import Asked as Compared
    from srkit.evaluation import EvaluationTable
    from srkit.plugins import Plugins
    from srkit.training import TrainResult
    from srkit.training.running.rehearsal import Rehearsal
    from srkit.upscaling import Asked, ItemInspection, UpscaleReport
    from srkit.upscaling.making.comparison import Comparison

Progress = Callable[[int, int, str], None]


Places = str | Path | Sequence[str | Path]


def upscale(path: Places, out: str | Path, **asked: Unpack[Asked]) -> UpscaleReport:
    """Upscale the item, or the folder of items, at `path` to `out`; `path` may be several of them.

    Parameters
    ----------
    **asked
        As `srkit.upscaling.Asked` lists it: `scale` (``2`` for rows and columns, ``"1,1,4"`` for rows, columns and
        slices, None for the model's own), or `spacing` or `isotropic` in its place, `model`
        (a file, a name, or nearest, bicubic, bspline, lanczos), `domain`, `name`, `overwrite`, `resume`,
        `consistency`, `maps`, `workers`, `options` by domain, `plugins` (by default the installed ones) and others.

    Raises
    ------
    SrkitError
        Where nothing can be done at all, or a single item fails. In a folder, the report tells what befell each item.
    TypeError
        For an argument that there is not.
    """
    from srkit.upscaling import upscale as job

    return job(path, out, **asked)


def inspect(path: Places, *, plugins: Plugins | None = None, **more: Any) -> list[ItemInspection]:
    """Return what is understood of the items at `path`; nothing is changed. `more`: `domain`, `options` by domain."""
    from srkit.upscaling import inspect_path

    return inspect_path(path, plugins=plugins or load_plugins(), **more)


def merge(out: str | Path, *, plugins: Plugins | None = None, **more: Any) -> UpscaleReport:
    """Join the shards that lie beside `out`, made by `upscale` with `shard`. `more`: `overwrite`, `progress`.

    Raises SrkitError where shards are missing, or their input has changed.
    """
    from srkit.upscaling.batch.merging import merge as job

    return job(out, plugins=plugins or load_plugins(), **more)


def verify(
    path: str | Path,
    output: str | Path,
    *,
    model: str | Path | None = None,
    consistency_limit: float | None = None,
    plugins: Plugins | None = None,
    **more: Any,
) -> Comparison:
    """Return what is true of `output`, which was made of `path`. `more`: `domain`, `options` by domain.

    Both are compared under the degradation of `model`, by default the one that the output names itself. An output that
    is off by more than `consistency_limit` of the input's spread fails; by default 0.2, and interpolations do not.

    Raises UsageError where the two cannot be a pair, InputError where one cannot be read, ModelError for a model.
    """
    from srkit.upscaling.fidelity.verdict import Yardstick
    from srkit.upscaling.making.comparison import compare

    yardstick = Yardstick(model, consistency_limit)
    return compare(path, output, plugins=plugins or load_plugins(), yardstick=yardstick, **more)


def train(
    recipe: Recipe | str | Path | None = None,
    *,
    out: str | Path | None = None,
    domain: str | None = None,
    overrides: Sequence[str] = (),
    from_model: str | Path | None = None,
    plugins: Plugins | None = None,
    **more: Any,
) -> TrainResult:
    """Train a model, or go on with a run, and leave everything in the run folder `out`.

    Parameters
    ----------
    recipe
        A recipe, its file, or its name in ``configs/``; None for the default one of `domain`.
    out
        The run folder; by default ``runs/`` and the recipe's title.
    overrides
        ``"data.batch=4"``: dotted keys that win over the recipe.
    from_model
        The file or the name of a model to begin with: its weights as far as they fit, and its network, axes and
        degradation where no recipe says otherwise.
    **more
        As `srkit.training.train` takes it: `data` (files or folders), `resume`, `progress`.

    Raises
    ------
    SrkitError
        Where recipe, data and plugins do not fit, or the run diverges.
    """
    from srkit.config import Recipe
    from srkit.report import write_run_page
    from srkit.training import resolve_origins
    from srkit.training import train as job
    from srkit.training.processes.world import leads_by_plan
    from srkit.training.recipes.shelf import find_recipe

    plugins = plugins or load_plugins()
    resumes_as_it_was = more.get("resume") and recipe is None and domain is None and not overrides
    if not isinstance(recipe, Recipe) and not resumes_as_it_was:
        path = None if recipe is None else find_recipe(recipe)
        recipe = resolve_origins(plugins, path, domain=domain, overrides=overrides, model=from_model).recipe
    chosen = recipe if isinstance(recipe, Recipe) else None
    result = job(chosen, out=_run_folder(out, chosen), plugins=plugins, **more)
    if leads_by_plan():
        write_run_page(result.folder)
    return result


def rehearse_training(
    recipe: Recipe | str | Path | None = None,
    *,
    data: Sequence[Path] = (),
    domain: str | None = None,
    overrides: Sequence[str] = (),
    from_model: str | Path | None = None,
    plugins: Plugins | None = None,
) -> Rehearsal:
    """Return what `train` would do with the same arguments: sizes, memory, time per step; nothing is left behind.

    Raises what `train` raises before and at its first steps.
    """
    from srkit.config import Recipe
    from srkit.training import resolve_origins
    from srkit.training.recipes.shelf import find_recipe
    from srkit.training.running.rehearsal import rehearse

    plugins = plugins or load_plugins()
    if not isinstance(recipe, Recipe):
        path = None if recipe is None else find_recipe(recipe)
        recipe = resolve_origins(plugins, path, domain=domain, overrides=overrides, model=from_model).recipe
    return rehearse(plugins, recipe, data)


def explain_recipe(
    recipe: str | Path | None = None,
    *,
    domain: str | None = None,
    overrides: Sequence[str] = (),
    from_model: str | Path | None = None,
    plugins: Plugins | None = None,
) -> str:
    """Return the whole recipe that `train` would follow, as YAML, with the origin of each value beside it.

    Raises SrkitError where the recipe does not hold.
    """
    from srkit.config import explained
    from srkit.training import resolve_origins
    from srkit.training.recipes.shelf import find_recipe

    path = None if recipe is None else find_recipe(recipe)
    plugins = plugins or load_plugins()
    return explained(resolve_origins(plugins, path, domain=domain, overrides=overrides, model=from_model))


def _run_folder(out: str | Path | None, recipe: Recipe | None) -> Path:
    from srkit.errors import UsageError

    if out is not None:
        return Path(out)
    if recipe is None:
        raise UsageError("which run shall go on? Name its folder with --out")
    return Path("runs") / recipe.title


def evaluate(path: str | Path, **asked: Unpack[Compared]) -> EvaluationTable:
    """Degrade the high-resolution items at `path`, upscale them again, and compare.

    Parameters
    ----------
    **asked
        As `srkit.evaluation.Asked` lists it: `models` (files, names, or interpolations; one, or several), `scale`,
        `domain`, `degradation`, `metrics`, `options` by domain, `plugins`, `progress`. The interpolations (nearest,
        bicubic, B-spline, Lanczos) are always in the table.

    Raises
    ------
    SrkitError
        As `upscale` does.
    TypeError
        For an argument that there is not.
    """
    from srkit.evaluation import evaluate as job

    return job(path, **asked)
