"""Which channels of an image are those that a model takes: by name, then by wavelength; by position only if asked.

What a name means is a domain's knowledge: its source gives each `Channel` aliases, a wavelength and a quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from srkit.errors import ModelError, UsageError
from srkit.image import Channel

TOLERANCE_NM = 10.0
"""How far centres may lie apart where neither side says how wide its channel is."""

Extra = Literal["refuse", "bicubic", "drop"]
EXTRA: tuple[Extra, ...] = get_args(Extra)
POSITION = "position"


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """How the channels of an image are taken for a model's.

    Parameters
    ----------
    given
        Names or numbers (from 1) of the image's channels in the model's order; empty: matched by what they are.
    by_position
        The first ones in their order, whatever they are called.
    extra
        What becomes of image channels that the model does not take: `refuse` the image, interpolate them (`bicubic`),
        or `drop` them from the output.
    """

    given: tuple[str, ...] = ()
    by_position: bool = False
    extra: Extra = "refuse"

    @classmethod
    def parse(cls, bands: str | None, extra: str) -> ChannelChoice:
        """Return the choice of ``"4,3,2"``, ``"red,green"``, ``"position"`` or None. Raises UsageError for others."""
        kind = next((known for known in EXTRA if known == extra), None)
        if kind is None:
            raise UsageError(f"extra bands cannot be treated by {extra!r}; choose {', '.join(EXTRA)}")
        if bands == POSITION:
            return cls(by_position=True, extra=kind)
        given = tuple(part.strip() for part in (bands or "").split(",") if part.strip())
        if bands is not None and not given:
            raise UsageError("the list of bands is empty; write names or numbers with commas, as 4,3,2")
        return cls(given, extra=kind)


def same(a: Channel, b: Channel) -> bool:
    """Tell whether two channels are of one kind: a common name without contradiction, or the same wavelength."""
    return _level(a, b) is not None


def assigned(
    wanted: Sequence[Channel], channels: Sequence[Channel], choice: ChannelChoice, model: str
) -> tuple[int, ...]:
    """Return the place in `channels` of each channel of `wanted`, after the user's `choice`; image channels only.

    Raises ModelError, which lists both sides, where a channel has no match or several, UsageError where the choice
    names what is not there.
    """
    images = [i for i, channel in enumerate(channels) if channel.role == "image"]
    found = [channels[i] for i in images]
    if len(found) < len(wanted):
        raise ModelError(f"{_sides(wanted, found, model)}; name a model for that many channels, or for one")
    if choice.by_position:
        return tuple(images[: len(wanted)])
    if choice.given:
        return _as_given(wanted, channels, choice.given, model)
    return tuple(images[place] for place in matched(wanted, found, model))


def matched(wanted: Sequence[Channel], found: Sequence[Channel], model: str) -> tuple[int, ...]:
    """Return the place in `found` of each channel of `wanted`, by name, alias, then wavelength.

    The same name comes before a common alias, an alias before a wavelength. Wavelengths agree where each centre lies
    in the other's channel (half its width); where they contradict, names do not count. Raises ModelError for channels
    without a match, or with several.
    """
    places = [_candidates(channel, found) for channel in wanted]
    problems = [
        f"{label(channel)} is {'nowhere' if not found_at else 'ambiguous'}"
        for channel, found_at in zip(wanted, places, strict=True)
        if len(found_at) != 1
    ]
    if not problems and len({p[0] for p in places}) < len(places):
        problems = ["two of them are the same channel of the image"]
    if problems:
        raise ModelError(
            f"{_sides(wanted, found, model)}: {', '.join(problems)}; say which ones they are with --bands "
            "(names or numbers in the model's order), or take them in their own order with --bands-by-position"
        )
    return tuple(p[0] for p in places)


def label(channel: Channel) -> str:
    """Return the channel's name with its wavelength."""
    return channel.name if channel.wavelength_nm is None else f"{channel.name} ({channel.wavelength_nm:g} nm)"


def differing_quantity(wanted: Iterable[str], found: Sequence[Channel]) -> str | None:
    """Return what `found` measures if that is none of the quantities that a model was made for; None if it fits.

    Quantities that one side does not know are never held against the other.
    """
    known = {quantity for quantity in wanted if quantity}
    other = [c.quantity for c in found if c.quantity and c.quantity not in known]
    return other[0] if known and other else None


def _candidates(channel: Channel, found: Sequence[Channel]) -> list[int]:
    levels = [_level(channel, other) for other in found]
    best = min((level for level in levels if level is not None), default=None)
    return [] if best is None else [i for i, level in enumerate(levels) if level == best]


def _level(a: Channel, b: Channel) -> int | None:
    """Return how two channels agree: 0 by name, 1 by an alias, 2 by wavelength, None not at all."""
    agree = _wavelengths_agree(a, b)
    if agree is False:
        return None
    if a.name.casefold() == b.name.casefold():
        return 0
    if _names(a) & _names(b):
        return 1
    return 2 if agree else None


def _names(channel: Channel) -> set[str]:
    return {name.casefold() for name in (channel.name, *channel.aliases)}


def _wavelengths_agree(a: Channel, b: Channel) -> bool | None:
    """Return whether each centre lies in the other's channel; None where one is not known."""
    if a.wavelength_nm is None or b.wavelength_nm is None:
        return None
    widths = [width for width in (a.bandwidth_nm, b.bandwidth_nm) if width]
    tolerance = min(widths) / 2 if widths else TOLERANCE_NM
    return abs(a.wavelength_nm - b.wavelength_nm) <= tolerance


def _as_given(
    wanted: Sequence[Channel], channels: Sequence[Channel], given: Sequence[str], model: str
) -> tuple[int, ...]:
    if len(given) != len(wanted):
        raise UsageError(f"{_sides(wanted, channels, model)}; --bands names {len(given)}, name {len(wanted)}")
    places = tuple(_place(name, channels) for name in given)
    if len(set(places)) < len(places):
        raise UsageError(f"--bands {','.join(given)} names a channel twice")
    for place in places:
        if channels[place].role != "image":
            raise UsageError(f"--bands: {channels[place].name!r} is no image channel but {channels[place].role}")
    return places


def _place(name: str, found: Sequence[Channel]) -> int:
    exact = [i for i, channel in enumerate(found) if channel.name.casefold() == name.casefold()]
    alike = exact or [i for i, channel in enumerate(found) if name.casefold() in _names(channel)]
    if len(alike) == 1:
        return alike[0]
    if not alike and name.isdigit() and 1 <= int(name) <= len(found):
        return int(name) - 1
    known = ", ".join(f"{i} {label(channel)}" for i, channel in enumerate(found, start=1))
    raise UsageError(f"--bands: {name!r} is {'ambiguous' if alike else 'no channel'} of the image; it has {known}")


def _sides(wanted: Sequence[Channel], found: Sequence[Channel], model: str) -> str:
    ours, theirs = ", ".join(map(label, wanted)), ", ".join(map(label, found))
    return f"model {model!r} is for the {len(wanted)} channels {ours}; the image has {len(found)}: {theirs}"
