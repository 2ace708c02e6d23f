"""An Enhanced multi-frame volume as a source: read like a series, one frame at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydicom import FileDataset

from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.image import Array
from srkit_medical.dicom.enhanced.frames import read_volumes
from srkit_medical.dicom.instance import Instance
from srkit_medical.dicom.pixels import read_stored, require_decoder
from srkit_medical.dicom.reading import UnfitError, read_pixels
from srkit_medical.dicom.rules import ENHANCED
from srkit_medical.dicom.source import DicomSource


class EnhancedSource(DicomSource):
    """One file that holds all slices, or several as one; its output is one file of the same class.

    A file's bytes stay in memory while it is open, since its header takes long to read; frames are decoded singly.
    """

    rules: Mapping[str, str] = ENHANCED
    _opened: tuple[Path, FileDataset] | None = None

    def close(self) -> None:
        """Forget the file and the frames read last."""
        self._opened = None
        super().close()

    def _read_stored(self, instance: Instance) -> Array:
        if self._opened is None or self._opened[0] != instance.path:
            try:
                self._opened = instance.path, read_pixels(instance.path)
            except UnfitError as error:
                raise InputError(f"{instance.path}: {error.reason}") from None
        return read_stored(instance, self._opened[1])


def open_enhanced(item: Item, options: Options) -> EnhancedSource:
    """Open the volume in the file or files of `item`.

    Raises InputError where it is none (any more), MissingRequirementError without a decoder.
    """
    try:
        volume = read_volumes(*item.paths).get(item.key, UnfitError(f"has no {item.key}; it was changed meanwhile"))
        if isinstance(volume, UnfitError):
            raise volume
    except UnfitError as error:
        raise InputError(f"{item.path}: {error.reason}") from None
    require_decoder(volume.first.syntax)
    return EnhancedSource(volume, options)
