"""PNG: all depths of 8 and 16 bits, chunks kept where they stay true."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from srkit import InputError
from srkit_photo.formats import MAX_PIXELS
from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata, Photo, with_samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI")
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
REPLACED_TEXTS = (XMP_KEYWORD, b"Raw profile type ", b"Software\0", b"Thumb::")
METRES_PER_INCH = 0.0254
MAX_RATIO = 1100
"""Deflate cannot shrink further than about 1032 to 1."""

Chunk = tuple[bytes, bytes]


def read_png(path: Path) -> Photo:
    """Read a PNG file. Raises InputError for broken, animated, 1-bit and huge ones."""
    import imagecodecs

    content = path.read_bytes()
    chunks = list(_chunks(content, path))
    notes = _checked_header(chunks, len(content), path)
    try:
        pixels = with_samples(imagecodecs.png_decode(content))
    except (imagecodecs.PngError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: the PNG file is broken; export it again") from error
    alpha = pixels.shape[2] in (2, 4)
    return Photo("png", pixels, alpha=alpha, metadata=_metadata(chunks), notes=notes)


def _chunks(content: bytes, path: Path) -> Iterator[Chunk]:
    position, kind = len(SIGNATURE), b""
    while position + 12 <= len(content) and kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + size
        data, checksum = content[position + 8 : end], content[end : end + 4]
        if len(data) < size or zlib.crc32(kind + data).to_bytes(4, "big") != checksum:
            raise InputError(
                f"{path}: the PNG file is damaged in its {kind.decode('ascii', 'replace')} chunk; get it again"
            )
        yield kind, data
        position += 12 + size
    if kind != b"IEND":
        raise InputError(f"{path}: the PNG file ends too early; get it again")


def _checked_header(chunks: list[Chunk], size: int, path: Path) -> tuple[str, ...]:
    """Return notes on the header, before anything of the claimed size is allocated."""
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise InputError(f"{path}: the PNG file does not begin with a header; get it again")
    columns, rows, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 4)
    if rows * columns > MAX_PIXELS or rows * columns * samples * depth // 8 > MAX_RATIO * size:
        raise InputError(f"{path}: claims {columns} x {rows} pixels, too many to be true or to be held; cut it first")
    if any(kind == b"acTL" for kind, _ in chunks):
        raise InputError(f"{path}: is an animated PNG; export the frames that you need as images of their own")
    if depth == 1 and colour == 0:
        raise InputError(f"{path}: is black and white (1 bit), without tones to enhance; convert it to grey first")
    if colour == 3:
        return ("palette expanded to full colour",)
    return (f"{depth}-bit grey expanded to 8 bits",) if depth < 8 else ()


def _metadata(chunks: list[Chunk]) -> Metadata:
    found = dict(reversed(chunks))
    kept = tuple((kind, data) for kind, data in chunks if _stays_true(kind, data))
    return Metadata(
        exif=found.get(b"eXIf", b""),
        icc=_profile(found.get(b"iCCP", b"")),
        xmp=next((_text(data) for kind, data in chunks if kind == b"iTXt" and data.startswith(XMP_KEYWORD)), b""),
        density=_density(found.get(b"pHYs", b"")),
        chunks=kept,
    )


def _stays_true(kind: bytes, data: bytes) -> bool:
    return kind in COLOUR_CHUNKS or (kind in TEXT_CHUNKS and not data.startswith(REPLACED_TEXTS))


def _profile(data: bytes) -> bytes:
    _, _, packed = data.partition(b"\0")
    return _inflated(packed[1:]) if packed else b""


def _text(data: bytes) -> bytes:
    """Return the text of an iTXt chunk, after its keyword, flags, language and translated keyword."""
    _, _, rest = data.partition(b"\0")
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflated(text) if rest[:1] == b"\1" else text


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, 64 * 2**20)
    except zlib.error:
        return b""


def _density(data: bytes) -> tuple[float, float] | None:
    if len(data) != 9 or data[8] != 1:
        return None
    x, y = struct.unpack_from(">II", data)
    return x * METRES_PER_INCH, y * METRES_PER_INCH


def write_png(target: Path, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, samples)`` with their metadata."""
    import imagecodecs

    samples = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    encoded = bytes(imagecodecs.png_encode(np.ascontiguousarray(samples), level=6))
    header = len(SIGNATURE) + 25
    extra = b"".join(_packed(kind, data) for kind, data in _ancillary(output))
    target.write_bytes(encoded[:header] + extra + encoded[header:])


def _ancillary(output: Output) -> Iterator[Chunk]:
    """Yield the chunks between header and pixels: colour first, as the format wants it."""
    mine = output.metadata
    yield from (chunk for chunk in mine.chunks if chunk[0] in COLOUR_CHUNKS)
    if mine.icc and not any(kind == b"iCCP" for kind, _ in mine.chunks):
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(mine.icc, 9)
    if mine.density is not None:
        x, y = (min(round(d / METRES_PER_INCH), 2**31 - 1) for d in mine.density)
        yield b"pHYs", struct.pack(">IIB", x, y, 1)
    if mine.exif:
        yield b"eXIf", mine.exif
    if mine.xmp:
        yield b"iTXt", XMP_KEYWORD + bytes(4) + mine.xmp
    yield from (chunk for chunk in mine.chunks if chunk[0] in TEXT_CHUNKS)
    yield b"tEXt", b"Software\0" + output.sentence.encode("latin-1", "replace")


def _packed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
