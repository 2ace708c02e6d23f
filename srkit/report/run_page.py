"""The page of a training run: its curves, its latest pictures, its figures; made from what the run wrote down."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srkit.report.curves import Curves
from srkit.report.page import Page, Part, Section, Strip, Table, write_page
from srkit.report.pictures import Picture

NAME = "index.html"
Entry = Mapping[str, Any]
NOTES = (
    "Figures are means over patches of the held-out split, degraded as in training; whole images, other scanners or "
    "sensors, and real low resolution may fare differently.",
    "PSNR and SSIM measure fidelity, not looks. What a network adds is plausible, not measured.",
)


def write_run_page(folder: Path) -> Path:
    """Write the page of the run in `folder` from its ``log.jsonl``, pictures and recipe, and return its path."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    sections = [Section("Figures on held-out data", (*_validation(entries), *_best(entries)))]
    sections.append(Section("Losses", tuple(_training(entries))))
    pictures = sorted((folder / "samples").glob("step_*.png"))
    if pictures:
        sections.append(Section("Pictures", tuple(_pictures(pictures[-1]))))
    steps = max((entry["step"] for entry in entries), default=0)
    page = Page(
        title=f"Training run {folder.resolve().name}",
        lead=f"{steps} steps so far. The recipe is in recipe.yaml, every figure in log.jsonl.",
        sections=tuple(section for section in sections if section.parts),
        notes=NOTES,
    )
    write_page(folder / NAME, page)
    return folder / NAME


def _series(entries: Iterable[Entry], key: str) -> dict[str, list[tuple[float, float]]]:
    """Return ``(step, value)`` by the names below `key`, or of `key` itself where it holds a number."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry in entries:
        held = entry.get(key, {})
        for name, value in (held if isinstance(held, Mapping) else {key: held}).items():
            if value is not None:
                found[name].append((entry["step"], float(value)))
    return dict(found)


def _validation(entries: list[Entry]) -> list[Part]:
    baselines: Mapping[str, Any] = next((entry["baselines"] for entry in entries if "baselines" in entry), {})
    units = {"psnr": ("PSNR", "dB"), "ssim": ("SSIM", "")}
    curves: list[Part] = []
    for name, points in _series(entries, "validation").items():
        title, unit = units.get(name, (name, ""))
        levels = {kind: row[name] for kind, row in baselines.items() if row.get(name) is not None}
        curves.append(Curves(title, {"model": points}, unit, levels))
    return curves


def _best(entries: list[Entry]) -> list[Part]:
    rows = [(str(e["step"]), e["validation"]) for e in entries if e.get("validation", {}).get("psnr") is not None]
    if not rows:
        return []
    best = max(rows, key=lambda row: row[1]["psnr"])
    cells = tuple(
        (what, step, f"{row['psnr']:.2f}", f"{row['ssim']:.4f}" if row.get("ssim") is not None else "–")
        for what, (step, row) in (("best", best), ("last", rows[-1]))
    )
    return [Table(("model", "step", "PSNR, dB", "SSIM"), cells)]


def _training(entries: list[Entry]) -> list[Part]:
    drawings = [
        Curves("Losses, unweighted", _series(entries, "losses"), logarithmic=True),
        Curves("Learning rate", _series(entries, "learning_rate"), logarithmic=True),
        Curves(
            "Health: gradient norms, and what the discriminator believes", _series(entries, "health"), logarithmic=True
        ),
    ]
    return [drawing for drawing in drawings if drawing.svg()]


def _pictures(path: Path) -> list[Part]:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    step = int(path.stem.rpartition("_")[2])
    text = f"After step {step}, a row for each held-out patch: LR, interpolated, SR, HR, error."
    return [text, Strip((Picture(pixels, "the error is five times as bright as the pictures"),))]
