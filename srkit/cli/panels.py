"""Options in groups: a panel of ``--help`` is a frozen value, and one parameter of its command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

Empty = inspect.Parameter.empty


@dataclass(frozen=True)
class Panel:
    """Options that belong together: fields annotated as typer's options are, under the heading `TITLE`."""

    TITLE: ClassVar[str] = ""

    def asked(self) -> dict[str, Any]:
        """Return what the options ask of the call that the command makes, by the call's names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def with_panels(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with the fields of each parameter that is a panel in its place, for typer to see.

    The command itself is called with the panels.
    """
    own = inspect.signature(command, eval_str=True)
    panels = {name: p.annotation for name, p in own.parameters.items() if _is_panel(p)}

    @wraps(command)
    def flat(**values: Any) -> None:
        for name, panel in panels.items():
            values[name] = panel(**{field.name: values.pop(field.name) for field in fields(panel)})
        command(**values)

    parameters = list(_flattened(own))
    flat.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _is_panel(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Panel)


def _flattened(own: inspect.Signature) -> Iterator[inspect.Parameter]:
    """Yield keyword parameters: those of a function with defaults and without may follow one another."""
    for parameter in own.parameters.values():
        if _is_panel(parameter):
            yield from _options(parameter.annotation)
        else:
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _options(panel: type[Panel]) -> Iterator[inspect.Parameter]:
    types = get_type_hints(panel, include_extras=True)
    for field in fields(panel):
        kind, option = get_args(types[field.name])
        shown = copy(option)
        shown.rich_help_panel = panel.TITLE
        default = Empty if field.default is MISSING else field.default
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown]
        )
