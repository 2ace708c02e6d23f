"""The hooks of srkit-photo. Light: codecs load inside functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srkit import Domain, Finding, Item, ModelEntry, Normalizer, OutputPlan, Sink, Skipped, Source, hookimpl
from srkit.domain import Options
from srkit_photo.options import OPTIONS, SAME

SRKIT_CONTRACT = 1
MODELS = Path(__file__).parent / "models"
NAME = "photo"
TRAINING = {
    "scale": 2,
    "network": {"name": "srresnet", "parameters": {"channels": 3, "features": 32, "blocks": 6, "skip": "bicubic"}},
    "normalizer": {"kind": "depth"},
    "data": {"batch": 16},
}


@hookimpl
def srkit_domains() -> Sequence[Domain]:
    """Return `photo`."""
    return [Domain(NAME, "Photographs", OPTIONS, fidelity_first=False, training=TRAINING)]


@hookimpl
def srkit_discover(root: Path, options: Mapping[str, Options]) -> Iterator[Item | Skipped]:
    """Yield photographs."""
    from srkit_photo.discover import discover_photos

    return discover_photos(root, str(options.get(NAME, {}).get("format", SAME)))


@hookimpl
def srkit_open(domain: str, item: Item) -> Source | None:
    """Decode a photograph."""
    if domain != NAME:
        return None
    from srkit_photo.codecs import read_photo
    from srkit_photo.source import PhotoSource

    return PhotoSource(item.path, read_photo(item.path))


@hookimpl
def srkit_inspect(domain: str, source: Source) -> Sequence[Finding] | None:
    """Return what was done to show the photograph."""
    from srkit_photo.source import PhotoSource

    if domain != NAME or not isinstance(source, PhotoSource):
        return None
    from srkit_photo.metadata import has_damaged_exif
    from srkit_photo.origin import is_own

    findings = [Finding("info", note) for note in source.photo.notes]
    if is_own(source.path):
        findings.append(Finding("own", "it was made by srkit, as its file says"))
    if has_damaged_exif(source.photo):
        findings.append(Finding("warning", "the camera settings (EXIF) are damaged and left out of the output"))
    return findings


@hookimpl
def srkit_create(domain: str, target: Path, source: Source, plan: OutputPlan) -> Sink | None:
    """Return a sink in the planned format."""
    if domain != NAME:
        return None
    from srkit_photo.sink import PhotoSink
    from srkit_photo.source import PhotoSource

    return PhotoSink(target, source, plan) if isinstance(source, PhotoSource) else None


@hookimpl
def srkit_verify(domain: str, source: Source, staged: Path, plan: OutputPlan) -> Sequence[Finding] | None:
    """Return what the staged file fails to say."""
    if domain != NAME:
        return None
    from srkit_photo.source import PhotoSource
    from srkit_photo.verify import verify_photo

    return verify_photo(source, staged, plan) if isinstance(source, PhotoSource) else None


@hookimpl
def srkit_normalizer(domain: str, spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return the normaliser of kind `depth`; other kinds are the core's."""
    from srkit_photo.normalizer import KIND, DepthNormalizer

    return DepthNormalizer(source.encoding) if domain == NAME and spec.get("kind") == KIND else None


@hookimpl
def srkit_fit_normalizer(domain: str, spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a spec of kind `depth` as it is: its numbers are those of each item's type."""
    from srkit_photo.normalizer import KIND

    return dict(spec) if domain == NAME and spec.get("kind") == KIND else None


@hookimpl
def srkit_models() -> Sequence[ModelEntry]:
    """Return the models that come with the package."""
    return [ModelEntry(path) for path in sorted(MODELS.glob("*.safetensors"))]
