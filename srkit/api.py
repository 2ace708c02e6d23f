"""The main jobs as calls: what a command does is one of these.

Heavy parts are imported when a job starts, so that ``import srkit`` stays light. Progress is a callable
``(done, total, note)``; the library itself never prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srkit.grid import Scale
from srkit.plugins import load_plugins

if TYPE_CHECKING:
    from srkit.plugins import Plugins
    from srkit.upscaling.report import ItemInspection, UpscaleReport

Progress = Callable[[int, int, str], None]
ScaleLike = Scale | str | int | Sequence[int]


def _scale(scale: ScaleLike | None) -> Scale | None:
    return scale if scale is None or isinstance(scale, Scale) else Scale.parse(scale)


def upscale(
    path: str | Path, out: str | Path, *, scale: ScaleLike | None = None, plugins: Plugins | None = None, **more: Any
) -> UpscaleReport:
    """Upscale the item or the folder of items at `path` to `out`.

    Parameters
    ----------
    scale
        ``2`` (rows and columns), ``"1,1,4"`` (rows, columns, slices), or None: the model's own, 2 for interpolation.
    plugins
        Those to use; by default the installed ones.
    **more
        `model`, `domain`, `name`, `overwrite`, `resume`, `options`, `progress`: as in `srkit.upscaling.upscale`.

    Raises
    ------
    SrkitError
        Where nothing can be done at all. What befalls single items is told by the report.
    """
    from srkit.upscaling import upscale as job

    return job(Path(path), Path(out), scale=_scale(scale), plugins=plugins or load_plugins(), **more)


def inspect(path: str | Path, *, plugins: Plugins | None = None, **more: Any) -> list[ItemInspection]:
    """Return what is understood of the items at `path`; nothing is changed. `more`: `domain`, `options`."""
    from srkit.upscaling import inspect_path

    return list(inspect_path(Path(path), plugins=plugins or load_plugins(), **more))
