"""What a user should know about a volume before it is enlarged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from srkit.domain import Finding
from srkit.grid import FloatArray, Grid
from srkit.image import Source
from srkit_medical.nifti.description import read_description
from srkit_medical.nifti.geometry import is_sheared, spacing
from srkit_medical.nifti.rewrite import PRIVATE_EXTENSIONS
from srkit_medical.nifti.source import NiftiSource

LENGTH_UNITS = {0: "unknown", 1: "metres", 2: "millimetres", 3: "micrometres"}
PHASE_SPANS = ((-np.pi, np.pi), (-4096.0, 4096.0), (-4096.0, 4095.0))


@dataclass(frozen=True, slots=True)
class Survey:
    """The voxels in a few numbers; lowest and highest are NaN where no voxel is a number."""

    lowest: float
    highest: float
    invalid: int
    binary: bool


def inspect_file(source: Source) -> list[Finding]:
    """Return findings on the geometry, the units and the voxels of a volume, in that order."""
    if not isinstance(source, NiftiSource):
        return []
    findings = [*_on_forms(source), *_on_header(source)]
    if source.is_label:
        text = "is a label map: labels are repeated and never go through a network"
        return [*findings, Finding("info", text, "N10")]
    return [*findings, *_on_voxels(source, survey(source))]


def _on_forms(source: NiftiSource) -> Iterator[Finding]:
    forms = source.forms
    if forms.used == "pixdim":
        text = "says nothing about orientation (both codes are 0): left/right unknown, and stays so in the output"
        yield Finding("warning", text, "N4")
    if forms.differ and forms.sform is not None and forms.qform is not None:
        yield Finding("warning", _difference(source, forms.sform, forms.qform), "N5")
    if source.grid.ndim == 3 and is_sheared(forms.affine):
        text = "has sheared axes (a tilted gantry?); the output keeps it, which ITK refuses; `deshear` ends it"
        yield Finding("warning", text, "N3")
    if source.header.kind != "mgh" and source.header.fields["qform_code"] > 0 and forms.qform is None:
        yield Finding("warning", "has a broken qform, which the output leaves out; the sform counts", "N1")


def _difference(source: NiftiSource, sform: FloatArray, qform: FloatArray) -> str:
    shape = (*source.grid.shape, 1)[:3]
    apart = np.abs(Grid(shape, sform).corners() - Grid(shape, qform).corners()).max()
    sizes = " and ".join("x".join(f"{x:.4g}" for x in spacing(form)) for form in (sform, qform))
    return (
        f"has a sform and a qform that differ (voxels of {sizes}, corners up to {apart:.3g} apart); "
        f"the {source.forms.used} counts, both are carried over"
    )


def _on_header(source: NiftiSource) -> Iterator[Finding]:
    header = source.header
    if header.kind == "mgh":
        return
    if bytes(header.fields["descrip"].item()).startswith(b"srkit "):
        yield Finding("own", "was made by srkit, as its descrip says", "B3")
    unit = LENGTH_UNITS.get(int(header.fields["xyzt_units"]) & 7, "unknown")
    if unit == "unknown":
        yield Finding("info", "does not name its unit of length; millimetres are assumed, and none is named", "N6")
    elif unit != "millimetres":
        yield Finding("info", f"gives lengths in {unit}; so does the output", "N6")
    private = sorted({PRIVATE_EXTENSIONS[e.code] for e in header.extensions if e.code in PRIVATE_EXTENSIONS})
    if private:
        text = f"has header extensions ({', '.join(private)}), which stay out of the output unless asked for"
        yield Finding("info", text, "N13")
    others = [e.code for e in header.extensions if e.code not in PRIVATE_EXTENSIONS]
    if others:
        yield Finding("info", f"has header extensions of codes {others}, which go into the output as they are", "N13")


def _on_voxels(source: NiftiSource, numbers: Survey) -> Iterator[Finding]:
    if np.isnan(numbers.lowest):
        yield Finding("refusal", "has no voxel that is a number", "N11")
    elif numbers.lowest == numbers.highest:
        yield Finding("warning", f"is constant: every voxel is {numbers.lowest:g}", "N12")
    elif numbers.binary:
        yield Finding("warning", "has two distinct values only; if it is a mask, name the option `label`", "N10")
    if numbers.invalid:
        yield Finding("info", f"has {numbers.invalid} voxels that are no numbers; they stay so in the output", "N11")
    if source.quantity:
        text = f"is a map of {source.quantity} by its name or description; percentiles do not suit it, interpolate it"
        yield Finding("warning", text, "I5")
    if _may_be_phase(source, numbers):
        yield Finding("warning", "may hold wrapped phase, which must not be interpolated: unwrap it first", "N16")


def _may_be_phase(source: NiftiSource, numbers: Survey) -> bool:
    kinds = read_description(source.header.path).get("ImageType")
    if isinstance(kinds, list) and ("P" in kinds or "PHASE" in kinds):
        return True

    return any(np.allclose((numbers.lowest, numbers.highest), span, rtol=1e-3) for span in PHASE_SPANS)


def survey(source: Source) -> Survey:
    """Return extremes and counts of all frames, read slab by slab."""
    lowest, highest, invalid = np.inf, -np.inf, 0
    distinct: set[float] = set()
    for frame in range(source.frames):
        for window in source.slab.windows(source.grid.shape):
            block = source.read(window, frame)
            values = block.values if block.valid is None else block.values[block.valid]
            invalid += block.values.size - values.size
            if values.size:
                lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
            if len(distinct) < 3:
                distinct.update(np.unique(values)[:3].tolist())
    if lowest > highest:
        return Survey(float("nan"), float("nan"), invalid, binary=False)
    return Survey(lowest, highest, invalid, binary=len(distinct) == 2)
