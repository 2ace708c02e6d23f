"""What is known of sensors' sharpness: the response at the Nyquist frequency of their own pixels, per band.

A recipe names a sensor by ``{name: sensor_mtf, sensor: sentinel-2}``; it becomes the core's Gaussian with one response
for each band. With ``spread: 0.05`` each is drawn anew for every sample from so far around it. Sources: Sentinel-2
after CNES (sensorsio 1.0.2), `sentinel-2-s2sharp` after the S2Sharp and SupReME codes, the others after the
pansharpening toolbox of Vivone et al., in the order of the sensor's own bands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from srkit import Channel, Degradation, RecipeError, Source, Step

STEP = "sensor_mtf"
BY_NAME: Mapping[str, Mapping[str, float]] = {
    "sentinel-2": {
        "B2": 0.304, "B3": 0.276, "B4": 0.233, "B5": 0.343, "B6": 0.336, "B7": 0.338, "B8": 0.222, "B8A": 0.325,
        "B9": 0.39, "B11": 0.21, "B12": 0.19,
    },
    "sentinel-2-s2sharp": {
        "B1": 0.32, "B2": 0.26, "B3": 0.28, "B4": 0.24, "B5": 0.38, "B6": 0.34, "B7": 0.34, "B8": 0.26, "B8A": 0.33,
        "B9": 0.26, "B11": 0.22, "B12": 0.23,
    },
}  # fmt: skip
"""Found by the names of bands, in any order."""

BY_ORDER: Mapping[str, tuple[float, ...]] = {
    "quickbird": (0.34, 0.32, 0.30, 0.22),
    "ikonos": (0.26, 0.28, 0.29, 0.28),
    "geoeye-1": (0.23, 0.23, 0.23, 0.23),
    "worldview-4": (0.23, 0.23, 0.23, 0.23),
    "worldview-2": (0.35, 0.35, 0.35, 0.35, 0.35, 0.35, 0.35, 0.27),
    "worldview-3": (0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315),
}
"""For images with all bands of the sensor in its own order (blue, green, red, near infrared for four bands)."""

BAND = re.compile(r"\bB0?(\d{1,2}A?)\b", re.IGNORECASE)


def names_a_sensor(spec: Sequence[Mapping[str, Any]] | None) -> bool:
    """Tell whether a recipe's list of steps has one of this plugin's."""
    return isinstance(spec, list | tuple) and any(isinstance(s, Mapping) and s.get("name") == STEP for s in spec)


def sensor_degradation(spec: Sequence[Mapping[str, Any]], source: Source) -> Degradation:
    """Return the steps of `spec` with those of this plugin spelt out for the bands of `source`.

    Raises RecipeError for sensors and bands that are not known.
    """
    channels = [channel for channel in source.channels if channel.role == "image"]
    return Degradation(tuple(_step(entry, channels) for entry in spec))


def _step(entry: Mapping[str, Any], channels: Sequence[Channel]) -> Step:
    parameters = {key: value for key, value in entry.items() if key != "name"}
    if entry.get("name") != STEP:
        return Step(str(entry.get("name")), parameters)
    unknown = sorted(set(parameters) - {"sensor", "spread"})
    if unknown:
        raise RecipeError(f"step {STEP!r} has no parameter {unknown[0]!r}; it takes a sensor, and a spread around it")
    known = responses(str(parameters.get("sensor")), channels)
    return Step("gaussian", {"mtf": _around(known, parameters.get("spread", 0))})


def _around(known: Sequence[float], spread: Any) -> list[Any]:
    """Return each response, or the range around it."""
    if not isinstance(spread, (int, float)) or not 0 <= spread < min(known) or spread >= 1 - max(known):
        raise RecipeError(f"spread of step {STEP!r} is {spread!r}, and must be a number from 0 to below {min(known):g}")
    return [{"from": m - spread, "to": m + spread} for m in known] if spread else list(known)


def responses(sensor: str, channels: Sequence[Channel]) -> tuple[float, ...]:
    """Return the response at Nyquist of each channel. Raises RecipeError for sensors and bands that are not known."""
    if sensor in BY_ORDER:
        known = BY_ORDER[sensor]
        if len(channels) != len(known):
            raise RecipeError(f"{sensor} has {len(known)} bands in its own order, the image has {len(channels)}")
        return known
    if sensor not in BY_NAME:
        raise RecipeError(f"sensor {sensor!r} is not known; known are {', '.join([*BY_NAME, *BY_ORDER])}")
    table = BY_NAME[sensor]
    found = [_response(table, channel.name) for channel in channels]
    missing = [channel.name for channel, number in zip(channels, found, strict=True) if number is None]
    if missing:
        raise RecipeError(f"{sensor} has no response for {', '.join(missing)}; name bands as {', '.join(table)}")
    return tuple(number for number in found if number is not None)


def _response(table: Mapping[str, float], name: str) -> float | None:
    match = BAND.search(name)
    return table.get(f"B{match[1].upper()}") if match else None
