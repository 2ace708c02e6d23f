"""Which part of the spectrum a band is: by the sensor that a file names, and the colours of names.

Centres and full widths at half maximum in nanometres: Sentinel-2A after ESA's spectral responses, Landsat 8 after
Barsi et al. 2014 (doi:10.3390/rs61010232), the older Landsats from the edges in the USGS data users' handbook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SENTINEL_2 = {
    "B1": (442.7, 20), "B2": (492.4, 66), "B3": (559.8, 36), "B4": (664.6, 31), "B5": (704.1, 15), "B6": (740.5, 15),
    "B7": (782.8, 20), "B8": (832.8, 106), "B8A": (864.7, 21), "B9": (945.1, 20), "B10": (1373.5, 31),
    "B11": (1613.7, 91), "B12": (2202.4, 175),
}  # fmt: skip
OLI = {
    "B1": (443.0, 16), "B2": (482.0, 60), "B3": (561.4, 57), "B4": (654.6, 37), "B5": (864.7, 28), "B6": (1608.9, 85),
    "B7": (2200.7, 187), "B8": (589.5, 172), "B9": (1373.4, 20), "B10": (10895, 590), "B11": (12005, 1010),
}  # fmt: skip
ETM = {
    "B1": (482.5, 65), "B2": (565.0, 80), "B3": (660.0, 60), "B4": (837.5, 125), "B5": (1650.0, 200),
    "B6": (11450, 2100), "B7": (2220.0, 260), "B8": (710.0, 380),
}  # fmt: skip
TM = {
    "B1": (485.0, 70), "B2": (560.0, 80), "B3": (660.0, 60), "B4": (830.0, 140), "B5": (1650.0, 200),
    "B6": (11450, 2100), "B7": (2215.0, 270),
}  # fmt: skip
SENSORS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "sentinel-2": SENTINEL_2,
    "landsat-8": OLI,
    "landsat-9": OLI,
    "landsat-7": ETM,
    "landsat-5": TM,
    "landsat-4": TM,
}
"""Bands of sensors by the number that their makers give them."""

SENSOR_KEYS = (
    "SENSOR",
    "SENSOR_ID",
    "SPACECRAFT_ID",
    "SPACECRAFT_NAME",
    "SPACECRAFT",
    "PLATFORM",
    "SATELLITE",
    "MISSION",
)
SENSOR_WORDS = (
    (re.compile(r"sentinel[-_ ]?2|\bs2[ab]\b|\bmsi\b", re.IGNORECASE), "sentinel-2"),
    (re.compile(r"landsat[-_ ]?9", re.IGNORECASE), "landsat-9"),
    (re.compile(r"landsat[-_ ]?8|\boli(_tirs)?\b", re.IGNORECASE), "landsat-8"),
    (re.compile(r"landsat[-_ ]?7|\betm\b", re.IGNORECASE), "landsat-7"),
    (re.compile(r"landsat[-_ ]?5|\btm\b", re.IGNORECASE), "landsat-5"),
    (re.compile(r"landsat[-_ ]?4", re.IGNORECASE), "landsat-4"),
)
BAND = re.compile(r"(?:\b|_)B(?:and)?[ _]?0?(\d{1,2}A?)\b", re.IGNORECASE)
COLOURS = ("coastal", "blue", "green", "yellow", "red", "rededge", "nir", "swir", "cirrus", "pan")
COLOUR_WORDS = (
    (re.compile(r"\bred[-_ ]?edge", re.IGNORECASE), "rededge"),
    (re.compile(r"\b(nir|near[-_ ]?infra[-_ ]?red)", re.IGNORECASE), "nir"),
    (re.compile(r"\bpan(chromatic)?\b", re.IGNORECASE), "pan"),
    *(
        (re.compile(rf"\b{word}\b", re.IGNORECASE), word)
        for word in ("coastal", "blue", "green", "yellow", "red", "swir")
    ),
)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """What is known of a band: centre and width in nanometres, and the names that mean it anywhere."""

    wavelength_nm: float | None = None
    bandwidth_nm: float | None = None
    aliases: tuple[str, ...] = ()


def sensor_named(tags: Mapping[str, str]) -> str:
    """Return the sensor that a file's tags name, one of `SENSORS`; empty where there is none."""
    upper = {key.upper(): value for key, value in tags.items()}
    said = " ".join(upper[key] for key in SENSOR_KEYS if key in upper)
    return next((sensor for pattern, sensor in SENSOR_WORDS if pattern.search(said)), "")


def spectrum_of(description: str, colour: str, sensor: str) -> Spectrum:
    """Return what a band's description, its colour interpretation and its sensor say of it.

    A number such as ``B5`` means nothing without its sensor, for it is infrared on one and red edge on another. A
    colour is an alias, as it is called alike everywhere; the description's comes before the interpretation's.
    """
    number = BAND.search(description)
    key = f"B{number[1].upper()}" if number else ""
    centre, width = SENSORS.get(sensor, {}).get(key, (None, None))
    word = next((name for pattern, name in COLOUR_WORDS if pattern.search(description)), "")
    word = word or (colour if colour in COLOURS else "")
    aliases = [f"{sensor} {key}"] if centre is not None else []
    return Spectrum(centre, width, tuple([*aliases, word] if word else aliases))
