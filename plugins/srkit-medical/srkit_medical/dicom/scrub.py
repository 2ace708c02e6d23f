"""Takes out of a copied data set what a change of pixels makes false, and what may carry more than it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

REMOVED = (
    "ReferencedPerformedProcedureStepSequence", "InstanceCreationDate", "InstanceCreationTime",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacingCalibrationType",
    "PixelSpacingCalibrationDescription", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "SpatialLocationsPreserved", "IconImageSequence",
    "DigitalSignaturesSequence", "MACParametersSequence", "EncryptedAttributesSequence", "DataSetTrailingPadding",
    "PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip
"""Stale or invalid after a change of pixels."""

SPACING_KEYWORDS = ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices")
_HISTORY = tag_for_keyword("OriginalAttributesSequence")  # tells of edits in the past: stays as it is
_Private = tuple[str, int, int]  # creator, group, low byte of the element
_SCALES: frozenset[_Private] = frozenset(
    {
        ("Philips MR Imaging DD 001", 0x2005, 0x0D),
        ("Philips MR Imaging DD 001", 0x2005, 0x0E),
        ("Philips PET Private Group", 0x7053, 0x00),
        ("Philips PET Private Group", 0x7053, 0x09),
    }
)
"""Private elements without which values cannot be understood."""
_TIMES: frozenset[_Private] = frozenset(
    {
        ("Philips Imaging DD 001", 0x2001, 0x08),  # PhaseNumber; without it TriggerTime reads as one of the heart
        ("SIEMENS MR SDI 02", 0x0021, 0xFE),  # a frame's group, with nothing left in it but
        ("SIEMENS MR SDI 02", 0x0021, 0x04),  # TimeAfterStart
    }
)
"""Private numbers without which readers misunderstand when a slice was acquired."""


def scrub(dataset: Dataset, *, keep_private: bool) -> None:
    """Remove, at any depth, what is stale or private; `dataset` is changed in place."""
    for keyword in REMOVED:
        if keyword in dataset:
            del dataset[keyword]
    _prune(dataset, lambda data, tag: _is_stale(tag))
    if not keep_private:
        _prune(dataset, lambda data, tag: tag.is_private and not _is_allowed(data, tag))


def drop_scales(dataset: Dataset, *, keep_private: bool) -> None:
    """Remove the private scales that only made sense together with the source's slopes; `dataset` is changed in place.

    Of a block with other elements, which are there if `keep_private`, the creator stays.
    """
    _prune(
        dataset,
        lambda data, tag: _is_allowed(data, tag, _SCALES) and not (tag.is_private_creator and keep_private),
    )


def set_nested_spacings(dataset: Dataset) -> None:
    """Give PixelSpacing, SliceThickness and SpacingBetweenSlices the values of the top at any depth."""
    for nested in nested_datasets(dataset):
        for keyword in SPACING_KEYWORDS:
            if keyword in nested and keyword in dataset:
                nested[keyword].value = dataset[keyword].value


def nested_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """Yield the items of all sequences at any depth, except those that tell of the past."""
    for tag in list(dataset.keys()):
        if tag == _HISTORY or not _is_sequence(dataset, tag):
            continue
        value = dataset[tag].value
        for item in value if isinstance(value, Sequence) else ():
            yield item
            yield from nested_datasets(item)


def swap_words(dataset: Dataset) -> None:
    """Turn 16-bit words from a big-endian file to little endian: pydicom writes OW as it stands, else it converts."""
    for data in (dataset, *nested_datasets(dataset)):
        for tag in list(data.keys()):
            element = data[tag]
            if isinstance(element, DataElement) and element.VR == "OW" and element.value:
                element.value = b"".join(element.value[i : i + 2][::-1] for i in range(0, len(element.value), 2))


def has_private(dataset: Dataset) -> bool:
    """Tell whether private elements lie at the top of `dataset`, those allowed apart."""
    return any(tag.is_private and not _is_allowed(dataset, tag) for tag in list(dataset.keys()))


def _prune(dataset: Dataset, unwanted: Callable[[Dataset, BaseTag], bool]) -> None:
    for data in (dataset, *nested_datasets(dataset)):
        for tag in [tag for tag in list(data.keys()) if unwanted(data, tag)]:
            del data[tag]


def _is_stale(tag: BaseTag) -> bool:
    """Overlays and curves (groups 60xx, 50xx), and group lengths, which no writer keeps true."""
    return tag.group >> 8 in (0x50, 0x60) or (tag.element == 0 and tag.group > 2)


def _is_allowed(dataset: Dataset, tag: BaseTag, allowed: frozenset[_Private] = _SCALES | _TIMES) -> bool:
    if not tag.is_private:
        return False
    if tag.is_private_creator:
        inside = [t for t in dataset.keys() if t.group == tag.group and t.element >> 8 == tag.element]  # noqa: SIM118  iterating a Dataset decodes every element
        return any(_is_allowed(dataset, t, allowed) for t in inside)
    creator = dataset.get(BaseTag((tag.group << 16) | (tag.element >> 8)))
    name = str(creator.value).strip() if creator is not None else ""
    return (name, tag.group, tag.element & 0xFF) in allowed


def _is_sequence(dataset: Dataset, tag: BaseTag) -> bool:
    vr = dataset.get_item(tag).VR
    if vr is None and not tag.is_private:
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            return False
    return bool(vr == "SQ")
