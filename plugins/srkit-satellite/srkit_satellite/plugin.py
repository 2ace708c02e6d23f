"""The hooks of srkit-satellite. Light: GDAL loads inside functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srkit import (
    Degradation,
    Domain,
    Finding,
    Item,
    ModelEntry,
    Normalizer,
    OutputPlan,
    PatchSampler,
    Sink,
    Skipped,
    Source,
    Step,
    hookimpl,
)
from srkit_satellite.domain import MTF_AT_NYQUIST, NAME, SATELLITE

SRKIT_CONTRACT = 1
MODELS = Path(__file__).parent / "models"
Options = Mapping[str, Any]


@hookimpl
def srkit_domains() -> Sequence[Domain]:
    """Return `satellite`."""
    return (SATELLITE,)


@hookimpl
def srkit_discover(root: Path, options: Mapping[str, Options]) -> Iterator[Item | Skipped]:
    """Yield rasters, recognised by content."""
    from srkit_satellite.discover import discover

    return discover(root, options.get(NAME, {}))


@hookimpl
def srkit_relate(domain: str, items: Sequence[Item], options: Options) -> Sequence[Item] | None:
    """Tell items from several places which of them are tiles of one image, and which show one place."""
    if domain != NAME:
        return None
    from srkit_satellite.discover import relate

    return relate(items, options)


@hookimpl
def srkit_open(domain: str, item: Item, options: Options) -> Source | None:
    """Open a raster."""
    if domain != NAME:
        return None
    from srkit_satellite.source import open_item

    return open_item(item, options)


@hookimpl
def srkit_inspect(domain: str, source: Source) -> Sequence[Finding] | None:
    """Return what the raster says, and what speaks against treating it."""
    from srkit_satellite.findings import inspect_raster
    from srkit_satellite.source import RasterSource

    return inspect_raster(source) if domain == NAME and isinstance(source, RasterSource) else None


@hookimpl
def srkit_normalizer(domain: str, spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return a normaliser of kind ``bands`` or ``item-range``; other kinds are the core's."""
    if domain != NAME:
        return None
    from srkit_satellite.normalizers import normalizer_of

    return normalizer_of(spec, source)


@hookimpl
def srkit_fit_normalizer(domain: str, spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any] | None:
    """Complete a spec of kind ``bands`` from the training split."""
    if domain != NAME:
        return None
    from srkit_satellite.normalizers import fitted

    return fitted(spec, sources)


@hookimpl
def srkit_degradation(domain: str, spec: Sequence[Mapping[str, Any]] | None, source: Source) -> Degradation | None:
    """Return a Gaussian of the usual MTF, or of a sensor that a recipe names; all other steps are the core's.

    Those for an image in decibels act on power.
    """
    if domain != NAME:
        return None
    from srkit_satellite.radar import on_power
    from srkit_satellite.sensors import names_a_sensor, sensor_degradation

    if spec is None:
        return on_power(Degradation((Step("gaussian", {"mtf": MTF_AT_NYQUIST}),)), source)
    if names_a_sensor(spec):
        return on_power(sensor_degradation(spec, source), source)
    return on_power(None, source, spec)


@hookimpl
def srkit_patches(domain: str, source: Source, size: tuple[int, ...]) -> PatchSampler | None:
    """Return a sampler of windows that are nearly all valid."""
    if domain != NAME:
        return None
    from srkit_satellite.patches import SceneSampler

    return SceneSampler(source, size)


@hookimpl
def srkit_create(domain: str, target: Path, source: Source, plan: OutputPlan) -> Sink | None:
    """Return a GeoTIFF sink."""
    from srkit_satellite.sink import create_sink
    from srkit_satellite.source import RasterSource

    return create_sink(target, source, plan) if domain == NAME and isinstance(source, RasterSource) else None


@hookimpl
def srkit_gather(domain: str, outputs: Sequence[Path], options: Options) -> Sequence[Path] | None:
    """Write one virtual raster over all outputs, where asked for."""
    if domain != NAME:
        return None
    from srkit_satellite.together import write_mosaics

    return write_mosaics(outputs, options)


@hookimpl
def srkit_verify(domain: str, source: Source, staged: Path, plan: OutputPlan) -> Sequence[Finding] | None:
    """Return what an output says otherwise than it must."""
    from srkit_satellite.source import RasterSource
    from srkit_satellite.verify import verify_output

    return verify_output(source, staged, plan) if domain == NAME and isinstance(source, RasterSource) else None


@hookimpl
def srkit_models() -> Sequence[ModelEntry]:
    """Return the models that come with the package."""
    return [ModelEntry(path) for path in sorted(MODELS.glob("*.safetensors"))]
