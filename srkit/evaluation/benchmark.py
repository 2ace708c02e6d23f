"""The usual benchmarks of super-resolution: given LR files, PSNR and SSIM of the luma without a border of the scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from srkit import plugins as verbs
from srkit.data.view import image_channels
from srkit.domain import Item, Metric, Options
from srkit.errors import ModelError, UsageError, nearest_known
from srkit.evaluation.evaluate import chosen_metrics
from srkit.evaluation.metrics import psnr, ssim
from srkit.evaluation.table import EvaluationRow, EvaluationTable, SkippedItem, in_order
from srkit.grid import Scale, Window
from srkit.image import Array
from srkit.plugins import Plugins, load_plugins
from srkit.upscaling.enlarging.engine import enlarge, enlarge_whole
from srkit.upscaling.planning.shelf import EnlargerShelf

FIGURES = {"psnr": True, "ssim": True}
BENCHMARKS = ("set5", "set14")
DEFAULT_SCALE = 4
LUMA = (65.481, 128.553, 24.966)  # ITU-R BT.601, of 0..1 to 16..235
NOTE = "255, on the luma (BT.601, 16 to 235) of 8-bit results, without a border of the scale's width"


def benchmark(
    name: str,
    folder: Path,
    *,
    scale: int = DEFAULT_SCALE,
    models: Sequence[str] = (),
    metrics: Sequence[str] = (),
    plugins: Plugins | None = None,
) -> EvaluationTable:
    """Return PSNR and SSIM of `models` and bicubic interpolation on a benchmark's own LR files.

    `folder` holds the HR pictures, and ``lr_x4`` below it (for ×4) the LR pictures of the same names, as the benchmark
    gives them. `metrics` names figures beside these, of the whole pictures in colour: ``st_lpips``,
    ``lpips``, ``lpips_vgg``. HR is cropped at the bottom and the right to `scale` times LR.

    Raises
    ------
    UsageError
        For an unknown benchmark, or a folder without pairs.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no benchmark {name!r} (known: {', '.join(BENCHMARKS)}){nearest_known(name, BENCHMARKS)}")
    plugins = plugins or load_plugins()
    options = verbs.default_options(plugins)
    pairs = _pairs(plugins, Path(folder), scale, options)
    names = in_order([*models, "bicubic"])
    known = chosen_metrics(plugins, metrics)
    more = {chosen: known[chosen] for chosen in metrics if chosen not in FIGURES}
    rows: list[EvaluationRow] = []
    skipped: list[SkippedItem] = []
    for hr_item, lr_item in pairs:
        hr = _pixels(plugins, hr_item, options)
        try:
            outputs = {model: _enlarged(plugins, lr_item, model, scale, options) for model in names}
        except ModelError as error:
            skipped.append(SkippedItem(str(hr_item.path), str(error)))
            continue
        found = {model: _figures(sr, hr, scale, more) for model, sr in outputs.items()}
        rows += [EvaluationRow(str(hr_item.path), Path(model).stem, found[model], 255.0) for model in names]
    return EvaluationTable(
        scale=str(scale),
        models=in_order([Path(model).stem for model in names]),
        rows=tuple(rows),
        skipped=tuple(skipped),
        degradation=({"name": f"as {name}'s own LR files"},),
        range_note=NOTE,
        higher_is_better={**FIGURES, **{chosen: metric.higher_is_better for chosen, metric in more.items()}},
    )


def luma(image: Array) -> Array:
    """Return ``(1, row, column)`` in 16..235 of ``(1 or 3, row, column)`` in 0..255; grey is grey of all three."""
    colours = np.broadcast_to(image, (3, *image.shape[1:])).astype(np.float64) / 255
    result: Array = 16 + np.tensordot(np.array(LUMA), colours, axes=1)[np.newaxis]
    return result


def _pairs(plugins: Plugins, folder: Path, scale: int, options: Mapping[str, Options]) -> list[tuple[Item, Item]]:
    below = folder / f"lr_x{scale}"
    found = {place: _items(plugins, place, options) for place in (folder, below)}
    if not found[below]:
        raise UsageError(f"there are no LR pictures in {below}; a benchmark's folder has them there")
    return [(item, found[below][stem]) for stem, item in sorted(found[folder].items()) if stem in found[below]]


def _items(plugins: Plugins, folder: Path, options: Mapping[str, Options]) -> dict[str, Item]:
    """Return the items that lie in `folder` itself by the stem of their names."""
    if not folder.is_dir():
        return {}
    found = [entry for entry in verbs.discover(plugins, folder, options) if isinstance(entry, Item)]
    return {item.path.stem: item for item in found if item.path.parent == folder}


def _pixels(plugins: Plugins, item: Item, options: Mapping[str, Options]) -> Array:
    source = verbs.open_source(plugins, item, options[item.domain])
    try:
        view = image_channels(source)
        return view.read(Window.whole(view.grid.shape), 0).values
    finally:
        source.close()


def _enlarged(plugins: Plugins, item: Item, model: str, scale: int, options: Mapping[str, Options]) -> Array:
    """Return SR ``(C, row, column)`` as 8-bit numbers."""
    source = verbs.open_source(plugins, item, options[item.domain])
    try:
        enlarger = EnlargerShelf(plugins, model, Scale(scale, scale)).choose(item.domain, source)
        shape = tuple(n * scale for n in source.grid.shape)
        block = enlarge_whole(enlarge(plugins, source, enlarger, domain=item.domain), shape)
    finally:
        source.close()
    result: Array = np.clip(np.rint(block.values), 0, 255)[:3]
    return result


def _figures(sr: Array, hr: Array, scale: int, more: Mapping[str, Metric]) -> dict[str, float]:
    """Return PSNR and SSIM of the luma inside of the border, and `more` of all."""
    hr = hr[:3, : sr.shape[1], : sr.shape[2]]
    inner = (slice(None), slice(scale, -scale), slice(scale, -scale))
    a, b = luma(sr)[inner], luma(hr)[inner]
    usual = {"psnr": psnr(a, b, data_range=255), "ssim": ssim(a, b, data_range=255)}
    return usual | {name: metric.of(sr, hr, None, 255, scale) for name, metric in more.items()}
