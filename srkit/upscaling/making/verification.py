"""Opens what was written and compares: corners, every sample, and what the format itself can say."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srkit.domain import Finding, Item, Skipped
from srkit.errors import InputError, OutputError
from srkit.grid import Grid, Slab, Window
from srkit.image import Array, Encoding, OutputPlan, Source
from srkit.plugins import discover, open_source, verify_staged
from srkit.upscaling.enlarging.engine import Step, read
from srkit.upscaling.enlarging.slabs import thin_parts
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.staging import disk_is_full
from srkit.upscaling.session import Session

PIXEL_TOLERANCE = 1e-6
PART_SAMPLES = 2**21  # per channel, read at once: thinner parts would unpack a format's blocks again and again
READ_IN_A_MOMENT = 2**22  # samples per channel
WORLD_TOLERANCE, COARSE_PIXEL_TOLERANCE = 1e-4, 1e-3
"""For formats that keep geometry in float32 (NIfTI): units of the world, and never more than this of a sample."""
FLOAT32_STEPS, FLOAT32_PIXEL_TOLERANCE = 4, 1e-4
"""The same where the world's unit is small (micrometres): what float32 can tell apart, and a bound in samples."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a sink was given: the slabs' kind, one checksum each in file order, and whether it promises them back."""

    slab: Slab
    checksums: Sequence[int]
    lossless: bool


def checksum(stored: Array, encoding: Encoding, axis: int) -> int:
    """Return the CRC-32 of a slab along `axis` as it comes back, taken in thin parts as they are read again."""
    number = 0
    for part in thin_parts(Window.whole(stored.shape[1:]), axis, PART_SAMPLES):
        number = _checksum(stored[(slice(None), *part.slices)], encoding, number)
    return number


def _checksum(stored: Array, encoding: Encoding, number: int) -> int:
    """Go on with the CRC-32 `number`; scaled floats lose a bit on the way to values and back."""
    if encoding.dtype.kind == "f" and (encoding.slope != 1.0 or encoding.intercept != 0.0):
        stored = _plain(encoding).encode(encoding.decode(stored))
    plain = np.ascontiguousarray(stored).astype(encoding.dtype.newbyteorder("<"), copy=False)
    return zlib.crc32(plain.data.cast("B") if plain.size else b"", number)


def verify(order: Order, source: Source, *, staged: Path, plan: OutputPlan, written: Written) -> list[Finding]:
    """Return the findings on a staged output. Raises OutputError where it is not what was to be written."""
    session, item = order.session, order.item
    try:
        output = reopened(session, item, staged)
        try:
            check_grid(output.grid, plan.grid)
            _check_samples(output, plan, written, order.manner.checked)
        finally:
            output.close()
    except (InputError, ValueError) as error:
        raise _failed(item, staged, str(error)) from error
    findings = verify_staged(session.plugins, item.domain, source, staged, plan)
    failures = [finding.text for finding in findings if finding.level == "failure"]
    if failures:
        raise _failed(item, staged, "; ".join(failures))
    return findings


def _failed(item: Item, staged: Path, reason: str) -> OutputError:
    if disk_is_full(staged):
        return OutputError(f"{item.path}: the disk is full; nothing was written, free some space and start again")
    return OutputError(f"{item.path}: the output did not pass its verification and was removed: {reason}")


def reopened(session: Session, item: Item, staged: Path) -> Source:
    """Open an output, staged or at its place, as the item of the same kind that it is. Raises InputError."""
    found = discover(session.plugins, staged, session.unselecting, domain=item.domain)
    items = [entry for entry in found if isinstance(entry, Item)]
    if len(items) != 1:
        reasons = [entry.reason for entry in found if isinstance(entry, Skipped)]
        raise InputError(f"{len(items)} items are found in it instead of one ({'; '.join(reasons) or 'no reason'})")
    return open_source(session.plugins, items[0], session.of(item.domain))


def check_grid(found: Grid, wanted: Grid) -> None:
    """Raise InputError where an output lies elsewhere than it must."""
    if found.is_pixel_space and found.shape == wanted.shape and wanted.reference is None:
        return  # the format says nothing of where samples lie, so every file counts its own
    distance = wanted.distance(found)
    if distance <= PIXEL_TOLERANCE:
        return
    if found.shape != wanted.shape:
        raise InputError(f"it has {found.shape} samples instead of {wanted.shape}")
    world = float(np.abs(found.corners() - wanted.corners()).max()) if np.isfinite(distance) else np.inf
    steps = FLOAT32_STEPS * float(np.finfo(np.float32).eps) * float(np.abs(wanted.corners()).max())
    near = world <= WORLD_TOLERANCE and distance <= COARSE_PIXEL_TOLERANCE
    if not (near or (world <= steps and distance <= FLOAT32_PIXEL_TOLERANCE)):
        raise InputError(f"its corners are off by {distance:.3g} of a sample")


def _check_samples(output: Source, plan: OutputPlan, written: Written, told: Step | None) -> None:
    """Read every slab again; a format with loss is read, so that a broken stream is found, and not compared."""
    if (len(output.channels), output.frames) != (len(plan.channels), plan.frames):
        raise InputError(
            f"it has {len(output.channels)} channels and {output.frames} frames "
            f"instead of {len(plan.channels)} and {plan.frames}"
        )
    expected = iter(written.checksums)
    tally = _Tally(plan, written.slab, told)
    for frame in range(plan.frames):
        for window in written.slab.windows(plan.grid.shape):
            number = 0
            for part in thin_parts(window, written.slab.axis, PART_SAMPLES):
                block = read(output, part, frame)
                number = _checksum(_plain(plan.encoding).encode(block.values, block.valid), plan.encoding, number)
                tally.add(part)
            if written.lossless and number != next(expected, None):
                raise InputError(f"samples {window.start} to {window.stop} of frame {frame} are not what was written")


class _Tally:
    """Tells of the parts that are read, where that takes a while."""

    def __init__(self, plan: OutputPlan, slab: Slab, told: Step | None) -> None:
        windows = slab.windows(plan.grid.shape)
        parts = plan.frames * sum(1 for window in windows for _ in thin_parts(window, slab.axis, PART_SAMPLES))
        samples = plan.frames * Window.whole(plan.grid.shape).size
        self._done, self._total, self._told = 0, parts, told if samples > READ_IN_A_MOMENT else None
        if self._told is not None:
            self._told(0, parts, Window.whole((0,) * plan.grid.ndim))

    def add(self, part: Window) -> None:
        """Count a part."""
        self._done += 1
        if self._told is not None:
            self._told(self._done, self._total, part)


def _plain(encoding: Encoding) -> Encoding:
    """Return the encoding without its marks: what was nudged off them once must not be moved again."""
    return replace(encoding, nodata=(), reserved=())
