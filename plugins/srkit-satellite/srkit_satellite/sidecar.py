"""The side file ``.aux.xml`` (GDAL's PAM): what GeoTIFF itself cannot say, and what a source's own says of classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from srkit_satellite.blueprint import Blueprint

PIXEL_COUNT_USAGE = "1"


def write_sidecar(target: Path, blueprint: Blueprint, source: Path) -> None:
    """Write what is needed beside `target`, joined to what GDAL put there itself; nothing where nothing is needed.

    That is nodata values that differ between bands, and names and tables of classes for bands that are repeated.
    """
    own = _elements_of(source.with_name(source.name + ".aux.xml")) if blueprint.categorical else {}
    additions: dict[int, list[ElementTree.Element]] = {}
    for number, band in enumerate(blueprint.bands, start=1):
        elements = []
        if blueprint.differing_nodata and band.nodata is not None:
            element = ElementTree.Element("NoDataValue")
            element.text = f"{band.nodata:.17g}"
            elements.append(element)
        if band.source is not None:
            elements += own.get(band.source + 1, [])
        if elements:
            additions[number] = elements
    if additions:
        _join(target.with_name(target.name + ".aux.xml"), additions)


def _elements_of(path: Path) -> Mapping[int, list[ElementTree.Element]]:
    """Return class names and attribute tables per (1-based) band; pixel counts would be stale and are left out."""
    root = _parsed(path)
    found: dict[int, list[ElementTree.Element]] = {}
    for band in root.iter("PAMRasterBand"):
        tables = [_without_counts(table) for table in band.findall("GDALRasterAttributeTable")]
        found[int(band.get("band", "1"))] = [*map(copy.deepcopy, band.findall("CategoryNames")), *tables]
    return found


def _without_counts(table: ElementTree.Element) -> ElementTree.Element:
    result = copy.deepcopy(table)
    fields = result.findall("FieldDefn")
    stale = [i for i, field in enumerate(fields) if field.findtext("Usage") == PIXEL_COUNT_USAGE]
    for row in result.findall("Row"):
        cells = row.findall("F")
        for index in stale:
            row.remove(cells[index])
    for index in stale:
        result.remove(fields[index])
    for index, field in enumerate(result.findall("FieldDefn")):
        field.set("index", str(index))
    return result


def _join(path: Path, additions: Mapping[int, list[ElementTree.Element]]) -> None:
    root = _parsed(path)
    bands = {int(band.get("band", "0")): band for band in root.findall("PAMRasterBand")}
    for number, elements in sorted(additions.items()):
        band = bands.get(number)
        if band is None:
            band = ElementTree.SubElement(root, "PAMRasterBand", band=str(number))
        for element in elements:
            for old in band.findall(element.tag):
                band.remove(old)
            band.append(element)
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8") + b"\n")


def _parsed(path: Path) -> ElementTree.Element:
    """Return the root of a side file; an empty one where there is none, or none that can be read."""
    empty = ElementTree.Element("PAMDataset")
    if not path.is_file() or path.stat().st_size > 2**24 or b"<!ENTITY" in path.read_bytes():
        return empty
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        return empty
