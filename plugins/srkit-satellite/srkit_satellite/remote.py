"""Rasters behind an address (``https://…``, ``/vsicurl/https://…``), read piece by piece where the user allows it.

Names, tags and messages hold no query and no user: both may be secret. What was cut off stays in this process.
"""

from __future__ import annotations

import hashlib
import re
import time
import urllib.error
import urllib.request
import warnings
from base64 import b64encode
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from srkit import InputError, Item, Skipped
from srkit_satellite.domain import NAME
from srkit_satellite.opening import GDAL_ERRORS, TIFF_MAGICS, cause_of, check_claims

ADDRESS = re.compile(r"(?:/vsicurl/)?(https?):/+(?:([^/@]*)@)?([^/?#]+/[^?#]+)(?:\?(.*))?")
"""A `Path` keeps one of the slashes of ``https://``."""

REFUSAL = "lies on another machine; give --allow-remote to read it from there"
TIMEOUT = 30
PASSING = frozenset({429, 500, 502, 503, 504})
"""What a server answers that may do better in a moment; GDAL asks again after the same ones."""
ATTEMPTS = 6
DELAY = 1.0
"""Seconds before a server is asked again; twice as many each time."""
HASHED = 2**14
"""Bytes at a file's start, headers mostly, that tell it from others."""

SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # else the server would decide which side files GDAL opens, and how
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MAX_RETRY": str(ATTEMPTS - 1),
    "GDAL_HTTP_RETRY_DELAY": str(DELAY),
    "GDAL_HTTP_CONNECTTIMEOUT": str(TIMEOUT),
    "GDAL_HTTP_TIMEOUT": str(4 * TIMEOUT),
    "GDAL_HTTP_MULTIRANGE": "YES",
    "VSI_CACHE": True,
}
SIDE_FILES = {".msk": TIFF_MAGICS, ".aux.xml": (b"<PAMDataset",)}
"""What GDAL would read along with a local file, and how it begins; here it is noticed and not read."""

_FULL: dict[Path, str] = {}


def discover_remote(root: Path, *, allowed: bool) -> Item | Skipped | None:
    """Return the raster at an address as an item; None where `root` is no address."""
    match = ADDRESS.fullmatch(root.as_posix())
    if match is None:
        return None
    scheme, user, place, query = match.groups()
    shown = Path(f"{scheme}:/{place}")
    if not allowed:
        return Skipped(shown, REFUSAL)
    _FULL[shown] = f"{scheme}://{f'{user}@' if user else ''}{place}{f'?{query}' if query else ''}"
    identity = _identity(shown, _FULL[shown])
    stem = Path(unquote(place)).stem
    return Item((shown,), NAME, group=f"address:{place}", stem=stem, suffix=".tif", identity=identity)


def _identity(path: Path, address: str) -> str:
    """Return what tells the raster from all others and from its own later states; empty where nothing does."""
    try:
        start, said = _fetched(path, address, HASHED)
    except InputError:
        return ""  # said when it is opened
    marks = [said.get(name) for name in ("ETag", "Last-Modified")]
    if not any(marks):
        return ""
    size = said.get("Content-Range", said.get("Content-Length", "")).rpartition("/")[2]
    return hashlib.sha256(repr([path.as_posix(), size, marks, start]).encode()).hexdigest()


def is_remote(path: Path) -> bool:
    """Tell whether a path is an address."""
    return ADDRESS.fullmatch(path.as_posix()) is not None


def open_remote(path: Path) -> Any:
    """Open the raster at an address that `discover_remote` found, as a rasterio dataset.

    Raises InputError, in one sentence without secrets, where it cannot be reached, is no GeoTIFF, or has side files.
    """
    address = _FULL.get(path, f"{path.parts[0]}//{'/'.join(path.parts[1:])}")
    start, said = _fetched(path, address, 16)
    if not start.startswith(TIFF_MAGICS):
        raise InputError(f"{path}: is no GeoTIFF, and nothing else is read from other machines; fetch it first")
    if "Content-Range" not in said:
        raise InputError(f"{path}: its server gives whole files alone, and no parts of them; fetch it first")
    _check_side_files(path, address)
    try:
        with warnings.catch_warnings(), rasterio.Env(**SETTINGS):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # becomes a finding
            dataset = rasterio.open(f"/vsicurl/{address}", driver="GTiff")
    except (*GDAL_ERRORS, ValueError) as error:
        raise InputError(f"{path}: claims to be GTiff and cannot be opened ({cause_of(error, path)})") from error
    try:
        check_claims(path, dataset)
    except InputError:
        dataset.close()
        raise
    return dataset


def _first_bytes(path: Path, address: str) -> bytes:
    return _fetched(path, address, 16)[0]


def _fetched(path: Path, address: str, count: int) -> tuple[bytes, Message]:
    """Return the first bytes of what lies at an address, and what its server says of it.

    Raises InputError, without secrets, where it cannot be had.
    """
    scheme, _, rest = address.partition("://")
    user, at, plain = rest.rpartition("@") if "@" in rest.partition("/")[0] else ("", "", rest)
    headers = {"Range": f"bytes=0-{count - 1}"}
    if at:
        headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
    request = urllib.request.Request(f"{scheme}://{plain}", headers=headers)
    try:
        with _answer(request) as answer:
            return bytes(answer.read(count)), answer.headers
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(
            f"{path}: cannot be fetched (HTTP {error.code}); is the address right, and still valid?"
        ) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise InputError(f"{path}: cannot be reached ({reason}); is there a network?") from None


def _answer(request: urllib.request.Request) -> Any:
    """Return a server's answer, asked again as long as its failure may pass. Raises what `urlopen` raises."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            if error.code not in PASSING:
                raise
            error.close()
            time.sleep(DELAY * 2**attempt)
    return urllib.request.urlopen(request, timeout=TIMEOUT)


def _check_side_files(path: Path, address: str) -> None:
    plain, _, query = address.partition("?")
    for suffix, starts in SIDE_FILES.items():
        try:
            start = _first_bytes(path, f"{plain}{suffix}{f'?{query}' if query else ''}")
        except InputError:
            continue
        if start.startswith(starts):
            raise InputError(
                f"{path}: has a side file {suffix} beside it (masks, nodata), which is not read from other machines; "
                "fetch both and treat them here"
            )
