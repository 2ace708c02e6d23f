"""What an output says about its making: references to its sources, derivation, equipment, dates."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydicom import Dataset

from srkit.image import OutputPlan
from srkit_medical.dicom.derived import DerivedSlice
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.instance import Instance

DESCRIPTION_LENGTH = 1024
NOT_DIAGNOSTIC = "Not for diagnostic use."


def is_learned(plan: OutputPlan) -> bool:
    """Tell whether a trained model made the pixels (rather than plain interpolation)."""
    return plan.provenance.model_sha256 is not None


def code_item(value: str, meaning: str) -> Dataset:
    """Return one DCM code."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item


def set_derivation(dataset: Dataset, series: Series, plan: OutputPlan, derived: DerivedSlice) -> None:
    """Write description, code, comment and equipment; texts of the source are kept in front."""
    sentence = derivation_text(series, plan, derived.nearest)
    before = str(dataset.get("DerivationDescription") or "")
    dataset.DerivationDescription = _appended(before, sentence, DESCRIPTION_LENGTH)
    dataset.DerivationCodeSequence = [code_item("113085", "Spatial resampling")]
    set_origin(dataset, plan)


def set_origin(dataset: Dataset, plan: OutputPlan) -> None:
    """Write comment and equipment."""
    kind = "AI super-resolution." if is_learned(plan) else "Interpolated pixels."
    dataset.ImageComments = _appended(str(dataset.get("ImageComments") or ""), f"{kind} {NOT_DIAGNOSTIC}", 10240)
    dataset.ContributingEquipmentSequence = [*(dataset.get("ContributingEquipmentSequence") or ()), _equipment(plan)]


def derivation_text(series: Series, plan: OutputPlan, nearest: Instance) -> str:
    """Return one ASCII paragraph: what was done, by what, from which spacing and thickness."""
    down, across = nearest.plane.spacing
    parts = [
        plan.provenance.sentence(),
        f"source spacing {down:.6g}x{across:.6g} mm, slices {series.stack.step_mm:.6g} mm apart",
        f"source slice thickness {nearest.thickness_mm:.6g} mm",
    ]
    if series.filled:
        parts.append(f"slices missing in each volume and interpolated between neighbours: {series.filled}")
    if nearest.gap is not None:
        parts.append("this slice lies where one was missing")
    if series.is_rescaled_by_slice:
        parts.append("slices of the source had a rescale slope each, these have one")
    if plan.provenance.model_sha256:
        parts.append(f"model SHA-256 {plan.provenance.model_sha256}")
    if plan.provenance.normalizer:
        parts.append(f"normalisation {json.dumps(dict(plan.provenance.normalizer), sort_keys=True, default=str)}"[:300])
    detail = "AI-generated detail; not for diagnostic use" if is_learned(plan) else "not for diagnostic use"
    return _ascii("; ".join([*parts, detail]))


def set_references(dataset: Dataset, derived: DerivedSlice) -> None:
    """Name the source instances, and their series, as far as their identifiers are legal."""
    if "SourceImageSequence" in dataset:
        del dataset.SourceImageSequence
    named = derived.named_sources
    if not named:
        return
    dataset.SourceImageSequence = [source_item(source) for source in named]
    before = dataset.get("ReferencedSeriesSequence") or ()
    others = [item for item in before if str(item.get("SeriesInstanceUID", "")) != named[0].series]
    dataset.ReferencedSeriesSequence = [*others, series_item(named)]


def source_item(source: Instance) -> Dataset:
    """Return a reference to a source with its purpose."""
    item = reference(source)
    purpose = code_item("121322", "Source image for image processing operation")
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def series_item(sources: Sequence[Instance]) -> Dataset:
    """Return a reference to the series of `sources`, and to each of them."""
    item = Dataset()
    item.SeriesInstanceUID = sources[0].series
    item.ReferencedInstanceSequence = [reference(source) for source in sources]
    return item


def reference(source: Instance) -> Dataset:
    """Return class and UID of an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.sop_class
    item.ReferencedSOPInstanceUID = source.uid
    return item


def _equipment(plan: OutputPlan) -> Dataset:
    item = Dataset()
    item.Manufacturer = "srkit"
    item.ManufacturerModelName = "srkit"
    item.SoftwareVersions = plan.provenance.version
    moment = stated_moment()
    if moment is not None:
        item.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S+0000")
    item.ContributionDescription = _ascii(plan.provenance.sentence())[:DESCRIPTION_LENGTH]
    item.PurposeOfReferenceCodeSequence = [code_item("109102", "Processing Equipment")]
    return item


def set_dates(dataset: Dataset, first: Dataset) -> None:
    """Date series and content by `SOURCE_DATE_EPOCH`; without it the series keeps one date and nothing new is dated.

    A clock would make every run differ; acquisition dates are facts and stay.
    """
    moment = stated_moment()
    if moment is None:
        for keyword in ("SeriesDate", "SeriesTime"):
            _copy_or_remove(dataset, first, keyword)
        return
    local = moment + _offset(str(dataset.get("TimezoneOffsetFromUTC") or ""))
    for prefix in ("Series", "Content", "InstanceCreation"):
        setattr(dataset, f"{prefix}Date", local.strftime("%Y%m%d"))
        setattr(dataset, f"{prefix}Time", local.strftime("%H%M%S"))


def stated_moment() -> datetime | None:
    """Return the moment that `SOURCE_DATE_EPOCH` names, if it names one."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() else None


def _offset(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if len(digits) != 4 or not digits.isdigit():
        return timedelta()
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))


def _copy_or_remove(dataset: Dataset, first: Dataset, keyword: str) -> None:
    if keyword in first:
        setattr(dataset, keyword, first[keyword].value)
    elif keyword in dataset:
        del dataset[keyword]


def _appended(before: str, text: str, length: int) -> str:
    if not before:
        return text[:length]
    room = length - len(text) - 2
    return f"{before[:room]}; {text}" if room > 0 else text[:length]


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\\", "/")
