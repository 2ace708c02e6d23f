"""What each band of a raster is: its name, its wavelength, and whether a network may touch it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.windows import Window as RasterWindow

from srkit import Channel, Finding
from srkit_satellite.spectra import sensor_named, spectrum_of

CATEGORY_NAME = re.compile(
    r"\b(qa|bqa|qa[0-9]{2}|scl|fmask|cloudmask|mask|class|classes|classification|landcover|land cover|lulc|labels?|"
    r"segmentation)\b"
)
"""Words in the names of bands whose numbers are codes or bit fields."""

IMAGE_NAME = re.compile(r"\b(nir|near|infrared|ir|red|green|blue|swir|b[0-9]{1,2}a?|band)\b")
WAVELENGTH_KEYS = ("WAVELENGTH_NM", "WAVELENGTH", "CENTRAL_WAVELENGTH", "CENTRAL_WAVELENGTH_UM", "CENTER_WAVELENGTH")
BANDWIDTH_KEYS = ("FWHM", "FWHM_UM", "BANDWIDTH", "BANDWIDTH_NM")
WAVELENGTH_WORDS = re.compile(r"wavelength\s*[:=]?\s*([0-9.]+)\s*(nm|µm|um|micrometers?|nanometers?)", re.IGNORECASE)
SAMPLED_ROWS = 64
SAMPLED_COLUMNS = 2**18
FEW_LEVELS = 16


@dataclass(frozen=True, slots=True)
class Bands:
    """The channels of a raster, and what was noticed on the way.

    `trapped` holds the (0-based) bands that the file tags as alpha and whose values say otherwise.
    """

    channels: tuple[Channel, ...]
    trapped: tuple[int, ...]
    findings: tuple[Finding, ...]


def bands_of(dataset: Any, stem: str, options: Mapping[str, Any]) -> Bands:
    """Return the bands of an opened dataset; `stem` is the name of its file, `options` the domain's."""
    findings: list[Finding] = []
    trapped: list[int] = []
    channels = []
    sensor = str(options.get("sensor", "")) or sensor_named(dataset.tags())
    for index in range(dataset.count):
        name = name_of(dataset, index)
        if _is_tagged_alpha(dataset, index):
            reason = why_alpha(dataset, index, str(options.get("alpha_band", "auto")))
            if reason is None:
                trapped.append(index)
                findings.append(_trap(index))
            else:
                findings.append(Finding("info", f"band {index + 1} is alpha: {reason}", "V11"))
                channels.append(Channel(name, "alpha"))
                continue
        reason = why_category(dataset, index, stem)
        if reason is not None:
            findings.append(_category(index, reason, str(options.get("categorical", "refuse"))))
        channels.append(Channel(name, "category") if reason else _image(dataset, index, name, sensor))
    return Bands(tuple(channels), tuple(trapped), tuple(findings))


def _image(dataset: Any, index: int, name: str, sensor: str) -> Channel:
    """Return a band that enters a network, with all that is known of it; what the file itself says comes first."""
    known = spectrum_of(str(dataset.descriptions[index] or ""), str(dataset.colorinterp[index].name), sensor)
    said = wavelength_of(dataset, index)
    return Channel(
        name,
        wavelength_nm=said or known.wavelength_nm,
        bandwidth_nm=bandwidth_of(dataset, index) if said else known.bandwidth_nm,
        aliases=known.aliases,
        quantity=quantity_of(dataset, index),
    )


def quantity_of(dataset: Any, index: int) -> str:
    """Return what a band's numbers measure: its unit if it has one, else ``display`` for 8 bits, else nothing.

    Bytes are stretched for the eye (a true-colour image of Sentinel-2, an orthophoto); no number in them is a
    reflectance. Nothing is guessed from the values.
    """
    unit = str(dataset.units[index] or "").strip()
    if unit:
        return unit
    return "display" if dataset.dtypes[index] in ("uint8", "int8") else ""


def name_of(dataset: Any, index: int) -> str:
    """Return the band's description, or ``band N``; made unique by its number where two bands share one."""
    description = dataset.descriptions[index]
    if not description:
        return f"band {index + 1}"
    twins = sum(other == description for other in dataset.descriptions)
    return f"{description} ({index + 1})" if twins > 1 else str(description)


def _is_tagged_alpha(dataset: Any, index: int) -> bool:
    return str(dataset.colorinterp[index].name) == "alpha"


def _trap(index: int) -> Finding:
    return Finding(
        "warning",
        f"band {index + 1} is tagged as alpha, but its values vary like an image (RGB+NIR written with default "
        "options); it is treated as an image band, nothing is transparent, and the output says so; "
        "give --alpha-band alpha if it is alpha",
        "V12",
    )


def _category(index: int, reason: str, choice: str) -> Finding:
    if choice == "nearest":
        return Finding("info", f"band {index + 1} is categorical ({reason}); its pixels are repeated", "V20")
    return Finding(
        "refusal",
        f"band {index + 1} is categorical ({reason}), and interpolation would invent classes; "
        "give --categorical nearest to repeat its pixels",
        "V20",
    )


def why_alpha(dataset: Any, index: int, choice: str = "auto") -> str | None:
    """Return why a band tagged as alpha is alpha, or None if it is an image band.

    GDAL tags the fourth band of any RGB file of bytes as alpha, infrared or not. The rule, in this order: the user's
    word; the band's description; its values. Real alpha is mostly opaque where it is not empty: at least half of its
    samples above 0 are the highest value, or it has few levels in all. Near infrared is neither.
    """
    if choice != "auto":
        return "as asked for" if choice == "alpha" else None
    description = str(dataset.descriptions[index] or "").lower()
    if re.search(r"alpha|transparen|opacity|mask", description):
        return f"its description is {dataset.descriptions[index]!r}"
    if IMAGE_NAME.search(description):
        return None
    values = sampled(dataset, index)
    if np.unique(values).size <= min(FEW_LEVELS, max(2, values.size // 4)):
        return "it has few levels"
    seen = values[values > 0]
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else float(seen.max())
    return "most of it is opaque" if (seen == full).mean() >= 0.5 else None


def sampled(dataset: Any, index: int) -> np.ndarray:
    """Return the samples of up to 64 evenly spaced rows of a band, of very long rows the middle."""
    rows = np.unique(np.linspace(0, dataset.height - 1, SAMPLED_ROWS).astype(int))
    columns = min(dataset.width, SAMPLED_COLUMNS)
    first = (dataset.width - columns) // 2
    pieces = [dataset.read(index + 1, window=RasterWindow(first, int(row), columns, 1)) for row in rows]
    return np.concatenate(pieces)


def why_category(dataset: Any, index: int, stem: str) -> str | None:
    """Return why the numbers of a band are codes, or None if they are measurements."""
    structure = {**dataset.tags(ns="IMAGE_STRUCTURE"), **dataset.tags(index + 1, ns="IMAGE_STRUCTURE")}
    tags = dataset.tags(index + 1)
    if str(dataset.colorinterp[index].name) == "palette" or has_colormap(dataset, index):
        return "it has a colour table"
    if structure.get("NBITS") == "1":
        return "it has 1 bit"
    if tags.get("LAYER_TYPE", "").lower() == "thematic":
        return "its layer type is thematic"
    if any(re.fullmatch(r"(CLASS|CATEGORY)_\d+", key, re.IGNORECASE) for key in tags):
        return "it names its classes"
    if np.dtype(dataset.dtypes[index]).kind == "f":
        return None
    return _why_category_name(dataset, index, stem)


def _why_category_name(dataset: Any, index: int, stem: str) -> str | None:
    description = str(dataset.descriptions[index] or "")
    if CATEGORY_NAME.search(_plain(description)):
        return f"it is called {description!r}"
    if dataset.count == 1 and not description and CATEGORY_NAME.search(_plain(stem)):
        return f"the file is called {stem!r}"
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower())


def has_colormap(dataset: Any, index: int) -> bool:
    """Tell whether a band has a colour table."""
    try:
        return bool(dataset.colormap(index + 1))
    except ValueError:
        return False


def wavelength_of(dataset: Any, index: int) -> float | None:
    """Return the centre wavelength in nanometres, from the band's tags or its description."""
    tags = {**dataset.tags(index + 1, ns="IMAGERY"), **dataset.tags(index + 1)}
    upper = {key.upper(): str(value) for key, value in tags.items()}
    for key in WAVELENGTH_KEYS:
        number = _number(upper.get(key))
        if number:
            unit = "UM" if key.endswith("_UM") else upper.get("WAVELENGTH_UNITS", "")
            return _nanometres(number, unit)
    words = WAVELENGTH_WORDS.search(str(dataset.descriptions[index] or ""))
    return _nanometres(float(words[1]), words[2]) if words and _number(words[1]) else None


def bandwidth_of(dataset: Any, index: int) -> float | None:
    """Return the full width at half maximum in nanometres, from the band's tags."""
    tags = {**dataset.tags(index + 1, ns="IMAGERY"), **dataset.tags(index + 1)}
    upper = {key.upper(): str(value) for key, value in tags.items()}
    for key in BANDWIDTH_KEYS:
        number = _number(upper.get(key))
        if number:
            unit = "um" if key.endswith("_UM") else upper.get("WAVELENGTH_UNITS", "")
            return round(number * 1000, 6) if unit.lower().startswith(("um", "µm", "micro")) or number < 1 else number
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number and np.isfinite(number) and number > 0 else None


def _nanometres(number: float, unit: str) -> float:
    """Below 100 nothing optical is meant in nanometres."""
    micro = unit.lower().startswith(("um", "µm", "micro")) or (not unit and number < 100)
    return round(number * 1000, 6) if micro else number


def image_bands(channels: Sequence[Channel]) -> tuple[int, ...]:
    """Return the (0-based) bands that enter a network."""
    return tuple(index for index, channel in enumerate(channels) if channel.role == "image")
