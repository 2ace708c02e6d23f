"""Writes docs/images from what `make demo` left behind: `python docs/make_pictures.py [demo-output]`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srkit.demo.page import detail
from srkit.demo.views import plane_of
from srkit.plugins import load_plugins
from srkit.report import Levels, Picture, shared_window

SIZE, GAP, LABEL = 300, 8, 28
PAPER, INK = 255, 40


def details(demo: Path) -> list[Picture]:
    """Return the same detail of input, interpolation, output and original, with captions."""
    plugins = load_plugins()
    name = "z092-107.nii.gz"
    outputs = demo / "outputs"
    places = (
        ("input", demo / "data" / "mri-degraded" / name, 1),
        ("B-spline interpolation", outputs / "t1-slab-held-out-of-training-bspline" / name, 2),
        ("model", outputs / "t1-slab-held-out-of-training" / name, 2),
        ("original", demo / "data" / "mri-reference" / name, 2),
    )
    planes = [plane_of(plugins, path, "mri", scale=scale, rows_up=True) for _, path, scale in places]
    window: Levels = shared_window(planes[-1].values)
    return [detail(plane, window, text, scale) for plane, (text, _, scale) in zip(planes, places, strict=True)]


def strip(pictures: list[Picture]) -> Image.Image:
    """Return pictures side by side, each with its caption below."""
    width = len(pictures) * (SIZE + GAP) - GAP
    canvas = Image.new("L", (width, SIZE + LABEL), PAPER)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=16)
    for number, picture in enumerate(pictures):
        left = number * (SIZE + GAP)
        enlarged = Image.fromarray(np.asarray(picture.pixels)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
        canvas.paste(enlarged, (left, 0))
        pen.text((left, SIZE + 6), picture.caption, fill=INK, font=font)
    return canvas


def main(arguments: list[str]) -> int:
    """Write the pictures; return the exit code."""
    demo = Path(arguments[0] if arguments else "demo-output")
    target = Path(__file__).parent / "images" / "mri-detail.png"
    target.parent.mkdir(exist_ok=True)
    strip(details(demo)).save(target, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
