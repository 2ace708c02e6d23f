"""The models at hand: the user's folders, and those that plugins ship."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srkit import plugins as verbs
from srkit.errors import ModelError, nearest_known
from srkit.grid import Scale
from srkit.models.file import Model, load_model, read_info
from srkit.models.info import ModelInfo
from srkit.networks.interpolation import KINDS
from srkit.plugins import Plugins

SUFFIX = ".safetensors"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShelfEntry:
    """A model file at hand.

    `origin` is ``user`` or ``plugin``. `info` is None where the file cannot be used; `problem` then says why.
    """

    path: Path
    origin: str
    info: ModelInfo | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The model's name; that of its file where the file cannot be used."""
        return self.info.name if self.info else self.path.stem


def shelf_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the user's folders of models: those in ``SRKIT_MODELS``, then ``~/.local/share/srkit/models``.

    The last one follows ``XDG_DATA_HOME`` where that is set. `srkit train` may put models there.
    """
    named = [Path(part) for part in environment.get("SRKIT_MODELS", "").split(os.pathsep) if part]
    data = environment.get("XDG_DATA_HOME")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return [*named, base / "srkit" / "models"]


def list_models(plugins: Plugins, folders: Sequence[Path] = ()) -> list[ShelfEntry]:
    """Return the models in `folders`, in the user's folders, and those of plugins, in that order, each by name.

    A broken file is an entry with a `problem`, never an error.
    """
    entries: list[ShelfEntry] = []
    for folder in [*folders, *shelf_folders()]:
        paths = sorted(Path(folder).glob(f"*{SUFFIX}")) if Path(folder).is_dir() else []
        entries += [_entry(path, "user") for path in paths]
    entries += sorted((_entry(entry.path, "plugin") for entry in verbs.models(plugins)), key=lambda e: e.name)
    return entries


def find_model(
    plugins: Plugins,
    *,
    name: str | None,
    domain: str,
    scale: Scale | None,
    channels: int,
    suits: Callable[[ModelInfo], bool] = lambda _: True,
) -> Model:
    """Return the model to use on an item of `domain` with `channels` image channels.

    `name` is a path, or a name on the shelf. Without it the first model is taken that was trained for the domain and
    the channels, at `scale` (None: the smallest there is, in-plane before along slices); a perceptual one only where
    no other fits, and never in a domain that puts fidelity first. Without a name, it is one that `suits` agrees to.
    Where none is for so many channels, one of a single channel will do, which takes them one at a time.
    Raises ModelError that says what does not fit and what to do.
    """
    try:
        return _found(plugins, name, domain, scale, channels, suits)
    except ModelError:
        if channels > 1:
            with suppress(ModelError):
                return _found(plugins, name, domain, scale, 1, suits)
        raise


def _found(
    plugins: Plugins,
    name: str | None,
    domain: str,
    scale: Scale | None,
    channels: int,
    suits: Callable[[ModelInfo], bool],
) -> Model:
    if name is None:
        path = _default(plugins, domain, scale, channels, suits).path
    elif _is_path(name):
        path = Path(name)
    else:
        path = _named(plugins, name, scale, channels).path
    model = load_model(path, plugins)
    _check_fit(model.info, scale, channels, path)
    if model.info.domain != domain:
        _log.warning("model %s was trained for %s and is used on %s", model.info.name, model.info.domain, domain)
    return model


def model_path(plugins: Plugins, name: str) -> Path:
    """Return the file of a model: `name` itself where it is a path, else that of a model on the shelf.

    Raises ModelError with the names on the shelf.
    """
    return Path(name) if _is_path(name) else _named(plugins, name, None, 0).path


def _is_path(name: str) -> bool:
    return name.endswith(SUFFIX) or os.sep in name or Path(name).is_file()


def _entry(path: Path, origin: str) -> ShelfEntry:
    try:
        return ShelfEntry(path, origin, read_info(path))
    except ModelError as error:
        return ShelfEntry(path, origin, None, str(error))


def _default(
    plugins: Plugins, domain: str, scale: Scale | None, channels: int, suits: Callable[[ModelInfo], bool]
) -> ShelfEntry:
    fidelity_first = verbs.domain_named(plugins, domain).fidelity_first
    fitting = [
        (entry, entry.info)
        for entry in list_models(plugins)
        if entry.info is not None
        and entry.info.domain == domain
        and _problem(entry.info, scale, channels) is None
        and suits(entry.info)
        and not (fidelity_first and entry.info.perceptual)
    ]
    if not fitting:
        raise ModelError(
            f"no model at hand for {domain} at scale {scale or 'any'} with {channels} channel(s) "
            f"(at hand: {_at_hand(plugins, domain)}); train one with `srkit train --domain {domain}`, "
            "name one with --model FILE, or interpolate with --model bicubic"
        )
    ranked = sorted(fitting, key=lambda pair: _preference(pair[1]))  # stable: shelf order
    chosen = ranked[0][0]
    _log.info("chose model %s (%s) of %d that fit", chosen.name, chosen.path, len(fitting))
    return chosen


def _at_hand(plugins: Plugins, domain: str) -> str:
    """Return the models of a domain in words, so that a user sees which scales and channels there are."""
    infos = [entry.info for entry in list_models(plugins) if entry.info is not None and entry.info.domain == domain]
    return ", ".join(_in_words(info) for info in infos) or f"none for {domain}"


def _in_words(info: ModelInfo) -> str:
    channels = f", {info.channels} channels" if info.channels > 1 else ""
    looks = ", for looks" if info.perceptual else ""
    return f"{info.name} (x{info.scale}{channels}{looks})"


def _preference(info: ModelInfo) -> tuple[bool, bool, tuple[int, ...]]:
    return info.perceptual, info.scale.slice > 1, info.scale.factors


def _named(plugins: Plugins, name: str, scale: Scale | None, channels: int) -> ShelfEntry:
    entries = list_models(plugins)
    same = [entry for entry in entries if entry.name == name]
    if not same:
        known = sorted({entry.name for entry in entries if entry.info})
        hint = nearest_known(name, [*known, *KINDS])
        raise ModelError(
            f"no model named {name!r} (on the shelf: {', '.join(known) or 'none'}){hint}; "
            "give the path of a model file, or see `srkit models list`"
        )
    fitting = [entry for entry in same if entry.info and _problem(entry.info, scale, channels) is None]
    return (fitting or same)[0]


def _check_fit(info: ModelInfo, scale: Scale | None, channels: int, path: Path) -> None:
    problem = _problem(info, scale, channels)
    if problem is not None:
        raise ModelError(f"model {info.name!r} ({path}) {problem}; name another, or use --model bicubic")


def _problem(info: ModelInfo, scale: Scale | None, channels: int) -> str | None:
    if scale is not None and info.scale != scale:
        return f"enlarges by {info.scale}, not by {scale}"
    if info.channels != channels:
        names = f" ({', '.join(channel.name for channel in info.inputs)})" if info.inputs else ""
        hint = "; choose what becomes of the others with --extra-bands" if 1 < info.channels < channels else ""
        return f"is for {info.channels} channel(s){names}, the item has {channels}{hint}"
    return None
