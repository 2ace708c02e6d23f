"""Loads plugins and keeps them apart: one that fails in any way is left out, and said so."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from srkit import hookspecs
from srkit.errors import PluginError, UsageError, nearest_known

GROUP = "srkit.plugins"
CORE = "core"


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that is at work."""

    name: str
    origin: str
    version: str
    module: Any


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A plugin that was left out, and why."""

    name: str
    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins at work, in calling order (later ones are asked first), and those left out.

    `found` says which files and entry points they were loaded from.
    """

    manager: pluggy.PluginManager
    loaded: list[LoadedPlugin] = field(default_factory=list)
    failed: list[FailedPlugin] = field(default_factory=list)
    found: tuple[tuple[Path, ...], tuple[EntryPoint, ...]] = ((), ())

    def __reduce__(self) -> tuple[Callable[..., Plugins], tuple[Any, ...]]:
        """Let another process load the same plugins: modules cannot be sent."""
        return _load_again, self.found

    def answering(self, verb: str) -> list[str]:
        """Return the names of the plugins that implement `verb`, in the order in which they are asked."""
        names = {id(plugin.module): plugin.name for plugin in self.loaded}
        impls = getattr(self.manager.hook, verb).get_hookimpls()
        return [names[id(impl.plugin)] for impl in reversed(impls)]


Candidate = tuple[str, str, str, Callable[[], Any]]  # name, origin, version, loader


def load_plugins(
    files: Sequence[Path] = (),
    *,
    installed: Iterable[EntryPoint] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Plugins:
    """Return the installed plugins and those in `files`, each loaded and checked on its own.

    `installed` replaces the entry points of the group ``srkit.plugins``. The variable ``SRKIT_PLUGINS`` names those
    to use besides the core's own (comma-separated; empty for none). Order: core, owners of domains, others by name,
    `files` as given; later ones win. A plugin that fails in any way is left out and reported in `Plugins.failed`;
    one of `files` that fails raises PluginError, since it was asked for.
    """
    found = entry_points(group=GROUP) if installed is None else installed
    wanted = environment.get("SRKIT_PLUGINS")
    points = [p for p in found if wanted is None or p.name == CORE or p.name in wanted.split(",")]
    candidates = [_candidate(point) for point in sorted(points, key=lambda p: p.name)]

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, found=(tuple(files), tuple(points)))
    for plugin in sorted(_imported(candidates, plugins.failed), key=_calling_order):
        _register(plugins, plugin)
    for path in files:
        _add_file(plugins, path)
    return plugins


def _load_again(files: Sequence[Path], points: Sequence[EntryPoint]) -> Plugins:
    return load_plugins(files, installed=points, environment={})


def _candidate(point: EntryPoint) -> Candidate:
    distribution = point.dist
    origin = f"{distribution.name} ({point.value})" if distribution else point.value
    return point.name, origin, distribution.version if distribution else "?", point.load


def _imported(candidates: Iterable[Candidate], failed: list[FailedPlugin]) -> Iterator[LoadedPlugin]:
    for name, origin, version, load in candidates:
        try:
            yield LoadedPlugin(name, origin, version, load())
        except (Exception, SystemExit) as error:  # noqa: BLE001  anything may be raised at import; others must go on
            failed.append(FailedPlugin(name, origin, f"fails at import: {type(error).__name__}: {error}"))


def _calling_order(plugin: LoadedPlugin) -> tuple[int, str]:
    rank = 0 if plugin.name == CORE else 1 if hasattr(plugin.module, "srkit_domains") else 2
    return rank, plugin.name


def _register(plugins: Plugins, plugin: LoadedPlugin) -> None:
    reason = _contract_problem(plugin)
    if reason is None:
        try:
            plugins.manager.register(plugin.module, plugin.name)
            plugins.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if plugins.manager.is_registered(plugin.module):
                plugins.manager.unregister(plugin.module)
            reason = f"does not fit the hooks: {_unfit(error)}"
    if reason is None:
        plugins.loaded.append(plugin)
    else:
        plugins.failed.append(FailedPlugin(plugin.name, plugin.origin, reason))


def _contract_problem(plugin: LoadedPlugin) -> str | None:
    number = getattr(plugin.module, "SRKIT_CONTRACT", 1)
    if number != hookspecs.CONTRACT:
        return (
            f"was made for contract {number}, this srkit speaks contract {hookspecs.CONTRACT}; "
            "install a version of the plugin for this srkit"
        )
    names = [name for name in dir(plugin.module) if name.startswith("srkit_")]
    if not any(hasattr(getattr(plugin.module, name), f"{hookspecs.PROJECT}_impl") for name in names):
        return "implements no hook; mark its functions with `@srkit.hookimpl`"
    return None


def _unfit(error: BaseException) -> str:
    """Return what pluggy finds wrong, with the nearest hook's name instead of the module that the reader knows."""
    text = re.sub(r" in plugin <module .*>$", "", _one_line(error))
    unknown = re.fullmatch(r"unknown hook '(\w+)'", text)
    return text + (nearest_known(unknown[1], vars(hookspecs)) if unknown else "")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _add_file(plugins: Plugins, path: Path) -> None:
    name = path.stem
    if not path.is_file():
        raise UsageError(f"no plugin file {path}; give the path of a Python file")
    failed: list[FailedPlugin] = []
    for plugin in _imported([(name, str(path), "file", lambda: _import_file(path))], failed):
        before = len(plugins.failed)
        _register(plugins, plugin)
        failed += plugins.failed[before:]
    if failed:
        raise PluginError(f"plugin {path} {failed[0].reason}")


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"srkit_plugin_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
