"""The plugins and options of one call, and what they find at a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srkit.domain import Item, Options, Skipped
from srkit.errors import UsageError
from srkit.files import is_address
from srkit.plugins import Plugins, default_options, discover, load_plugins, selecting_options


@dataclass(frozen=True, slots=True)
class Session:
    """Plugins, and the options of every domain by its name, complete with defaults."""

    plugins: Plugins
    options: Mapping[str, Options]

    @classmethod
    def of_call(cls, plugins: Plugins | None = None, options: Mapping[str, Options] | None = None) -> Session:
        """Return the session of a call; by default the installed plugins, at their default options."""
        loaded = load_plugins() if plugins is None else plugins
        merged: dict[str, Options] = {**default_options(loaded)}
        for domain, given in (options or {}).items():
            merged[domain] = {**merged.get(domain, {}), **given}
        return cls(loaded, merged)

    def of(self, domain: str) -> Options:
        """Return the options of one domain, but for those that only say which items are meant."""
        selecting = selecting_options(self.plugins).get(domain, frozenset())
        return {name: value for name, value in self.options.get(domain, {}).items() if name not in selecting}

    @property
    def unselecting(self) -> Mapping[str, Options]:
        """The options by which an output is found: it need not be of the items that were meant."""
        defaults = default_options(self.plugins)
        return {name: {**defaults.get(name, {}), **self.of(name)} for name in self.options}

    def chosen(self, domain: str) -> Options:
        """Return those options of one domain that are not at their defaults."""
        defaults = default_options(self.plugins).get(domain, {})
        return {name: value for name, value in self.of(domain).items() if value != defaults.get(name)}

    def find(self, root: Path, domain: str | None, hint: str | None = None) -> list[Item | Skipped]:
        """Return what is found at `root`; where a file's domain is in doubt, `hint`, a model's, settles it.

        Raises UsageError if there is no such path.
        """
        if not (root.exists() or is_address(root)):
            raise UsageError(f"no file or folder {root}")
        found = discover(self.plugins, root, self.options, domain=domain)
        if domain is not None or hint is None or not any(map(_is_in_doubt, found)):
            return found
        again = discover(self.plugins, root, self.options, domain=hint)
        settled = {entry.path: entry for entry in again if isinstance(entry, Item)}
        return [settled.get(entry.path, entry) if _is_in_doubt(entry) else entry for entry in found]


def _is_in_doubt(entry: Item | Skipped) -> bool:
    return entry.failed if isinstance(entry, Skipped) else bool(entry.doubts)


def without_outputs(found: Sequence[Item | Skipped], root: Path, out: Path) -> list[Item | Skipped]:
    """Leave out what lies in the output folder, where that is inside the input folder: earlier outputs."""
    real_root, real_out = root.resolve(), out.resolve()
    if not real_out.is_relative_to(real_root) or real_out == real_root or not real_out.is_dir():
        return list(found)
    return [entry for entry in found if not entry.path.resolve().is_relative_to(real_out)]
