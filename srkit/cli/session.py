"""What all commands of one call share: the global options, the plugins, the values of the domains' options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from srkit.cli.printing import warn
from srkit.errors import UsageError

if TYPE_CHECKING:
    from srkit.plugins import Plugins


@dataclass
class Session:
    """One call of the command line.

    `given` holds the values of domain options that were written on the command line, by option name.
    """

    debug: bool = False
    files: Sequence[Path] = ()
    given: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins, loaded once; those left out are told on stderr."""
        from srkit.plugins import load_plugins

        plugins = load_plugins(self.files)
        for failed in plugins.failed:
            warn(f"plugin {failed.name!r} is left out: it {failed.reason}")
        return plugins

    def options(self, domain: str | None) -> Mapping[str, Mapping[str, Any]]:
        """Return every domain's options by domain name: defaults, and what the command line says.

        Raises UsageError for an option that `domain`, where one is named, does not have.
        """
        from srkit.plugins import default_options, domain_named

        result = default_options(self.plugins)
        if domain is not None:
            known = {option.name for option in domain_named(self.plugins, domain).options}
            for name in sorted(set(self.given) - known):
                raise UsageError(f"--{name.replace('_', '-')} is no option of domain {domain!r}; leave it out")
        for values in result.values():
            values.update({name: value for name, value in self.given.items() if name in values})
        return result


def session_of(context: typer.Context) -> Session:
    """Return the session that the root command made."""
    session = context.find_object(Session)
    return Session() if session is None else session
