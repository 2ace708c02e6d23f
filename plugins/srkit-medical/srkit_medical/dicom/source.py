"""A DICOM series as a source: slices decoded one by one, when they are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from srkit.domain import Item, Options
from srkit.errors import InputError, UsageError
from srkit.grid import Grid, Role, Slab, Window
from srkit.image import Array, Block, BoolArray, Channel, Encoding, Source
from srkit_medical.dicom.filling import filled, interpolated
from srkit_medical.dicom.grouping import Series, arrange
from srkit_medical.dicom.instance import Instance
from srkit_medical.dicom.mosaic import read_slices
from srkit_medical.dicom.pixels import read_stored, require_decoder, valid_samples
from srkit_medical.dicom.reading import UnfitError
from srkit_medical.dicom.rescale import common_rescale
from srkit_medical.dicom.rules import AGREEMENT_RULES, PADDED, SERIES
from srkit_medical.selection import quantity_in

SLICE, ROW, COLUMN = 0, 1, 2
BURNED_IN = "has burned-in text, which a network distorts; --accept-burned-in treats it all the same"
_KEPT_SLICES = 16
_MEASURED = {"ct": "HU", "mri": "signal", "pet": "activity"}


class DicomSource:
    """Slices of a series as a volume in axis order (slice, row, column), world LPS in mm.

    `Grid.reference` is a hash of the frame of reference: equal where positions can be compared, and no identifier.
    `quantity` is what a calculated map shows (``ADC``); empty for grey values. `rules` and `agreement_rules` are what
    the verification of an output checks, by number.
    """

    rules: Mapping[str, str] = SERIES

    def __init__(self, series: Series, options: Options) -> None:
        series = filled(series) if options.get("fill") else series
        first = series.first
        self.series = series
        self.options = dict(options)
        self.domain = first.domain
        self.agreement_rules = AGREEMENT_RULES if first.domain == "ct" else PADDED
        self.quantity = quantity_in(first.image_type)
        self.grid = Grid((len(series.frames[0]), *first.shape), series.stack.affine(), _reference(first.frame))
        self.channels: tuple[Channel, ...] = (Channel(_MEASURED[first.domain]),)
        self.encoding = encoding_of(series)
        self.frames = len(series.frames)
        self.roles: Mapping[Role, int] = {"slice": SLICE, "row": ROW, "column": COLUMN}
        self.fixed_axes: Mapping[int, str] = _fixed_axes(series, options)
        self.slab = Slab(SLICE, 1)
        self.extent = Window.whole(self.grid.shape)
        self._slices: OrderedDict[tuple[int, int], tuple[Array, BoolArray | None]] = OrderedDict()

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return rescaled values; under padding lies what the file holds."""
        indices = range(window.start[SLICE], window.stop[SLICE])
        plane = (slice(window.start[ROW], window.stop[ROW]), slice(window.start[COLUMN], window.stop[COLUMN]))
        slices = [self._slice(frame, index) for index in indices]
        if not slices:
            return Block(self.encoding.decode(np.empty((1, *window.shape), self.encoding.dtype)))
        values = np.stack([self._decoded(frame, k, s[plane]) for k, (s, _) in zip(indices, slices, strict=True)])
        if all(valid is None for _, valid in slices):
            return Block(values[None])
        masks = [np.ones(stored.shape, np.bool_) if valid is None else valid for stored, valid in slices]
        return Block(values[None], np.stack([mask[plane] for mask in masks])[None])

    def part(self, window: Window) -> DicomSource:
        """Return the slices of `window` as a series of their own, stored as theirs are.

        Raises UsageError for a window that cuts slices themselves, or an Enhanced object.
        """
        whole = Window.whole(self.grid.shape)
        if type(self) is not DicomSource or window.shape[ROW:] != whole.shape[ROW:]:
            raise UsageError(
                "a DICOM series can be cut between slices alone, an Enhanced object not at all; "
                "leave rows and columns open (:,:,10:20), or convert it to NIfTI first"
            )
        slices = slice(window.start[SLICE], window.stop[SLICE])
        try:
            series = arrange([instance for frame in self.series.frames for instance in frame[slices]])
        except UnfitError as error:
            raise UsageError(f"the slices of this window make no series: {error.reason}") from None
        return DicomSource(series, self.options)

    def for_maps(self) -> tuple[Source, str]:
        """Return the volume that NIfTI makes of the series: maps are one file each, of numbers with fractions."""
        from srkit_medical.nifti.converted import ConvertedSource

        if not self.series.stack.even:
            reason = self.series.stack.unscalable
            raise UsageError(f"maps are NIfTI volumes, which cannot say where these are: {reason}; leave --maps out")
        return ConvertedSource(self), ".nii.gz"

    def close(self) -> None:
        """Forget the slices read last."""
        self._slices.clear()

    def _read_stored(self, instance: Instance) -> Array:
        return read_stored(instance)

    def _stored(self, instance: Instance) -> Array:
        if instance.gap is None:
            return self._read_stored(instance)
        gap = instance.gap
        return interpolated(gap, self._read_stored(gap.low), self._read_stored(gap.high))

    def _decoded(self, frame: int, index: int, stored: Array) -> Array:
        instance = self.series.frames[frame][index]
        return replace(self.encoding, slope=instance.slope, intercept=instance.intercept).decode(stored)

    def _slice(self, frame: int, index: int) -> tuple[Array, BoolArray | None]:
        key = (frame, index)
        if key not in self._slices:
            instance = self.series.frames[frame][index]
            stored = self._stored(instance)
            self._slices[key] = stored, valid_samples(instance, stored)
            if len(self._slices) > _KEPT_SLICES:
                self._slices.popitem(last=False)
        self._slices.move_to_end(key)
        return self._slices[key]


def open_series(item: Item, options: Options) -> DicomSource:
    """Open the series whose instances are `item.paths`, or the Enhanced object that an item with a suffix is.

    Raises InputError where the files are no such series (any more), MissingRequirementError without a decoder.
    """
    from srkit_medical.dicom.discover import series_in

    item = series_in(item)
    if item.suffix:
        from srkit_medical.dicom.enhanced.source import open_enhanced

        return open_enhanced(item, options)
    instances: list[Instance] = []
    for path in item.paths:
        try:
            instances += read_slices(path)
        except UnfitError as error:
            raise InputError(f"{path}: {error.reason}") from None
    for syntax in {instance.syntax for instance in instances}:
        require_decoder(syntax)
    try:
        return DicomSource(arrange(instances), options)
    except UnfitError as error:
        raise InputError(f"{item.path}: {error.reason}") from None


def encoding_of(series: Series) -> Encoding:
    """Return how an output of `series` stores samples: as the slices do, or on one scale where each has its own."""
    instance = series.first
    layout = instance.layout
    slope, intercept = common_rescale(series.instances)
    nodata = () if instance.padding is None else (float(instance.padding[2]),)
    bits = layout.stored if layout.stored < layout.allocated else None
    return Encoding(layout.dtype, slope, intercept, bits, nodata)


def _fixed_axes(series: Series, options: Options) -> Mapping[int, str]:
    """Return which axes may not be scaled, nor be learnt from, and why: all of them where letters are in the image."""
    if any("burned-in" in instance.notes for instance in series.instances) and not options.get("accept_burned_in"):
        return dict.fromkeys((SLICE, ROW, COLUMN), BURNED_IN)
    return {SLICE: series.stack.unscalable} if series.stack.unscalable else {}


def _reference(frame: str) -> str:
    digest = blake2b(frame.encode("utf-8", "replace"), key=b"srkit", digest_size=6).hexdigest()
    return f"LPS {digest}" if frame else "LPS"
