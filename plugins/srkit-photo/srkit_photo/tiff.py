"""TIFF without georeferencing: grey, palette and RGB of 8 and 16 bits or floats, with opacity."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srkit import InputError
from srkit_photo.formats import MAX_PIXELS
from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata, Photo, with_samples
from srkit_photo.tiff_exif import PLACEHOLDERS, append_directories, byte_order, exif_block, pointers_in

if TYPE_CHECKING:
    from tifffile import TiffPage

TEXTS = (269, 270, 271, 272, 285, 306, 315, 316, 33432)
XMP, IPTC, ICC, ORIENTATION = 700, 33723, 34675, 274
PER_INCH = {2: 1.0, 3: 2.54}
READABLE = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR")
DTYPES = ((8, np.uint8), (16, np.uint16), (32, np.float32))
BROKEN = (struct.error, ValueError, IndexError, KeyError, TypeError, OSError, RuntimeError)
OTHER_SIZE, MASK = 1, 4  # bits of NewSubfileType


def read_tiff(path: Path) -> tuple[Photo, int]:
    """Read a TIFF file; also return its orientation tag.

    Raises InputError for broken files, several pages, CMYK, Lab, 1-bit and premultiplied ones.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            notes = _check_pages(path, list(tiff.pages))
            page = tiff.pages[0]
            _check_samples(path, page)
            pixels = _shown(page, page.asarray(maxworkers=1))
            metadata = _metadata(page, b"" if tiff.is_bigtiff else path.read_bytes())
            orientation = _number(page, ORIENTATION, 1)
            alpha = bool(page.extrasamples)
            palette = page.photometric.name == "PALETTE"
    except InputError:
        raise
    except (tifffile.TiffFileError, *BROKEN) as error:
        raise InputError(f"{path}: the TIFF file is broken ({type(error).__name__}); get it again") from error
    notes += ("palette expanded to full colour",) if palette else ()
    photo = Photo("tiff", np.ascontiguousarray(pixels), alpha=alpha, metadata=metadata, notes=notes)
    return photo, orientation if 1 <= orientation <= 8 else 1


def _check_pages(path: Path, pages: list[Any]) -> tuple[str, ...]:
    further = [page for page in pages[1:] if not int(page.subfiletype) & (OTHER_SIZE | MASK)]
    if further:
        raise InputError(f"{path}: is a TIFF of {len(pages)} pages; save each one as an image of its own")
    return ("smaller copies or masks in the file are left out",) if len(pages) > 1 else ()


def _check_samples(path: Path, page: TiffPage) -> None:
    kind = page.photometric.name
    if kind not in READABLE:
        raise InputError(f"{path}: is a TIFF of kind {kind}; convert it to RGB by its profile first")
    if page.bitspersample == 1:
        raise InputError(f"{path}: is black and white (1 bit), without tones to enhance; convert it to grey first")
    known = DTYPES[:2] if kind not in ("MINISBLACK", "RGB") else DTYPES
    if (page.bitspersample, page.dtype) not in known:
        raise InputError(
            f"{path}: has {page.bitspersample}-bit samples of kind {page.dtype}; "
            "save it with 8 or 16 bits, or as float32"
        )
    if len(page.extrasamples) > 1 or page.imagedepth > 1:
        raise InputError(f"{path}: has {page.samplesperpixel} samples a pixel; save it as grey, RGB or RGBA")
    if any(int(extra) == 1 for extra in page.extrasamples):
        raise InputError(f"{path}: has premultiplied opacity; save it with straight (unassociated) alpha")
    if page.imagelength * page.imagewidth > MAX_PIXELS:
        raise InputError(f"{path}: claims {page.imagewidth} x {page.imagelength} pixels; cut it first")
    if sum(page.databytecounts) > path.stat().st_size:
        raise InputError(f"{path}: the TIFF file ends too early; get it again")


def _shown(page: TiffPage, stored: Array) -> Array:
    """Return ``(rows, columns, samples)`` with palette and inverted grey resolved."""
    if int(page.planarconfig) == 2 and stored.ndim == 3:
        stored = np.moveaxis(stored, 0, -1)
    pixels = with_samples(stored)
    if page.photometric.name == "PALETTE":
        colours = np.asarray(page.colormap >> 8, np.uint8)
        return np.concatenate([np.moveaxis(colours[:, pixels[..., 0]], 0, -1), pixels[..., 1:]], axis=-1)
    if page.photometric.name == "MINISWHITE":
        flipped = np.iinfo(pixels.dtype).max - pixels[..., :1]
        return np.concatenate([flipped, pixels[..., 1:]], axis=-1)
    return pixels


def _metadata(page: TiffPage, content: bytes) -> Metadata:
    texts = {tag: page.tags[tag].value for tag in TEXTS if tag in page.tags}
    return Metadata(
        exif=exif_block(content) if content else b"",
        icc=_bytes(page, ICC),
        xmp=_bytes(page, XMP),
        iptc=_bytes(page, IPTC),
        density=_density(page),
        tags=tuple((tag, text.encode()) for tag, text in texts.items() if isinstance(text, str) and not _sized(text)),
    )


def _sized(text: str) -> bool:
    """Whether a text is tifffile's or ImageJ's note of the array's size, which an enlarged picture makes false."""
    return text.startswith(('{"shape":', "ImageJ="))


def _bytes(page: TiffPage, tag: int) -> bytes:
    value = page.tags[tag].value if tag in page.tags else b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):  # IPTC is sometimes declared as 32-bit numbers
        return np.array(value, page.parent.byteorder + "u4").tobytes()
    return b""


def _number(page: TiffPage, tag: int, default: int) -> int:
    return int(page.tags[tag].value) if tag in page.tags else default


def _density(page: TiffPage) -> tuple[float, float] | None:
    per_inch = PER_INCH.get(_number(page, 296, 2))
    if per_inch is None or 282 not in page.tags or 283 not in page.tags:
        return None
    (a, b), (c, d) = page.tags[282].value, page.tags[283].value
    return (a / b * per_inch, c / d * per_inch) if a and b and c and d else None


def write_tiff(target: Path, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, samples)``, deflated, with their metadata."""
    import tifffile

    mine = output.metadata
    pointers = pointers_in(mine.exif)
    grey = pixels.shape[2] - output.alpha == 1
    with tifffile.TiffWriter(target, byteorder=byte_order(mine.exif)) as tiff:
        tiff.write(
            pixels[..., 0] if pixels.shape[2] == 1 else pixels,
            photometric="minisblack" if grey else "rgb",
            planarconfig="contig" if pixels.shape[2] > 1 else None,
            extrasamples=["unassalpha"] if output.alpha else None,
            compression="zlib",
            predictor=True,
            metadata=None,
            software=output.sentence,
            iccprofile=mine.icc or None,
            resolution=mine.density or (1, 1),
            resolutionunit="inch" if mine.density else "none",
            extratags=[*_extra_tags(mine), *((PLACEHOLDERS[tag], "I", 1, 0, True) for tag in pointers)],
            maxworkers=1,
        )
    if pointers and _is_classic(target):
        append_directories(target, mine.exif)


def _extra_tags(mine: Metadata) -> list[tuple[int, str, int, bytes, bool]]:
    tags = [(tag, "s", 0, text, True) for tag, text in mine.tags]
    tags += [(number, "B", len(data), data, True) for number, data in ((XMP, mine.xmp), (IPTC, mine.iptc)) if data]
    return tags


def _is_classic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4)[2:] in (b"*\0", b"\0*")
