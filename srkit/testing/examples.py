"""What a contract test works on: a small item made in code, and the plugins that are to treat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from srkit import plugins as calls
from srkit.domain import Item, Options
from srkit.errors import PluginError
from srkit.grid import Scale
from srkit.plugins import GROUP, Plugins

EXAMPLES_GROUP = "srkit.examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One small item on disk.

    Parameters
    ----------
    domain
        Name of the domain that owns the item.
    root
        The folder that holds its files and nothing else.
    options
        Options of the domain that differ from the defaults.
    scale
        What the item is upscaled by; factors differ so that swapped axes show. Axes that the source fixes, and roles
        that it lacks, are left alone.
    tolerance
        How far corners of an output may be off, in samples, where the format's own numbers are coarser than float64.
    by_content
        Whether the item is known without the names of its files.
    normalizer
        Specification of a normaliser, as in a recipe.
    """

    domain: str
    root: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: Scale = Scale(2, 3, 2)  # noqa: RUF009  a frozen value
    tolerance: float = 1e-6
    by_content: bool = True
    normalizer: Mapping[str, Any] = field(default_factory=lambda: {"kind": "range"})

    def options_in(self, plugins: Plugins) -> dict[str, Options]:
        """Return the options of every domain, with the example's own in place."""
        options: dict[str, Options] = {**calls.default_options(plugins)}
        options[self.domain] = {**options.get(self.domain, {}), **self.options}
        return options

    def items_at(self, plugins: Plugins, root: Path) -> list[Item]:
        """Return the items of the example's domain that are discovered at `root`."""
        found = calls.discover(plugins, root, self.options_in(plugins), domain=self.domain)
        return [entry for entry in found if isinstance(entry, Item)]


ExampleMaker = Callable[[Path], Example]


def installed_examples() -> dict[str, ExampleMaker]:
    """Return the makers of examples that installed plugins export in the group ``srkit.examples``, by label.

    A maker writes one small item below the empty folder that it is given.
    """
    makers: dict[str, ExampleMaker] = {}
    for point in sorted(entry_points(group=EXAMPLES_GROUP), key=lambda p: p.name):
        makers.update(point.load())
    return makers


def plugins_with(plugin: ModuleType | str | Path) -> Plugins:
    """Return the core's own plugin and one more: a module, the dotted name of one, or a Python file.

    Raises PluginError where that one cannot be loaded.
    """
    core = [point for point in entry_points(group=GROUP) if point.name == calls.CORE]
    if isinstance(plugin, Path):
        loaded = calls.load_plugins([plugin], installed=core, environment={})
    else:
        name = plugin if isinstance(plugin, str) else plugin.__name__
        loaded = calls.load_plugins(installed=[*core, EntryPoint("tested", name, GROUP)], environment={})
    for failed in loaded.failed:
        raise PluginError(f"plugin {failed.name!r} {failed.reason}")
    return loaded
