"""One virtual raster (VRT) over the outputs of a call, so that they open as one image in any GIS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rasterio
from rasterio.enums import MaskFlags

from srkit import OutputError, Window
from srkit_satellite.bands import has_colormap
from srkit_satellite.georeference import Georeference
from srkit_satellite.opening import open_raster
from srkit_satellite.stack import GDAL_TYPES
from srkit_satellite.tiles import boxes_of, on_one_grid, placement_of
from srkit_satellite.virtual import is_virtual

NAME = "mosaic"


def write_mosaics(outputs: Sequence[Path], options: Mapping[str, Any]) -> list[Path]:
    """Write ``mosaic.vrt`` above all `outputs`, and return it; nothing unless asked for.

    Outputs of another grid, type or kind of bands get one of their own, ``mosaic_2.vrt`` and so on; an output that is
    alone on its grid gets none. Raises OutputError where a file of that name is there that is no virtual raster.
    """
    if not options.get("mosaic") or not outputs:
        return []
    placements = []
    for path in outputs:
        with open_raster(path) as dataset:
            placements.append(placement_of(dataset, Georeference.of(dataset)))
    folder = Path(os.path.commonpath([path.absolute().parent for path in outputs]))
    written = []
    several = [members for members in on_one_grid(placements) if len(members) > 1]
    for number, members in enumerate(several, start=1):
        boxes = boxes_of([p for i in members if (p := placements[i]) is not None])
        target = folder / (f"{NAME}.vrt" if number == 1 else f"{NAME}_{number}.vrt")
        _write(target, _mosaic([outputs[i].absolute() for i in members], boxes, folder))
        written.append(target)
    return written


def _write(target: Path, root: ElementTree.Element) -> None:
    if target.exists() and not is_virtual(target):
        raise OutputError(f"{target} is in the way of the mosaic; move it away, or leave --mosaic out")
    staged = target.with_name(f".{target.name}.{os.getpid()}.part")
    ElementTree.indent(root)
    try:
        staged.write_bytes(ElementTree.tostring(root, encoding="utf-8") + b"\n")
        staged.replace(target)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written: {error.strerror or type(error).__name__}") from error


def _mosaic(paths: Sequence[Path], boxes: Any, folder: Path) -> ElementTree.Element:
    """Return the description of a mosaic of `paths`, whose `boxes` are counted in its pixels from any origin."""
    windows = [Window((int(r), int(c)), (int(r2), int(c2))) for r, c, r2, c2 in boxes.tolist()]
    whole = Window(
        (min(w.start[0] for w in windows), min(w.start[1] for w in windows)),
        (max(w.stop[0] for w in windows), max(w.stop[1] for w in windows)),
    )
    sources = [
        (os.path.relpath(path, folder), window.relative_to(whole)) for path, window in zip(paths, windows, strict=True)
    ]
    with rasterio.open(paths[0]) as first:
        back = Window.whole(whole.shape).relative_to(windows[0].relative_to(whole)).start
        return _described(first, whole.shape, Georeference.of(first).part(back), sources)


def _described(
    first: Any, shape: tuple[int, ...], tied: Georeference, sources: Sequence[tuple[str, Window]]
) -> ElementTree.Element:
    root = ElementTree.Element("VRTDataset", rasterXSize=str(shape[1]), rasterYSize=str(shape[0]))
    if tied.crs is not None:
        ElementTree.SubElement(root, "SRS").text = tied.crs.to_wkt()
    if tied.transform is not None:
        numbers = tied.transform.to_gdal()
        ElementTree.SubElement(root, "GeoTransform").text = ", ".join(f"{number:.17g}" for number in numbers)
    point = first.tags().get("AREA_OR_POINT")
    if point:
        holder = ElementTree.SubElement(root, "Metadata")
        ElementTree.SubElement(holder, "MDI", key="AREA_OR_POINT").text = point
    for index in range(first.count):
        _add_band(root, first, index, sources)
    if MaskFlags.per_dataset in first.mask_flag_enums[0] and MaskFlags.alpha not in first.mask_flag_enums[0]:
        mask = ElementTree.SubElement(root, "MaskBand")
        band = ElementTree.SubElement(mask, "VRTRasterBand", dataType="Byte")
        _add_sources(band, "mask,1", sources, None)
    return root


def _add_band(root: ElementTree.Element, first: Any, index: int, sources: Sequence[tuple[str, Window]]) -> None:
    kind = GDAL_TYPES[first.dtypes[index]]
    band = ElementTree.SubElement(root, "VRTRasterBand", dataType=kind, band=str(index + 1))
    nodata = first.nodatavals[index]
    said = {
        "Description": first.descriptions[index],
        "NoDataValue": None if nodata is None else f"{nodata:.17g}",
        "UnitType": first.units[index],
        "Offset": f"{first.offsets[index]:.17g}",
        "Scale": f"{first.scales[index]:.17g}",
        "ColorInterp": str(first.colorinterp[index].name).capitalize(),
    }
    for name, text in said.items():
        if text:
            ElementTree.SubElement(band, name).text = text
    if has_colormap(first, index):
        table = ElementTree.SubElement(band, "ColorTable")
        for _, colour in sorted(first.colormap(index + 1).items()):
            ElementTree.SubElement(table, "Entry", {f"c{i}": str(c) for i, c in enumerate(colour, start=1)})
    _add_sources(band, str(index + 1), sources, said["NoDataValue"])


def _add_sources(
    band: ElementTree.Element, number: str, sources: Sequence[tuple[str, Window]], nodata: str | None
) -> None:
    """Name where each raster's pixels go; what is no data in one never hides another."""
    for name, window in sources:
        (row, column), (rows, columns) = window.start, window.shape
        source = ElementTree.SubElement(band, "SimpleSource" if nodata is None else "ComplexSource")
        ElementTree.SubElement(source, "SourceFilename", relativeToVRT="1").text = name
        ElementTree.SubElement(source, "SourceBand").text = number
        size = {"xSize": str(columns), "ySize": str(rows)}
        ElementTree.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
        ElementTree.SubElement(source, "DstRect", {"xOff": str(column), "yOff": str(row), **size})
        if nodata is not None:
            ElementTree.SubElement(source, "NODATA").text = nodata
