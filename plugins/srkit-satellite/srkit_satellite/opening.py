"""Opens a raster without surprises: by a driver chosen from its first bytes, never by GDAL's guess.

GDAL would also open files that name other files or addresses (VRT, WMS and kin); those never get here.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.env import set_gdal_config
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from srkit import InputError

TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
JP2_MAGICS = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"

WORLD_SUFFIXES = {
    "GTiff": (".tfw", ".tifw", ".tiffw", ".wld"),
    "PNG": (".pgw", ".pngw", ".wld"),
    "JPEG": (".jgw", ".jpgw", ".jpegw", ".wld"),
}
GDAL_ERRORS = (RasterioError, OSError, CPLE_BaseError)
"""What rasterio raises where GDAL fails; the last is GDAL's own, which some calls let through."""

SECRETS = re.compile(r"(https?://)(?:[^/\s@]*@)?([^\s?'\"]*)(?:\?[^\s'\"]*)?")
"""Addresses, whose users and queries are left out of messages."""

TREATED = tuple(map(np.dtype, ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")))
"""Types of samples, narrow before wide, whole before broken."""

LARGEST_BLOCK = 2**31
"""Bytes of one block as it lies in memory; GDAL decodes whole blocks, so a claim beyond this is refused."""


def first_bytes(path: Path, count: int = 16) -> bytes:
    """Return the first bytes of a file. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from error


def driver_of(path: Path) -> str | None:
    """Return the GDAL driver for what the first bytes say, None for anything that is not treated here.

    PNG and JPEG count only with a world file beside them, ENVI by the header beside its data file.
    """
    start = first_bytes(path)
    if start.startswith(TIFF_MAGICS):
        return "GTiff"
    if start.startswith(JP2_MAGICS):
        return "JP2OpenJPEG"
    if start.startswith(PNG_MAGIC):
        return "PNG" if world_file(path, "PNG") else None
    if start.startswith(JPEG_MAGIC):
        return "JPEG" if world_file(path, "JPEG") else None
    return "ENVI" if envi_header(path) else None


def world_file(path: Path, driver: str) -> Path | None:
    """Return the world file beside a raster, if any."""
    names = [path.with_suffix(suffix) for suffix in WORLD_SUFFIXES.get(driver, ())]
    return next((name for name in [*names, *(n.with_suffix(n.suffix.upper()) for n in names)] if name.is_file()), None)


def envi_header(path: Path) -> Path | None:
    """Return the ENVI header beside a data file, if any."""
    if path.suffix.lower() == ".hdr":
        return None
    for name in (path.with_suffix(".hdr"), path.with_name(path.name + ".hdr"), path.with_suffix(".HDR")):
        if name.is_file() and first_bytes(name, 4) == b"ENVI":
            return name
    return None


def open_raster(path: Path) -> Any:
    """Open a local raster for reading, as a rasterio dataset.

    A world file counts where the raster itself says nothing but identity. Raises InputError, in one sentence, for what
    is broken, foreign, or claims more than can be true.
    """
    driver = driver_of(path)
    if driver is None:
        raise InputError(f"{path}: is no raster that srkit reads (GeoTIFF, JPEG 2000, ENVI); convert it to GeoTIFF")
    _check_side_files(path)
    dataset = open_quietly(path, driver)
    if driver == "GTiff" and _says_nothing(dataset) and world_file(path, driver):
        dataset.close()
        with rasterio.Env(GDAL_GEOREF_SOURCES="PAM,TABFILE,WORLDFILE,INTERNAL"):
            dataset = open_quietly(path, driver)
    try:
        check_claims(path, dataset)
    except InputError:
        dataset.close()
        raise
    return dataset


def open_quietly(path: Path, driver: str, place: str = "") -> Any:
    """Open the file at `path`, or the `place` in it by GDAL's name, with one driver and no warning.

    Raises InputError where that fails.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # becomes a finding
            return rasterio.open(place or path.absolute(), driver=driver)
    except (*GDAL_ERRORS, ValueError) as error:
        raise InputError(f"{path}: claims to be {driver} and cannot be opened ({cause_of(error, path)})") from error


def cause_of(error: BaseException, path: Path) -> str:
    """Return GDAL's own words on an error, on one line, without the folder of `path`."""
    inner = error.__cause__ or error
    text = " ".join(str(inner).split()) or type(inner).__name__
    text = SECRETS.sub(r"\1\2", text)
    return text.replace(f"{path.absolute().parent}{os.sep}", "")


def _says_nothing(dataset: Any) -> bool:
    return bool(dataset.transform.is_identity and not dataset.gcps[0])


def _check_side_files(path: Path) -> None:
    """GDAL opens masks and overviews beside a raster with any driver; only TIFF is let through."""
    for name in (f"{path.name}.msk", f"{path.name}.ovr", f"{path.stem}.ovr"):
        side = path.with_name(name)
        if side.is_file() and not first_bytes(side).startswith(TIFF_MAGICS):
            raise InputError(f"{path}: the file {name} beside it is no TIFF; move it away to go on without it")


def check_claims(path: Path, dataset: Any) -> None:
    """Raise InputError for what an opened raster claims and no output could hold, or no memory."""
    if dataset.count == 0:
        names = ", ".join(dataset.subdatasets[:5])
        raise InputError(f"{path}: is a container without bands of its own ({names}); extract one of its rasters")
    if any("complex" in dtype for dtype in dataset.dtypes):
        raise InputError(
            f"{path}: has complex samples ({dataset.dtypes[0]}), which interpolation would distort; "
            "make an intensity image first (its squared amplitude)"
        )
    if any(dtype in ("int64", "uint64") for dtype in dataset.dtypes):
        raise InputError(f"{path}: stores {dataset.dtypes[0]}, more digits than a network keeps; convert it to float64")
    if common_dtype(dataset) is None:
        raise InputError(f"{path}: mixes {', '.join(sorted(set(dataset.dtypes)))}; give each type a file of its own")
    _check_sizes(path, dataset)


def read_bands(dataset: Any, window: Any = None, indexes: Sequence[int] | None = None) -> np.ndarray[Any, Any]:
    """Return bands (all of them, or those of the 1-based `indexes`), ``(C, rows, columns)``, in their common type."""
    if len(set(dataset.dtypes)) == 1:
        return np.asarray(dataset.read(indexes, window=window))
    return np.stack([dataset.read(i, window=window) for i in indexes or dataset.indexes], dtype=common_dtype(dataset))


def _check_sizes(path: Path, dataset: Any) -> None:
    rows, columns = dataset.block_shapes[0]
    together = dataset.count if interleave_of(dataset) == "pixel" else 1
    block = rows * columns * itemsize_of(dataset) * together
    if block > LARGEST_BLOCK:
        raise InputError(
            f"{path}: claims blocks of {rows} x {columns} pixels ({block / 2**30:.0f} GiB each in memory); "
            "rewrite it with tiles (gdal_translate -co TILED=YES)"
        )
    claimed = dataset.width * dataset.height * dataset.count * itemsize_of(dataset)
    if dataset.driver == "ENVI" and claimed > path.stat().st_size:
        raise InputError(f"{path}: holds {path.stat().st_size} bytes, its header claims {claimed}; it is cut short")


def itemsize_of(dataset: Any) -> int:
    """Return the bytes of one sample."""
    return int(max(np.dtype(name).itemsize for name in dataset.dtypes))


def common_dtype(dataset: Any) -> np.dtype[Any] | None:
    """Return the type of a dataset's samples; for bands of several types the narrowest that holds each of them exactly.

    None where no type that is treated does.
    """
    found: set[np.dtype[Any]] = {np.dtype(name) for name in dataset.dtypes}
    if len(found) == 1:
        return found.pop()
    return next((wide for wide in TREATED if all(np.can_cast(dtype, wide, "safe") for dtype in found)), None)


def interleave_of(dataset: Any) -> str | None:
    """Return ``pixel``, ``band``, ``line``, or None where the format does not say."""
    return None if dataset.interleaving is None else str(dataset.interleaving.value).lower()


LEAST_CACHE = 64 * 2**20
MEBIBYTES_BELOW = 100_000
_provided: dict[str, int] = {}


def provide_cache(needed: int) -> None:
    """Let GDAL keep at least `needed` bytes of blocks, up to an eighth of the machine's memory.

    With less than a row of blocks every haloed tile would decode its neighbours again (measured: 60 times slower).
    GDAL has one cache per process; it is only ever enlarged. Its own default, a twentieth of the machine's memory, is
    not a need: it would fill up with blocks that nobody reads again. A GDAL_CACHEMAX of the environment is kept.
    """
    wanted = max(LEAST_CACHE, min(needed, _machine_memory() // 8))
    if "GDAL_CACHEMAX" not in os.environ and wanted > _provided.get("bytes", 0):
        set_gdal_config("GDAL_CACHEMAX", wanted)  # rasterio hands the number to GDAL as bytes, however small
        _provided["bytes"] = wanted


def allowed_cache() -> int:
    """Return how many bytes of blocks GDAL may keep at most: what the environment says, or an eighth of the memory.

    GDAL takes GDAL_CACHEMAX for a share (``5%``), for mebibytes below 100,000, and for bytes from there on.
    """
    said = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", os.environ.get("GDAL_CACHEMAX", ""))
    if said is None:
        return max(LEAST_CACHE, _machine_memory() // 8)
    number = float(said[1])
    if said[2]:
        return int(_machine_memory() * number / 100)
    return int(number * 2**20 if number < MEBIBYTES_BELOW else number)


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**32
