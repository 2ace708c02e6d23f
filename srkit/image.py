"""What is read from an item and written to an output: blocks of samples, their meaning and their storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import TracebackType
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from srkit.errors import UsageError
from srkit.grid import Grid, Role, Slab, Window

Array = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of an item.

    `image` channels enter a network; `alpha` and `category` channels are repeated, never interpolated.

    Parameters
    ----------
    name
        What the file calls it.
    wavelength_nm, bandwidth_nm
        Centre, and full width at half maximum, in nanometres; None where they are not known.
    aliases
        Other names that mean the same wherever they are met (``red``).
    quantity
        What its numbers measure (``reflectance``, ``display``, ``HU``); empty where that is not known.
    """

    name: str
    role: Literal["image", "alpha", "category"] = "image"
    wavelength_nm: float | None = None
    bandwidth_nm: float | None = None
    aliases: tuple[str, ...] = ()
    quantity: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """Samples of one window.

    Parameters
    ----------
    values
        ``(C, *spatial)`` in grid axis order, float32, or float64 where float32 cannot hold the stored type; in
        units after slope and intercept. Under invalid samples lies what the file holds.
    valid
        ``(C, *spatial)`` or ``(1, *spatial)``, True where a sample is real data; None where all are.
    """

    values: Array
    valid: BoolArray | None = None


def working_dtype(stored: npt.DTypeLike) -> np.dtype[Any]:
    """Return the float type that holds every value of `stored`: float32 up to 24 bits, else float64.

    Raises TypeError for 64-bit integers, complex and anything else that no float type holds.
    """
    dtype = np.dtype(stored).newbyteorder("=")
    if (dtype.kind in "iu" and dtype.itemsize <= 2) or dtype in (np.float16, np.float32, np.bool_):
        return np.dtype(np.float32)
    if (dtype.kind in "iu" and dtype.itemsize == 4) or dtype == np.float64:
        return np.dtype(np.float64)
    raise TypeError(f"no float type holds {dtype} exactly")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How values are stored: ``value = stored * slope + intercept``.

    Parameters
    ----------
    dtype
        Stored type.
    slope, intercept
        Applied once, for all samples of the item.
    bits
        Significant bits of an integer type, where fewer than its width (DICOM BitsStored).
    nodata
        One stored value per channel that means "no data" (may be NaN), or None; empty for none at all.
        A valid sample is never stored as it.
    reserved
        The same for a value that marks what could not be measured (a saturated sample): its samples are invalid, and
        stay what they are.
    """

    dtype: np.dtype[Any]
    slope: float = 1.0
    intercept: float = 0.0
    bits: int | None = None
    nodata: tuple[float | None, ...] = ()
    reserved: tuple[float | None, ...] = ()

    def of_channels(self, chosen: Sequence[int]) -> Encoding:
        """Return how the `chosen` channels are stored, in that order."""
        nodata = tuple(self.nodata[i] for i in chosen) if self.nodata else ()
        return replace(self, nodata=nodata, reserved=tuple(self.reserved[i] for i in chosen) if self.reserved else ())

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest stored value."""
        if self.dtype.kind == "f":
            info = np.finfo(self.dtype)
            return float(info.min), float(info.max)
        if self.dtype == np.bool_:
            return 0.0, 1.0
        width = self.bits or 8 * self.dtype.itemsize
        signed = self.dtype.kind == "i"
        return (-float(2 ** (width - 1)), float(2 ** (width - 1) - 1)) if signed else (0.0, float(2**width - 1))

    def decode(self, stored: Array) -> Array:
        """Return stored samples as values, in the working float type; slope 1 and intercept 0 change nothing."""
        values = stored.astype(working_dtype(self.dtype))
        if self.slope == 1.0 and self.intercept == 0.0:
            return values
        return (values.astype(np.float64) * self.slope + self.intercept).astype(values.dtype)

    def encode(self, values: Array, valid: BoolArray | None = None) -> Array:
        """Return `values` ``(C, *spatial)`` as stored samples: unscaled, rounded, clipped, nudged off nodata.

        Integers round half to even; finite numbers saturate. Valid samples (all, where `valid` is None) that would be
        stored as their channel's nodata or reserved value move to the nearest other stored value. NaN has no integer:
        on invalid samples it becomes nodata (or 0), on valid samples it raises ValueError.
        """
        numbers = values
        if self.slope != 1.0 or self.intercept != 0.0:
            numbers = (values.astype(np.float64) - self.intercept) / self.slope
        stored = self._to_floats(numbers) if self.dtype.kind == "f" else self._to_integers(numbers, valid)
        for channel in range(len(stored)):
            marks = self._marks(channel)
            for mark in marks:
                self._nudge(stored[channel], mark, marks, _of_channel(valid, channel))
        return stored

    def beyond(self, values: Array, valid: BoolArray | None = None) -> int:
        """Return how many valid samples of `values` ``(C, *spatial)`` saturate: an integer type cannot hold them."""
        if self.dtype.kind == "f":
            return 0
        low, high = self.limits
        ends = [(low - 0.5) * self.slope + self.intercept, (high + 0.5) * self.slope + self.intercept]
        outside = (values < min(ends)) | (values > max(ends))
        return int(np.count_nonzero(outside if valid is None else outside & valid))

    def _marks(self, channel: int) -> list[float]:
        """Return the stored values that no valid sample of a channel may have."""
        said = [values[channel] for values in (self.nodata, self.reserved) if values]
        return [value for value in said if value is not None and not np.isnan(value)]

    def _to_floats(self, numbers: Array) -> Array:
        if self.dtype.itemsize < numbers.dtype.itemsize:
            numbers = np.where(np.isfinite(numbers), np.clip(numbers, *self.limits), numbers)
        return numbers.astype(self.dtype)

    def _to_integers(self, numbers: Array, valid: BoolArray | None) -> Array:
        low, high = self.limits
        missing = np.isnan(numbers)
        if missing.any():
            if valid is None or (missing & valid).any():
                raise ValueError(f"a valid sample is not a number and cannot be stored as {self.dtype}")
            fills = [0.0 if n is None or np.isnan(n) else n for n in self.nodata] or [0.0]
            fill = np.array(fills).reshape(-1, *([1] * (numbers.ndim - 1)))
            numbers = np.where(missing, fill, numbers)
        return np.clip(np.rint(numbers), low, high).astype(self.dtype)

    def _nudge(self, stored: Array, mark: float, marks: list[float], valid: BoolArray | None) -> None:
        low, high = self.limits
        if not low <= mark <= high or (self.dtype.kind != "f" and mark != int(mark)):
            return  # the type has no such value
        hits = stored == self.dtype.type(mark)
        if valid is not None:
            hits &= valid
        if self.dtype.kind == "f":
            stored[hits] = np.nextafter(self.dtype.type(mark), self.dtype.type(0 if mark else 1))
        else:
            near = (mark - 1, mark + 1, mark - 2, mark + 2)
            stored[hits] = next(value for value in near if low <= value <= high and value not in marks)


def _of_channel(valid: BoolArray | None, channel: int) -> BoolArray | None:
    if valid is None:
        return None
    result: BoolArray = valid[channel if valid.shape[0] > 1 else 0]
    return result


@runtime_checkable
class Source(Protocol):
    """One opened item, read by windows. One thread reads a source; it need not be picklable.

    Attributes
    ----------
    grid
        Where the samples lie. Its axis order is the plugin's choice and the order of all arrays.
    channels
        One `Channel` per channel, in file order.
    encoding
        How the file stores samples; the output is stored the same way unless the user asks for another.
    frames
        Number of volumes or images on the same grid (time points); at least 1.
    roles
        Which grid axis is ``row``, ``column``, ``slice``; axes of the eye, not of the file.
    fixed_axes
        Grid axes that may not be scaled, each with the reason in words.
    slab
        The order in which reading is cheap.
    extent
        What `read` can serve: the whole grid, or more where neighbours exist.

    A source may have one attribute more, `sample_sizes`: the size of a sample along each grid axis in one unit for all
    items of the domain (None where it is not known). Without it the grid's spacing is taken for that.

    Three attributes more are for `srkit verify`: `rules`, a mapping from the number of each rule that `srkit_verify`
    checks of its outputs to words for where it holds; `agreement_rules`, the domain's numbers for what the core
    measures itself (``radiometric``, ``spectral``, and, where they are to be compared, ``classes`` and ``validity``);
    and `provenance`, what a finished output says of how it came about.
    """

    grid: Grid
    channels: tuple[Channel, ...]
    encoding: Encoding
    frames: int
    roles: Mapping[Role, int]
    fixed_axes: Mapping[int, str]
    slab: Slab
    extent: Window

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`, which lies inside `extent`; no axis is ever dropped.

        Raises InputError where the file turns out to be broken.
        """
        ...

    def close(self) -> None:
        """Release what the source holds; reading afterwards is an error."""
        ...


@runtime_checkable
class DivisibleSource(Source, Protocol):
    """A source of which parts can be written as outputs of their own (``--window``)."""

    def part(self, window: Window) -> Source:
        """Return the samples of `window`, which lies inside the grid, as a source that tells true things of itself.

        Its grid is ``grid.part(window)`` (in pixel space: pixels of its own), everything that moves with the geometry
        has moved, its encoding is this one's. It reads what this source reads, for as long as this one is open; it is
        never closed itself. Raises UsageError, in one sentence, for a window that the format cannot be cut to.
        """
        ...


@runtime_checkable
class MappableSource(Source, Protocol):
    """A source whose own format cannot hold the maps of its output (``--maps``): one file, float32."""

    def for_maps(self) -> tuple[Source, str]:
        """Return a source of the same samples, of a format that can, and the suffix of its files.

        Its axes may be others, with the same roles. It reads what this source reads, for as long as this one is open;
        it is never closed itself. Raises UsageError, in one sentence, where there is no such format for this item.
        """
        ...


@runtime_checkable
class Sink(Protocol):
    """Takes every slab of an output once, in file order (frames outermost), from one thread, already encoded.

    The core stages, verifies and renames; a sink only writes below the target that it was created with.
    Leaving the context without an error completes the output; leaving it with one may leave anything behind.

    Attributes
    ----------
    slab
        The pieces that it wants.
    lossless
        Whether reading the output gives back the stored samples exactly (False for JPEG).

    A sink may have one method more, `conclude(agreement)`: called once, after the last slab and before the context is
    left, with plain values that say how far the output agrees with its input
    (`srkit.upscaling.fidelity.agreement`), for formats that can still say so then. It may have one attribute more,
    `side_files`: names beside its target (``scene.tif.aux.xml``) that readers take for part of the output. What an
    older output left under such a name is removed when the output appears. Two numbers of bytes are asked for before
    the work: `room`, what it may take on disk while it is made (by default all samples as they are stored), and
    `cache`, what it keeps in memory beside the slab that it is given.
    """

    slab: Slab
    lossless: bool

    def __enter__(self) -> Self:
        """Open the output; before that, a sink touches nothing on disk."""
        ...

    def write(self, window: Window, frame: int, stored: Array, valid: BoolArray | None) -> None:
        """Write one slab.

        `stored` is ``(C, *spatial)`` in the stored type, `valid` as in `Block` (None: all valid), for formats that
        keep validity beside the samples. Raises OutputError where that fails.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the output, or give it up where `error` is set."""
        ...


@runtime_checkable
class Normalizer(Protocol):
    """Maps an item's values to a network's range and back, with one mapping for the whole item.

    Attributes
    ----------
    spec
        JSON-ready description with every number in it, written into provenance.

    A normaliser may have one attribute more, `by_item`: True where its numbers come from the item itself, so that items
    of another range or quantity suit a model as well.
    """

    spec: Mapping[str, Any]

    def normalise(self, values: Array) -> Array:
        """Return ``(C, *spatial)`` values as network numbers, same shape, float32."""
        ...

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return network numbers as values.

        `interpolated` holds the input's own values on the output grid, so that what a network must not change
        (CT beyond its window) can pass through.
        """
        ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an output came about. No dates: same input, model and options give the same bytes.

    `route` holds ``device`` and ``precision``, and ``backend`` where another runtime than torch computed the network.
    `methods` says of each output channel how it was enlarged: by the model's name, ``bicubic`` or ``repeated``.
    `strength` is the model's share where its result was mixed with interpolation. `consistency` holds the ``rounds``
    by which the output was made to agree with its input, and the ``degradation`` it was compared under; empty where
    that was not done.
    """

    version: str
    model: str
    model_sha256: str | None
    scale: str
    route: Mapping[str, Any] = field(default_factory=dict)
    normalizer: Mapping[str, Any] = field(default_factory=dict)
    degradation: tuple[Mapping[str, Any], ...] = ()
    perceptual: bool = False
    methods: tuple[str, ...] = ()
    strength: float = 1.0
    consistency: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether it is known how the output came about; of a finished file that does not say so, it is not."""
        return bool(self.model)

    def sentence(self) -> str:
        """Return one ASCII sentence for fields that hold free text."""
        digest = f" {self.model_sha256[:12]}" if self.model_sha256 else ""
        how = "perceptual" if self.perceptual else "fidelity"
        mixed = "" if self.strength == 1 else f", strength {self.strength:g}"
        agreeing = f", consistent in {self.consistency['rounds']} rounds" if self.consistency else ""
        part = f", of it x{self.route['network_scale']} by the model" if "network_scale" in self.route else ""
        runtime = f", computed by {self.route['backend']}" if "backend" in self.route else ""
        made = f"srkit {self.version} super-resolution x{self.scale}{part}, model {self.model}{digest}"
        return f"{made}{runtime}{mixed}{agreeing} ({how})"


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """What an output shall be.

    `grid`, `channels`, `encoding` and `frames` describe the output; `scale` is how many samples an input sample
    becomes per grid axis, a fraction where that is no whole number; `format` is None for the source's own; `options`
    are the domain's. `map_kind` is None for the enlarged image itself, else what a map beside it shows (``residual``):
    what the source says of its grey values is not true of a map's.
    """

    grid: Grid
    channels: tuple[Channel, ...]
    encoding: Encoding
    frames: int
    scale: tuple[int | Fraction, ...]
    provenance: Provenance
    format: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    map_kind: str | None = None

    @property
    def factors(self) -> tuple[int, ...]:
        """The scale, for formats and checks that know whole factors alone. Raises UsageError for others."""
        if any(factor.denominator != 1 for factor in self.scale):
            times = " x ".join(f"{float(factor):.6g}" for factor in self.scale)
            raise UsageError(f"this format takes whole factors alone, and not {times} times the samples; give --scale")
        return tuple(int(factor) for factor in self.scale)
