"""The hooks of srkit-medical: each one hands on to NIfTI or DICOM. Light: format libraries load inside functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srkit.domain import Degradation, Domain, Finding, Item, ModelEntry, NetworkFactory, Options, PatchSampler, Skipped
from srkit.grid import Scale
from srkit.hookspecs import hookimpl
from srkit.image import Array, BoolArray, Normalizer, OutputPlan, Sink, Source
from srkit_medical.domains import DOMAINS, NAMES

SRKIT_CONTRACT = 1
MODELS = Path(__file__).parent / "models"


@hookimpl
def srkit_domains() -> Sequence[Domain]:
    """Return `mri`, `ct` and `pet`."""
    return DOMAINS


@hookimpl
def srkit_discover(root: Path, options: Mapping[str, Options]) -> Iterator[Item | Skipped]:
    """Yield NIfTI and MGH files, then DICOM series."""
    from srkit_medical.dicom.discover import discover_series
    from srkit_medical.nifti.discover import discover_files

    yield from discover_files(root, options)
    yield from discover_series(root, options)


@hookimpl
def srkit_open(domain: str, item: Item, options: Options) -> Source | None:
    """Open a NIfTI or MGH file, or a DICOM series."""
    if domain not in NAMES:
        return None
    from srkit_medical.nifti.names import AS_NIFTI, is_nifti_item

    if item.key.startswith(AS_NIFTI):
        from srkit_medical.nifti.converted import open_converted

        return open_converted(item, options)
    if is_nifti_item(item):
        from srkit_medical.nifti.source import open_file

        return open_file(item, options)
    from srkit_medical.dicom.source import open_series

    return open_series(item, options)


@hookimpl
def srkit_inspect(domain: str, source: Source) -> Sequence[Finding] | None:
    """Return what the format says about the item."""
    if domain not in NAMES:
        return None
    series = getattr(source, "dicom", source)  # a series that becomes a NIfTI file is judged as what it is
    if _is_dicom(series):
        from srkit_medical.dicom.inspect import inspect_series

        return inspect_series(series)
    from srkit_medical.nifti.inspect import inspect_file

    return inspect_file(source)


@hookimpl
def srkit_create(domain: str, target: Path, source: Source, plan: OutputPlan) -> Sink | None:
    """Return a sink in the source's own format."""
    if domain not in NAMES:
        return None
    if _is_dicom(source):
        from srkit_medical.dicom.sink import create_series

        return create_series(target, source, plan)
    from srkit_medical.nifti.sink import create_file

    return create_file(target, source, plan)


@hookimpl
def srkit_verify(domain: str, source: Source, staged: Path, plan: OutputPlan) -> Sequence[Finding] | None:
    """Return what the format's own check finds, and for PET whether its activity is kept."""
    if domain not in NAMES:
        return None
    findings = _verified(source, staged, plan)
    if domain == "pet" and not findings and plan.map_kind is None:
        from srkit_medical.activity import verify_activity

        return verify_activity(source, staged, plan.options)
    return findings


def _verified(source: Source, staged: Path, plan: OutputPlan) -> Sequence[Finding]:
    if _is_dicom(source):
        from srkit_medical.dicom.verify import verify_series

        return verify_series(source, staged, plan)
    from srkit_medical.nifti.verify import verify_file

    return verify_file(source, staged, plan)


@hookimpl
def srkit_normalizer(domain: str, spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return a percentile (MRI), window (CT) or activity (PET) normaliser; other kinds are the core's."""
    if domain not in NAMES:
        return None
    from srkit_medical.normalizers import normalizer_of

    return normalizer_of(spec, source)


@hookimpl
def srkit_fit_normalizer(domain: str, spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any] | None:
    """Return specs of our kinds completed with their defaults: their other numbers are each item's own."""
    if domain not in NAMES:
        return None
    from srkit_medical.normalizers import completed

    return completed(spec)


@hookimpl
def srkit_degradation(
    domain: str, spec: Sequence[Mapping[str, Any]] | None, source: Source, scale: Scale
) -> Degradation | None:
    """Return the physics of the scanner where a recipe names no steps; but for artefacts, named ones are the core's."""
    if domain not in NAMES:
        return None
    if spec is not None:
        from srkit_medical.artefacts import names_artefacts, with_artefacts

        return with_artefacts(spec, source) if names_artefacts(spec) else None
    from srkit_medical.degradations import default_degradation

    return default_degradation(domain, scale)


@hookimpl
def srkit_patches(domain: str, source: Source, size: tuple[int, ...]) -> PatchSampler | None:
    """Return a sampler that passes over air."""
    if domain not in NAMES:
        return None
    from srkit_medical.patches import ForegroundSampler

    return ForegroundSampler(source, size)


@hookimpl
def srkit_foreground(domain: str, values: Array, valid: BoolArray | None) -> BoolArray | None:
    """Return where the body is."""
    if domain not in NAMES:
        return None
    from srkit_medical.foreground import body_of

    return body_of(values, valid)


@hookimpl
def srkit_data_range(domain: str, values: Array, valid: BoolArray | None) -> tuple[float, str] | None:
    """Return the range of Hounsfield units (CT), or what the body's bright samples reach (MRI)."""
    if domain not in NAMES:
        return None
    from srkit_medical.ranges import data_range_of

    return data_range_of(domain, values, valid)


@hookimpl
def srkit_networks() -> Sequence[NetworkFactory]:
    """Return MONAI's discriminator of patches."""
    return [NetworkFactory("monai-patch", "discriminator", _monai_patch)]


def _monai_patch(**parameters: Any) -> Any:
    from srkit_medical.critics import MonaiPatchDiscriminator

    return MonaiPatchDiscriminator(**parameters)


@hookimpl
def srkit_models() -> Sequence[ModelEntry]:
    """Return the models that come with the package."""
    return [ModelEntry(path) for path in sorted(MODELS.glob("*.safetensors"))]


def _is_dicom(source: Source) -> bool:
    return type(source).__module__.startswith("srkit_medical.dicom.")
