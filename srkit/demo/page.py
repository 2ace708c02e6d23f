"""What the demonstration came to, as a page."""

from __future__ import annotations

from pathlib import Path

import srkit
from srkit.demo.run import FACTOR, SCALE, DemoResult, Shown, trained_name
from srkit.demo.views import Plane, plane_of
from srkit.evaluation import EvaluationTable
from srkit.networks.interpolation import KINDS
from srkit.plugins import Plugins
from srkit.report import Comparison, Levels, Page, Picture, Section, Strip, Table, picture_of, shared_window
from srkit.samples import Sample
from srkit.upscaling import ItemInspection

NOTES = (
    "The held-out slices and the training slices come from one and the same volume, an average of 152 brains. A model "
    "that has seen a brain's neighbours does better on it than on another scanner's patient. Read the figures as proof "
    "that the machinery works, not as the quality to expect; for that, train on many subjects and test on others.",
    "The low-resolution slab was made from the real one by the degradation that the model was trained to undo (a "
    "smaller, Hamming-windowed matrix in k-space). Interpolation does not know of it; part of the model's lead is that "
    "knowledge. A real scan of half the resolution differs from it in noise, contrast and motion.",
    "Where no higher-resolution original exists (the whole T1 volume, the DICOM series, the scene) there is nothing to "
    "measure against. Detail beyond the input is the network's guess. It may be wrong, and it is no basis for a "
    "diagnosis or a measurement.",
)


OVERDONE = (
    "The whole volume and the DICOM series were not degraded first: they are sharper than anything that the model was "
    "trained on, and it overdoes it. Look at the rim of the brain, where edges overshoot. A model is for images like "
    "its training inputs."
)
INTERPOLATED = (
    "The scene is interpolated: no model for it is at hand. It shows that georeferencing, nodata and storage survive, "
    "not that the scene gained information."
)


def notes_of(result: DemoResult) -> tuple[str, ...]:
    """Return what a reader must know, according to which models there were."""
    made_by = {(shown.sample.job, shown.result.model) for shown in result.shown}
    trained = {trained_name(shown.sample.domain) for shown in result.shown}
    shipped = sorted(set(result.at_hand.values()))
    notes = {
        OVERDONE: any(job == "upscale" and model in trained for job, model in made_by),
        INTERPOLATED: any(job == "interpolate" and model in KINDS for job, model in made_by),
        f"What {' and '.join(shipped)} learnt from, and what is known of it, `srkit models show` tells.": bool(shipped),
    }
    return (*NOTES, *(note for note, holds in notes.items() if holds))


def demo_page(result: DemoResult) -> Page:
    """Return the page of a demonstration."""
    sections = [_figures(result), *(_shown(result.plugins, shown) for shown in result.shown)]
    sections += [_inspected(*entry) for entry in result.inspected]
    return Page(
        title=f"srkit: what ×{FACTOR} looks like on real data",
        lead="Everything below was made on this machine a moment ago, from real images that come inside Python "
        "packages: a small model was trained, applied, and each output read back and verified before it appeared.",
        sections=(*sections, _outputs(result)),
        notes=notes_of(result),
        foot=f"Written by srkit {srkit.__version__}. This page holds all of its pictures; it loads nothing.",
    )


def figures_of(table: EvaluationTable) -> list[tuple[str, float, float]]:
    """Return (model, PSNR in dB, SSIM) of a table's models."""
    return [(model, table.means[model]["psnr"], table.means[model]["ssim"]) for model in table.models]


def _figures(result: DemoResult) -> Section:
    parts: list[str | Table] = []
    training = result.training
    if training is not None:
        parts.append(
            f"A small network was trained for {training.steps} steps on slabs of one MRI volume and measured on a slab "
            "of the same volume that training never saw. Higher is better."
        )
    for sample, table in result.tables:
        parts.append(_psnr_table(sample, table))
    return Section("Against interpolation", tuple(parts))


def _psnr_table(sample: Sample, table: EvaluationTable) -> Table:
    found = figures_of(table)
    best = max(range(len(found)), key=lambda i: found[i][1])
    trained = trained_name(sample.domain)
    rows = tuple(
        (f"{name} (trained here)" if name == trained else name, f"{psnr:.2f}", f"{ssim:.4f}")
        for name, psnr, ssim in found
    )
    head = ("enlarged by", "PSNR, dB", "SSIM")
    return Table(head, rows, frozenset({(best, 1)}), caption=f"{sample.title}, degraded and enlarged again")


def _shown(plugins: Plugins, shown: Shown) -> Section:
    sample, result = shown.sample, shown.result
    if result.output is None:
        return Section(sample.title, (sample.story, f"{result.status}: {result.reason}"))
    before = _plane(plugins, shown.source, sample, 1)
    after = _plane(plugins, result.output, sample, FACTOR)
    window = shared_window(before.values, before.valid)
    how = f"{result.model}, ×{SCALE}"
    comparison = Comparison(
        f"Input and output ({how})",
        picture_of(before.values, window, caption="input, its own pixels", spacing=before.spacing),
        picture_of(after.values, window, caption=f"output by {how}", spacing=after.spacing),
    )
    strip = _strip(plugins, shown, before, after) if shown.beside else ()
    findings = [f.text for f in result.findings if f.level == "warning"]
    said = (f"srkit says: {'; '.join(findings)}.",) if findings else ()
    return Section(sample.title, (sample.story, *said, comparison, *strip))


def _plane(plugins: Plugins, path: Path, sample: Sample, scale: int) -> Plane:
    return plane_of(plugins, path, sample.domain, scale=scale, rows_up=sample.rows_up)


def _strip(plugins: Plugins, shown: Shown, before: Plane, after: Plane) -> tuple[Strip, ...]:
    """Return the same detail of input, other outputs, output and original, side by side."""
    sample = shown.sample
    others = [(_made_by(name), _plane(plugins, path, sample, FACTOR), FACTOR) for name, path in shown.beside]
    planes: list[tuple[str, Plane, int]] = [
        ("input", before, 1),
        *others,
        (_made_by(shown.result.model), after, FACTOR),
        ("original", _plane(plugins, sample.path, sample, FACTOR), FACTOR),
    ]
    window = shared_window(planes[-1][1].values)
    return (Strip(tuple(detail(plane, window, caption, scale) for caption, plane, scale in planes)),)


def _made_by(name: str) -> str:
    return f"{name} interpolation" if name in KINDS else f"output of {name}"


def detail(plane: Plane, window: Levels, caption: str, scale: int) -> Picture:
    """Return the same part of planes of different `scale`, large enough to see single samples."""
    rows, columns = (n // scale for n in plane.values.shape[1:])
    top, left, size = rows * 3 // 10, columns // 10, min(rows, columns) * 4 // 10
    part = plane.values[:, top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    return picture_of(part, window, caption=caption, spacing=plane.spacing)


def _inspected(sample: Sample, inspection: ItemInspection, answer: str) -> Section:
    rows = [("item", sample.path.name), ("domain", inspection.domain or "none")]
    if inspection.error:
        rows.append(("srkit inspect", inspection.error))
    else:
        rows.append(("size", " × ".join(map(str, inspection.shape))))
        rows += [(finding.level, finding.text) for finding in inspection.findings]
    return Section(sample.title, (sample.story, Table(("what", "understood"), (*rows, ("srkit upscale", answer)))))


def _outputs(result: DemoResult) -> Section:
    rows = []
    for shown in result.shown:
        item = shown.result
        place = str(item.output.relative_to(result.folder)) if item.output else ""
        verified = "yes" if item.status == "done" else item.reason
        rows.append((shown.sample.title, item.domain, item.model, verified, f"{item.seconds:.1f}", place))
    head = ("sample", "domain", "model", "verified", "seconds", "output")
    text = (
        "Verified means: the finished output was opened again, every sample compared with what was meant to be "
        "written, its corners in the world compared with the input's, and the format's own rules checked. Only then "
        "did it appear under its name."
    )
    return Section("Outputs", (text, Table(head, tuple(rows))))
