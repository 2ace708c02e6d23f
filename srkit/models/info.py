"""What a model says about itself, and its form as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from srkit.errors import ModelError, UsageError
from srkit.grid import ROLES, Role, Scale
from srkit.image import Channel

FORMAT = 2
"""Number of the metadata's form; a reader refuses a higher one. Form 1 had `channel_names` instead of `inputs`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What training saw, so that images of another kind can be told from it.

    Parameters
    ----------
    values
        1st and 99th percentile of LR in the training patches, in network range; None if not known.
    spacing
        Smallest and largest size of an LR sample per role, in the domain's unit (mm, m); empty if not known.
    quantities
        What the numbers measured; empty where nobody said, or where each item is normalised by its own range.
    """

    values: tuple[float, float] | None = None
    spacing: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quantities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model is and what it was trained for.

    Parameters
    ----------
    name
        Its name on the shelf.
    domain
        The domain that it was trained for.
    network, parameters
        The architecture's name, and its parameters but `ndim`, `channels` and `scale`, which follow from the rest.
    scale
        Factor per role.
    roles
        What the network's axes are to the eye, in network axis order: ``("row", "column")``, or
        ``("slice", "row", "column")``; a 2-D network may have ``("slice", "column")``.
    channels, inputs
        Number of the channels, and what they are, in order; empty where that is not known, or where one channel of
        any kind is taken at a time.
    normalizer
        Spec of the normaliser, completed at training.
    degradation
        The steps that made LR from HR, as in a recipe; empty where a plugin's own function made it.
    halo
        LR pixels per network axis; None for a network that sees all of its input.
    perceptual
        Whether it was trained for looks rather than fidelity.
    training
        The resolved recipe and the data's description; plain JSON, where numbers like infinity become text.
    card
        Markdown for the reader.
    precision
        By lower precision (``bf16``): how far the network then strays, as `measure_deviation` returns it.
    seen
        What training saw.
    """

    name: str
    domain: str
    network: str
    scale: Scale
    roles: tuple[Role, ...]
    channels: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Channel, ...] = ()
    normalizer: Mapping[str, Any] = field(default_factory=dict)
    degradation: tuple[Mapping[str, Any], ...] = ()
    halo: tuple[int, ...] | None = None
    perceptual: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    precision: Mapping[str, Any] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)

    @property
    def network_scale(self) -> tuple[int, ...]:
        """Factor per axis of the network, in its order."""
        return tuple(self.scale.of(role) for role in self.roles)


def info_to_json(info: ModelInfo) -> str:
    """Return `info` as JSON with sorted keys. Raises ModelError for values that JSON does not have."""
    entries = {
        **asdict(info),
        "format": FORMAT,
        "scale": list(info.scale.factors),
        "inputs": [channel_to_json(channel) for channel in info.inputs],
        "training": _finite(info.training),  # the PSNR of a perfect copy is no reason to lose a model
    }
    try:
        return json.dumps(entries, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ModelError(f"model {info.name!r}: its description is not plain JSON: {error}") from error


def channel_to_json(channel: Channel) -> dict[str, Any]:
    """Return what is known of a channel as plain values."""
    return {key: value for key, value in asdict(channel).items() if value not in (None, "", (), "image")}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def info_from_json(text: object, path: Path) -> ModelInfo:
    """Return the info in the metadata of a model file. Raises ModelError if it is absent or not as it must be."""
    if not isinstance(text, str):
        raise ModelError(f"{path} has weights but no description by srkit; only models written by srkit can be used")
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ModelError(f"model file {path} has a damaged description; copy or download it again") from error
    number = entries.get("format") if isinstance(entries, dict) else None
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"model file {path} has a damaged description; copy or download it again")
    if number > FORMAT:
        raise ModelError(f"model file {path} is of format {number}, this srkit reads {FORMAT}; update srkit")
    return _checked(entries, path)


def _checked(entries: Mapping[str, Any], path: Path) -> ModelInfo:
    values = {}
    if entries["format"] == 1:
        names = entries.get("channel_names")
        entries = {**entries, "inputs": [{"name": n} for n in names] if isinstance(names, list) else None}
    for name in (f.name for f in fields(ModelInfo)):
        try:
            values[name] = _READERS[name](entries[name] if name in entries else _LATER[name])
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise ModelError(f"model file {path}: its description has no valid {name!r}") from error
    info = ModelInfo(**values)
    for axes in (info.halo, info.inputs or None):
        wanted = len(info.roles) if axes is info.halo else info.channels
        if axes is not None and len(axes) != wanted:
            raise ModelError(f"model file {path}: its description contradicts itself ({len(axes)} of {wanted} entries)")
    if any(info.scale.of(role) != 1 for role in ROLES if role not in info.roles):
        raise ModelError(f"model file {path}: scale {info.scale} acts on an axis that its network does not have")
    return info


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TypeError
    return value


def _scale(row: Any, column: Any, slice_: Any) -> Scale:
    return Scale(_whole(row, 1), _whole(column, 1), _whole(slice_, 1))


def _roles(value: Any) -> tuple[Role, ...]:
    roles = tuple(role for name in _list(value) for role in ROLES if role == name)
    if len(roles) != len(value) or len(set(roles)) != len(roles) or len(roles) not in (2, 3):
        raise ValueError
    return roles


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def channel_from_json(value: Any) -> Channel:
    """Return the channel of `channel_to_json`. Raises TypeError for anything else."""
    said = _mapping(value)
    centre, width = (said.get(key) for key in ("wavelength_nm", "bandwidth_nm"))
    return Channel(
        _text(said.get("name")),
        wavelength_nm=None if centre is None else _number(centre),
        bandwidth_nm=None if width is None else _number(width),
        aliases=tuple(_text(alias) for alias in _list(said.get("aliases", []))),
        quantity=_text(said.get("quantity", "")),
    )


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _span(value: Any) -> tuple[float, float]:
    low, high = _list(value)
    return _number(low), _number(high)


def seen_from_json(value: Any) -> Seen:
    """Return what training saw, from plain values. Raises TypeError for anything else."""
    said = _mapping(value)
    values = said.get("values")
    return Seen(
        values=None if values is None else _span(values),
        spacing={_text(role): _span(span) for role, span in _mapping(said.get("spacing", {})).items()},
        quantities=tuple(_text(name) for name in _list(said.get("quantities", []))),
    )


_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "domain": _text,
    "network": _text,
    "scale": lambda value: _scale(*_list(value)),
    "roles": _roles,
    "channels": lambda value: _whole(value, 1),
    "parameters": _mapping,
    "inputs": lambda value: tuple(channel_from_json(v) for v in _list(value)),
    "normalizer": _mapping,
    "degradation": lambda value: tuple(_mapping(v) for v in _list(value)),
    "halo": lambda value: None if value is None else tuple(_whole(v) for v in _list(value)),
    "perceptual": _flag,
    "training": _mapping,
    "card": _text,
    "precision": lambda value: {name: _mapping(entry) for name, entry in _mapping(value).items()},
    "seen": seen_from_json,
}
_LATER: dict[str, Any] = {"precision": {}, "seen": {}}  # what files from before do not have
