"""Options that are born in plugins: put into a command's signature, under their domain's heading."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any

import typer

from srkit.cli.printing import warn
from srkit.cli.session import session_of
from srkit.domain import Domain, Option
from srkit.errors import UsageError

PREFIX = "domain_option_"  # a parameter of this name cannot collide with one of the command's own


def with_domain_options(command: Callable[..., None], domains: Iterable[Domain]) -> Callable[..., None]:
    """Return `command` (whose first parameter is the context) with one more option per option of the domains.

    Values given on the command line go into the session; the command itself sees nothing of them. Options of one
    name in several domains are one option, shown under all their titles.
    """
    merged = _merged(domains)
    own = inspect.signature(command, eval_str=True)
    taken = {name.replace("_", "-") for name in own.parameters}
    for name in sorted(name for name in merged if name.replace("_", "-") in taken):
        warn(
            f"option --{name.replace('_', '-')} of {merged.pop(name)[1]} is left out: the command has one of that name"
        )

    @wraps(command)
    def extended(**values: Any) -> None:
        given = {name: values.pop(PREFIX + name) for name in merged}
        context = values[next(iter(own.parameters))]
        session_of(context).given.update(_checked(given, merged))
        command(**values)

    added = [_parameter(option, titles) for option, titles in merged.values()]
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own.parameters.values()]
    extended.__signature__ = own.replace(parameters=[*keyword, *added])  # type: ignore[attr-defined]
    extended.__annotations__ = {p.name: p.annotation for p in (*keyword, *added)}
    return extended


def _merged(domains: Iterable[Domain]) -> dict[str, tuple[Option, str]]:
    merged: dict[str, tuple[Option, str]] = {}
    for domain in domains:
        for option in domain.options:
            known, titles = merged.get(option.name, (option, ""))
            if (known.type, known.many) != (option.type, option.many):
                warn(f"option {option.name} of domain {domain.name!r} is left out: another domain's has another type")
                continue
            merged[option.name] = (known, f"{titles}, {domain.title}" if titles else domain.title)
    return merged


def _parameter(option: Option, title: str) -> inspect.Parameter:
    flag = "--" + option.name.replace("_", "-")
    is_flag = option.type is bool
    details = typer.Option(
        f"{flag}/--no-{flag[2:]}" if option.default is True else flag,
        help=_help(option),
        rich_help_panel=f"Options of: {title}",
        metavar=None if is_flag else "|".join(option.choices) or option.type.__name__.upper(),
        show_default=False,
    )
    kind: Any = list[option.type] if option.many else option.type  # type: ignore[name-defined]
    return inspect.Parameter(
        PREFIX + option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, details]
    )


def _help(option: Option) -> str:
    notes = []
    if option.many:
        notes.append("repeatable")
    if option.default not in (None, "", (), False):
        notes.append(f"default: {'on' if option.default is True else option.default}")
    text = option.help + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("[", r"\[")  # brackets are no markup here


def _checked(given: dict[str, Any], merged: dict[str, tuple[Option, str]]) -> dict[str, Any]:
    result = {}
    for name, value in given.items():
        if value is None or value == []:
            continue
        option = merged[name][0]
        for entry in value if option.many else [value]:
            if option.choices and entry not in option.choices:
                flag = name.replace("_", "-")
                raise UsageError(f"--{flag} {entry!r} is none of {', '.join(option.choices)}; choose one of them")
        result[name] = tuple(value) if option.many else value
    return result
