"""The hooks of srkit-photo. Light: codecs load inside functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from srkit import Domain, Finding, Item, OutputPlan, Sink, Skipped, Source, hookimpl
from srkit.domain import Options
from srkit_photo.options import OPTIONS, SAME

SRKIT_CONTRACT = 1
NAME = "photo"


@hookimpl
def srkit_domains() -> Sequence[Domain]:
    """Return `photo`."""
    return [Domain(NAME, "Photographs", OPTIONS, fidelity_first=False, training=TRAINING)]


TRAINING: dict[str, object] = {}


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
    return [Finding("info", note) for note in source.photo.notes]


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
