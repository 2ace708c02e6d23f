"""Finds rasters by what is in them, and says how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srkit import InputError, Item, Skipped, files_below
from srkit_satellite.checklist import Checklist
from srkit_satellite.domain import NAME
from srkit_satellite.georeference import Georeference
from srkit_satellite.images import chosen_images, holds_several
from srkit_satellite.opening import JPEG_MAGIC, PNG_MAGIC, driver_of, first_bytes, open_raster
from srkit_satellite.places import Footprint, footprint_of, groups_of
from srkit_satellite.product import MTD_MARK, Product, is_product, read_product
from srkit_satellite.remote import discover_remote, is_remote
from srkit_satellite.source import open_item
from srkit_satellite.stack import open_stack
from srkit_satellite.tiles import Placement, placement_of, tiles_of
from srkit_satellite.virtual import REFUSAL, is_virtual, open_virtual

TIFF_SUFFIXES = (".tif", ".tiff", ".gtif", ".btf", ".tf8")
JP2_SUFFIXES = (".jp2", ".j2k", ".j2c")
SIDE_SUFFIXES = (".ovr", ".msk", ".aux", ".xml", ".hdr")


@dataclass(frozen=True, slots=True)
class Found:
    """An item, where it lies on Earth, and, if it may be a tile of a larger image, where on that one's grid."""

    item: Item
    footprint: Footprint | None
    placement: Placement | None = None


def discover(root: Path, options: Mapping[str, Any]) -> Iterator[Item | Skipped]:
    """Yield the rasters at `root`, and what is named or begins like one and is broken.

    A raster that is tied to the ground is surely of this domain; one that is not may be a photograph. Places that
    overlap become one group, so that no split has an image of another's ground. The files of a Sentinel-2 or Landsat
    product become one item for each group of bands on one grid. Tiles of one image know of each other.
    """
    remote = discover_remote(root, allowed=bool(options.get("allow_remote")))
    if remote is not None:
        yield remote if not options.get("sha256") else Skipped(remote.path, "lies elsewhere; --sha256 is for files")
        return
    found: list[Found] = []
    for entry in _as_listed(_everything(list(files_below(root)), options, named=root.is_file()), options):
        if isinstance(entry, Skipped):
            yield entry
        else:
            found.append(entry)
    yield from _related(found, options)


def _as_listed(entries: Iterator[Found | Skipped], options: Mapping[str, Any]) -> Iterator[Found | Skipped]:
    """Pass on what is found, items only where a list of checksums has them as they are; all without a list."""
    if not options.get("sha256"):
        yield from entries
        return
    checklist = Checklist.read(Path(str(options["sha256"])))
    for entry in entries:
        complaint = "" if isinstance(entry, Skipped) else checklist.complaint(entry.item.paths)
        yield Skipped(entry.item.path, complaint) if isinstance(entry, Found) and complaint else entry


def relate(items: Sequence[Item], options: Mapping[str, Any]) -> list[Item]:
    """Return items from several places with the groups and mosaics that they are of together."""
    return list(_related([_found_again(item, options) for item in items], options))


def _found_again(item: Item, options: Mapping[str, Any]) -> Found:
    """Return an item with its place on Earth; one that cannot be opened fails by itself later."""
    if is_remote(item.path):
        return Found(item, None)
    with suppress(InputError):
        source = open_item(item.alone(), options)
        try:
            alone = not item.key and source.kind != "VRT"
            placement = placement_of(source.dataset, Georeference.of(source.dataset)) if alone else None
            return Found(item, footprint_of(source.dataset, Georeference.of(source.dataset)), placement)
        finally:
            source.close()
    return Found(item, None)


def _related(found: list[Found], options: Mapping[str, Any]) -> Iterator[Item]:
    groups = groups_of([entry.footprint for entry in found])
    mosaics = _mosaics(found) if options.get("neighbours", "auto") == "auto" else [()] * len(found)
    for entry, group, mosaic in zip(found, groups, mosaics, strict=True):
        yield replace(entry.item, group=group or entry.item.group or f"file:{entry.item.stem}", mosaic=mosaic)


def _mosaics(found: list[Found]) -> list[tuple[Path, ...]]:
    """Return the files of the image that each item is a tile of; tiles of one image share one tuple."""
    known: dict[tuple[int, ...], tuple[Path, ...]] = {}
    tiles = tiles_of([entry.placement for entry in found])
    return [known.setdefault(members, tuple(found[i].item.path for i in members)) for members in tiles]


def _everything(files: list[tuple[Path, str]], options: Mapping[str, Any], *, named: bool) -> Iterator[Found | Skipped]:
    """Yield products, virtual rasters if asked for (or a word on one that was `named`), and then all else."""
    virtual = bool(options.get("allow_vrt"))
    taken: set[Path] = set()
    for path, folder in files:
        if path in taken or not is_product(path):
            continue
        taken.add(path)
        try:
            product = read_product(path)
        except InputError as error:
            yield Skipped(path, str(error).removeprefix(f"{path}: "))
            continue
        taken.update(product.files)
        yield from _groups(product, folder)
    for path, folder in files:
        if path not in taken and path.suffix.lower() == ".vrt" and (virtual or named) and is_virtual(path):
            yield _virtual(path, folder) if virtual else Skipped(path, REFUSAL)
            continue
        if path not in taken:
            yield from _look(path, folder, str(options.get("subdatasets", "")))


def _virtual(path: Path, folder: str) -> Found | Skipped:
    try:
        dataset, files = open_virtual(path)
    except InputError as error:
        return Skipped(path, str(error).removeprefix(f"{path}: "))
    with dataset:
        tied = Georeference.of(dataset)
        item = Item(tuple(dict.fromkeys((path, *files))), NAME, folder=folder, stem=path.stem, suffix=".tif")
        return Found(item, footprint_of(dataset, tied))


def _groups(product: Product, folder: str) -> Iterator[Found | Skipped]:
    if product.path.name.startswith(MTD_MARK):
        folder = folder.rpartition("/")[0]  # outputs lie beside the folder of the product, not in one like it
    for path, reason in product.notes.items():
        yield Skipped(path, reason, failed=False)
    for key, bands in product.groups.items():
        footprint = None
        with suppress(InputError), open_stack(product.path, bands, product.tags) as dataset:
            footprint = footprint_of(dataset, Georeference.of(dataset))
        # a broken group is still an item: it fails by itself when it is opened, and the others go on
        paths = tuple(dict.fromkeys([product.path, *(band.path for band in bands)]))
        yield Found(Item(paths, NAME, folder=folder, stem=f"{product.name}_{key}", suffix=".tif", key=key), footprint)


def _look(path: Path, folder: str, wanted: str) -> Iterator[Found | Skipped]:
    """Yield the raster that a file holds, or those of several that are `wanted`."""
    if path.suffix.lower() in SIDE_SUFFIXES:
        return
    try:
        driver = driver_of(path)
        if driver is None:
            yield from _impostor(path, path.suffix.lower())
            return
        with open_raster(path) as dataset:
            yield from _found_in(dataset, path, folder, wanted)
    except InputError as error:
        yield Skipped(path, str(error).removeprefix(f"{path}: "))


def _found_in(dataset: Any, path: Path, folder: str, wanted: str) -> Iterator[Found]:
    tied, named = Georeference.of(dataset), path.suffix.lower() in TIFF_SUFFIXES
    if not tied.kinds and dataset.driver == "GTiff" and not named:
        return  # a camera's raw file, a microscope's slide
    suffix = path.suffix if named and dataset.driver == "GTiff" else ".tif"
    item = Item((path,), NAME, "sure" if tied.kinds else "possible", folder=folder, stem=path.stem, suffix=suffix)
    if wanted and holds_several(dataset):
        for image in chosen_images(item, dataset, wanted):
            yield _found_again(image, {})
    else:
        yield Found(item, footprint_of(dataset, tied), placement_of(dataset, tied))


def _impostor(path: Path, suffix: str) -> Iterator[Skipped]:
    """Yield what is wrong with a file that is named like a raster and is none; nothing for all other files."""
    if suffix not in (*TIFF_SUFFIXES, *JP2_SUFFIXES):
        return
    start = first_bytes(path)
    kind = "TIFF" if suffix in TIFF_SUFFIXES else "JPEG 2000"
    if not start:
        yield Skipped(path, f"is named like a {kind} file and is empty; fetch it again")
    elif start.startswith(PNG_MAGIC) or start.startswith(JPEG_MAGIC):
        held = "PNG" if start.startswith(PNG_MAGIC) else "JPEG"
        yield Skipped(path, f"is named like a {kind} file and holds {held}; rename it")
    else:
        yield Skipped(path, f"is named like a {kind} file and is none; fetch it again, or remove it")
