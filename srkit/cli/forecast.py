"""How `srkit upscale --dry-run` tells what it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srkit.cli.printing import warn
from srkit.quantities import duration_text, size_text

if TYPE_CHECKING:
    from srkit.upscaling.batch.report import ItemResult
    from srkit.upscaling.making.forecast import Forecast


def print_forecast(result: ItemResult) -> None:
    """Print what would be made of one item: facts on stdout, warnings and refusals on stderr."""
    forecast = result.forecast
    if forecast is None:
        return
    print(f"{result.path} would become {result.output}  ({result.domain}, x{result.scale}, {result.model})")
    halo = "the whole image" if forecast.halo is None else f"a halo of {_times(forecast.halo)}"
    rows = {
        "grid": f"{_times(forecast.shape)}, {_spacing(forecast.spacing)} apart",
        "new grid": f"{_times(forecast.new_shape)}, {_spacing(forecast.new_spacing)} apart",
        "stores": f"{forecast.channels} channel(s), {forecast.frames} frame(s) of {forecast.dtype}",
        "tiles": f"{forecast.tiles} of {_times(forecast.tile)}, {halo}",
        "size": f"{size_text(forecast.raw_bytes)} of samples{_of_maps(forecast)}, before compression",
        "disk": f"{size_text(forecast.needed_bytes)} at most while it is made, {size_text(forecast.free_bytes)} free",
        "memory": f"about {size_text(forecast.memory_bytes)} at most",
        "time": f"about {duration_text(forecast.seconds)} in the network ({forecast.trial}), "
        f"{duration_text(forecast.files_seconds)} with files",
        "invalid": f"about {forecast.invalid_share:.0%} of the samples; tiles without a valid one are skipped",
        "route": result.route.partition("\n")[0],
    }
    for name, text in rows.items():
        print(f"  {name:9}{text}")
    for finding in result.findings:
        if finding.level == "refusal":
            warn(f"would be refused: {finding.text}")


def _of_maps(forecast: Forecast) -> str:
    return f", and {size_text(forecast.maps_bytes)} of maps" if forecast.maps_bytes else ""


def outline(result: ItemResult) -> str:
    """Return a forecast in a line of a table; empty where there is none."""
    forecast = result.forecast
    if forecast is None:
        return ""
    refused = any(finding.level == "refusal" for finding in result.findings)
    facts = [_times(forecast.new_shape), size_text(forecast.raw_bytes), f"memory {size_text(forecast.memory_bytes)}"]
    facts += [duration_text(forecast.seconds + forecast.files_seconds), *(["would be refused"] if refused else [])]
    return f"{result.output}: {', '.join(facts)}"


def _times(numbers: tuple[int, ...]) -> str:
    return " x ".join(map(str, numbers))


def _spacing(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:.6g}" for number in numbers)
