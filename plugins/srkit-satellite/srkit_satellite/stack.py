"""Bands that lie in files of their own, opened as one raster by a description in memory.

Every file is opened first by the driver that its first bytes name; only then GDAL is told to read it.
"""

from __future__ import annotations

import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from srkit import InputError
from srkit_satellite.opening import GDAL_ERRORS, JP2_MAGICS, TIFF_MAGICS, cause_of, open_raster

GDAL_TYPES = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32"} | {
    "int32": "Int32", "float32": "Float32", "float64": "Float64"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BandFile:
    """One band of a product, as its metadata has it.

    `path` is a file, or an archive with the file's name inside it as `member`. `scale` and `offset` lead from stored
    numbers to `unit`; they are handed on and never applied.
    """

    path: Path
    member: str
    name: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    nodata: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What GDAL calls the file."""
        path = self.path.absolute()
        kind = "vsitar" if path.suffix.lower() == ".tar" else "vsizip"
        return f"/{kind}/{{{path}}}/{self.member.removeprefix('./')}" if self.member else str(path)

    def open(self) -> Any:
        """Open the file by itself. Raises InputError where it is broken."""
        if not self.member:
            return open_raster(self.path)
        try:
            start = _start_of(self.path, self.member)
            driver = "JP2OpenJPEG" if start.startswith(JP2_MAGICS) else "GTiff"
            if driver == "GTiff" and not start.startswith(TIFF_MAGICS):
                raise InputError(f"{self.path}: {self.member} is no raster; fetch the archive again")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                return rasterio.open(self.place, driver=driver)
        except (*GDAL_ERRORS, zipfile.BadZipFile, tarfile.TarError, zlib.error, KeyError, ValueError) as error:
            reason = cause_of(error, self.path)
            raise InputError(f"{self.path}: {self.member} cannot be opened ({reason}); fetch it again") from error


def _start_of(path: Path, member: str) -> bytes:
    """Return the first bytes of a file in an archive."""
    if path.suffix.lower() == ".tar":
        with tarfile.open(path, "r:") as tar:
            file = tar.extractfile(member)
            return b"" if file is None else file.read(16)
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        return stream.read(16)


def open_stack(path: Path, bands: Sequence[BandFile], tags: Mapping[str, str]) -> Any:
    """Open bands of one grid and type as one rasterio dataset; `path` stands for them in messages.

    Raises InputError where a band is broken, or lies on another grid than the first.
    """
    first: tuple[Any, ...] | None = None
    for band in bands:
        with band.open() as dataset:
            like = (dataset.shape, dataset.transform, dataset.crs, dataset.dtypes[0])
            if dataset.count != 1 or like[-1] not in GDAL_TYPES:
                raise InputError(f"{path}: {band.name} is no single band of whole or floating numbers")
            if first is None:
                first, block = like, dataset.block_shapes[0]
                point = dataset.tags().get("AREA_OR_POINT")
            elif like != first:
                raise InputError(
                    f"{path}: {band.name} has {like[0]} pixels of {like[-1]} and {bands[0].name} {first[0]} of "
                    f"{first[-1]}, or they lie elsewhere; they cannot form one image, treat their files one by one"
                )
    if first is None:
        raise InputError(f"{path}: none of its bands is there; fetch it again")
    text = _description(bands, first, block, {**tags, "AREA_OR_POINT": point} if point else tags)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(text, driver="VRT")
    except GDAL_ERRORS as error:
        raise InputError(f"{path}: its bands cannot be opened ({cause_of(error, path)})") from error


def _description(
    bands: Sequence[BandFile], like: tuple[Any, ...], block: tuple[int, int], tags: Mapping[str, str]
) -> str:
    (rows, columns), transform, crs, dtype = like
    root = ElementTree.Element("VRTDataset", rasterXSize=str(columns), rasterYSize=str(rows))
    if crs is not None:
        ElementTree.SubElement(root, "SRS").text = crs.to_wkt()
    if not transform.is_identity:
        ElementTree.SubElement(root, "GeoTransform").text = ", ".join(f"{x:.17g}" for x in transform.to_gdal())
    _add_tags(root, tags)
    box = {"xOff": "0", "yOff": "0", "xSize": str(columns), "ySize": str(rows)}
    for number, band in enumerate(bands, start=1):
        blocks = {"blockYSize": str(block[0]), "blockXSize": str(block[1])}
        element = ElementTree.SubElement(
            root, "VRTRasterBand", dataType=GDAL_TYPES[dtype], band=str(number), attrib=blocks
        )
        _add_tags(element, band.tags)
        said = {"Description": band.name, "UnitType": band.unit, "Scale": f"{band.scale:.17g}"}
        said |= {"Offset": f"{band.offset:.17g}"} | ({} if band.nodata is None else {"NoDataValue": f"{band.nodata:g}"})
        for name, value in said.items():
            if value:
                ElementTree.SubElement(element, name).text = value
        source = ElementTree.SubElement(element, "SimpleSource")
        # shared handles would be used by several threads at once
        ElementTree.SubElement(source, "SourceFilename", relativeToVRT="0", shared="0").text = band.place
        ElementTree.SubElement(source, "SourceBand").text = "1"
        ElementTree.SubElement(source, "SrcRect", box)
        ElementTree.SubElement(source, "DstRect", box)
    return ElementTree.tostring(root, encoding="unicode")


def _add_tags(element: ElementTree.Element, tags: Mapping[str, str]) -> None:
    if tags:
        holder = ElementTree.SubElement(element, "Metadata")
        for key, value in sorted(tags.items()):
            ElementTree.SubElement(holder, "MDI", key=key).text = value
