"""Which of the items found are wanted: filters by what their headers say. No text of a header is ever told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from srkit.domain import Options
from srkit.errors import UsageError
from srkit_medical.domains import NAMES

ROUNDING_MM = 5e-4
"""Headers round spacings: 0.4999 is within 0.5 to 1."""

_MAP = "is a calculated map, whose values super-resolution must not invent; --include-derived treats it"
_PROJECTION = "is a projection, not slices; --include-derived treats it"
_REFORMATTED = "is a reformatted volume (MPR), interpolated already; --include-derived treats it"
_PROJECTIONS = {"PROJECTION IMAGE", "MIP", "MINIP"}
_QUANTITIES = ("ADC", "EADC", "FA")
_MAPPED = ("T1", "T2", "T2_STAR", "T2*", "R2", "R2_STAR", "PERFUSION", "DIFFUSION", "VELOCITY", "FIELD")


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a volume says of itself: `spacing_mm` along rows, columns and (where there are several) slices.

    An output of srkit `is_own`: what its source was is no reason to pass it over.
    """

    description: str
    image_type: tuple[str, ...]
    spacing_mm: tuple[float, ...]
    slices: int
    is_own: bool = False


def quantity_in(image_type: Iterable[str]) -> str:
    """Return what a calculated map shows, by its ImageType; empty for an image that does not say it is one.

    Words that are not known are not repeated: they come from inside a file.
    """
    for kind in _kinds(image_type):
        if kind in _QUANTITIES:
            return kind
        if kind.endswith((" MAP", "_MAP")):
            return kind[:-4] if kind[:-4] in _MAPPED else "calculated values"
    return ""


def _kinds(image_type: Iterable[str]) -> list[str]:
    return [value.strip().upper() for value in image_type]


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, both included, in mm."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str, option: str) -> Span | None:
        """Return the span that ``0.5:1.2``, ``:1`` or ``4:`` is; None for an empty text. Raises UsageError."""
        if not text:
            return None
        low, colon, high = text.partition(":")
        try:
            span = cls(float(low or 0), float(high or "inf"))
        except ValueError:
            colon = ""
        if not colon or not 0 <= span.low <= span.high:
            raise UsageError(f"--{option} {text!r} is no range in mm; write it as 0.5:1.2, as :1 or as 4:")
        return span

    def holds(self, value: float) -> bool:
        """Tell whether `value` is inside."""
        return self.low - ROUNDING_MM <= value <= self.high + ROUNDING_MM


@dataclass(frozen=True, slots=True)
class Selection:
    """What items of one domain must be; by default anything but what is derived from other images."""

    description: re.Pattern[str] | None = None
    image_type: tuple[str, ...] = ()
    pixel_spacing: Span | None = None
    slice_spacing: Span | None = None
    min_slices: int = 1
    derived: bool = False

    @classmethod
    def of(cls, options: Options) -> Selection:
        """Return the selection that a domain's options ask for. Raises UsageError for a senseless one."""
        pattern = str(options.get("only_description", ""))
        try:
            description = re.compile(pattern, re.IGNORECASE) if pattern else None
        except re.error as error:
            raise UsageError(f"--only-description {pattern!r} is no regular expression: {error}") from None
        return cls(
            description,
            tuple(value.strip().upper() for value in str(options.get("only_image_type", "")).split(",") if value),
            Span.parse(str(options.get("only_pixel_spacing", "")), "only-pixel-spacing"),
            Span.parse(str(options.get("only_slice_spacing", "")), "only-slice-spacing"),
            int(options.get("min_slices", 1)),
            bool(options.get("include_derived", False)),
        )

    def objection_to_kind(self, image_type: Iterable[str]) -> str:
        """Return why an image of these values of ImageType is passed over; empty where it is not."""
        if self.derived:
            return ""
        if quantity_in(image_type):
            return _MAP
        kinds = _kinds(image_type)
        if "MPR" in kinds and kinds[0] == "DERIVED":  # GE's own oblique slices are ORIGINAL\\PRIMARY\\MPR
            return _REFORMATTED
        return _PROJECTION if _PROJECTIONS & set(kinds) else ""

    def objection(self, portrait: Portrait) -> str:
        """Return why a volume is not wanted; empty where it is. Says nothing of the volume's own words."""
        kinds = set(_kinds(portrait.image_type))
        across, between = portrait.spacing_mm[:2], portrait.spacing_mm[2:]
        unlike = {
            "its description does not match --only-description": self.description
            and not self.description.search(portrait.description),
            "its ImageType lacks a value of --only-image-type": not kinds.issuperset(self.image_type),
            "its pixels' spacing is outside of --only-pixel-spacing": self.pixel_spacing
            and not all(self.pixel_spacing.holds(spacing) for spacing in across),
            "its slices' spacing is outside of --only-slice-spacing": self.slice_spacing
            and not (between and self.slice_spacing.holds(between[0])),
            f"it has fewer slices ({portrait.slices}) than --min-slices": portrait.slices < self.min_slices,
        }
        reason = next((reason for reason, holds in unlike.items() if holds), "")
        kind = "" if portrait.is_own else self.objection_to_kind(portrait.image_type)
        return kind or (f"is not wanted: {reason}" if reason else "")


@dataclass(frozen=True, slots=True)
class Selections:
    """The selection of each domain by its name; one that is not named is all that there is, derived or not.

    With `copies_others` what is no image to enlarge is copied as it is; what the user's filters leave out is not.
    """

    of_domains: tuple[tuple[str, Selection], ...] = ()
    copies_others: bool = False

    @classmethod
    def of_call(cls, options: Mapping[str, Options]) -> Selections:
        """Return what the options of each domain ask for."""
        own = {name: options.get(name, {}) for name in NAMES}
        copies = any(bool(given.get("copy_others", False)) for given in own.values())
        return cls(tuple((name, Selection.of(given)) for name, given in own.items()), copies)

    def of(self, domain: str) -> Selection:
        """Return the selection of one domain."""
        return dict(self.of_domains).get(domain, Selection(derived=True))

    def objection_to_kind(self, image_type: Iterable[str]) -> str:
        """Return why an image of an unknown domain is passed over; empty where it is wanted in any."""
        kinds = tuple(image_type)
        reasons = [selection.objection_to_kind(kinds) for _, selection in self.of_domains]
        return reasons[0] if reasons and all(reasons) else ""
