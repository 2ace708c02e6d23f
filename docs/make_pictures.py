"""Writes docs/images: `python docs/make_pictures.py [demo-output]`.

`mri-detail.png` comes of what `make demo` left behind; where a model was at hand there, its output is shown, else that
of the model trained there. `NAME.png` of each model that plugins ship shows a detail of an item that
`benchmarks/quality/items.csv` names for the picture, below SRKIT_DATA. What is not there is left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srkit import plugins as verbs
from srkit.demo.collection import open_at
from srkit.demo.page import detail
from srkit.demo.views import plane_of
from srkit.evaluation.reference import Reference, make_reference
from srkit.grid import Window
from srkit.image import Array
from srkit.models.file import load_model
from srkit.plugins import Plugins, load_plugins
from srkit.report import Levels, Picture, picture_of, shared_window
from srkit.upscaling import Enlarger, enlarge
from srkit.upscaling.enlarging.engine import enlarge_whole
from srkit.upscaling.planning.linear import wiener

DOCS = Path(__file__).resolve().parent
QUALITY = DOCS.parent / "benchmarks" / "quality"
sys.path.insert(0, str(QUALITY))
from plan import Plan, plan_for  # noqa: E402  lies beside the tables that it reads

DATA = Path(os.environ.get("SRKIT_DATA", DOCS.parents[1] / "shared" / "data"))
SIZE, GAP, LABEL = 300, 8, 28
PAPER, INK = 255, 40
SHARE = {"row": 0.35, "slice": 0.9}
"""Of an item's smaller extent that a detail shows, by the axis that stands upright: of stacks, nearly all."""


def demo_details(demo: Path) -> list[Picture]:
    """Return the same detail of input, interpolation, output and original of the demonstration, with captions."""
    plugins = load_plugins()
    name, slug = "z092-107.nii.gz", "t1-slab-held-out-of-training"
    outputs = demo / "outputs"
    at_hand = [path for path in sorted(outputs.glob(f"{slug}-*")) if not path.name.endswith("-bspline")]
    shown = at_hand[0] if at_hand else outputs / slug
    places = (
        ("input", demo / "data" / "mri-degraded" / name, 1),
        ("B-spline interpolation", outputs / f"{slug}-bspline" / name, 2),
        (shown.name.removeprefix(f"{slug}-") if at_hand else "model", shown / name, 2),
        ("original", demo / "data" / "mri-reference" / name, 2),
    )
    planes = [plane_of(plugins, path, "mri", scale=scale, rows_up=True) for _, path, scale in places]
    window: Levels = shared_window(planes[-1].values)
    return [detail(plane, window, text, scale) for plane, (text, _, scale) in zip(planes, places, strict=True)]


def model_details(path: Path, data: Path, plugins: Plugins, plan: Plan | None = None) -> list[Picture]:
    """Return the same detail of input, interpolation, linear reconstruction, output and original, with captions."""
    model = load_model(path, plugins)
    domain, scale = model.info.domain, model.info.scale
    plan = plan or plan_for(model.info, QUALITY)
    with closing(open_at(plugins, data / plan.of_use("picture")[0].path, domain)) as source:
        pair = make_reference(plugins, source, domain=domain, scale=scale, degradation=plan.linear)
    rivals = {
        "B-spline interpolation": Enlarger.baseline("bspline", scale),
        "linear reconstruction": wiener(plugins, domain, pair.lr, scale, plan.linear),
        model.info.name: Enlarger.of_model(model),
    }
    images = {"input": pair.lr.read(Window.whole(pair.lr.grid.shape), 0).values}
    for name, enlarger in rivals.items():
        images[name] = enlarge_whole(enlarge(plugins, pair.lr, enlarger, domain=domain), pair.hr.shape[1:]).values
    images["original"] = pair.hr
    upright = "slice" if scale.slice > 1 else "row"
    planes = {name: _middle(image, pair, upright) for name, image in images.items()}
    window = shared_window(planes["original"])
    return [picture_of(plane, window, caption=name) for name, plane in planes.items()]


def _middle(image: Array, pair: Reference, upright: str) -> Array:
    """Return a square of the world from the middle of an image, ``(C, upright axis, columns)``."""
    grid, roles = pair.lr.grid, dict(pair.lr.roles)
    axes = [roles[upright], roles["column"]]
    extents = [grid.shape[axis] * grid.spacing[axis] for axis in axes]
    side = SHARE[upright] * min(extents)
    index: list[slice | int] = [slice(None), *(n // 2 for n in image.shape[1:])]
    for axis in axes:
        size = max(1, round(side / grid.spacing[axis]))
        times = image.shape[1 + axis] // grid.shape[axis]
        first = (grid.shape[axis] - size) // 2
        index[1 + axis] = slice(first * times, (first + size) * times)
    plane = image[tuple(index)]
    return plane if axes[0] < axes[1] else plane.swapaxes(1, 2)


def strip(pictures: Sequence[Picture]) -> Image.Image:
    """Return pictures side by side, each with its caption below."""
    mode = "RGB" if any(picture.pixels.ndim == 3 for picture in pictures) else "L"
    width = len(pictures) * (SIZE + GAP) - GAP
    canvas = Image.new("L", (width, SIZE + LABEL), PAPER).convert(mode)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=16)
    for number, picture in enumerate(pictures):
        left = number * (SIZE + GAP)
        enlarged = Image.fromarray(np.asarray(picture.pixels)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
        canvas.paste(enlarged, (left, 0))
        pen.text((left, SIZE + 6), picture.caption, fill=INK if mode == "L" else (INK,) * 3, font=font)
    return canvas


def main(arguments: list[str]) -> int:
    """Write the pictures; return the exit code."""
    demo, target, plugins = Path(arguments[0] if arguments else "demo-output"), DOCS / "images", load_plugins()
    target.mkdir(exist_ok=True)
    if demo.is_dir():
        strip(demo_details(demo)).save(target / "mri-detail.png", optimize=True)
    for entry in verbs.models(plugins) if DATA.is_dir() else []:
        strip(model_details(entry.path, DATA, plugins)).save(target / f"{entry.path.stem}.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
