"""The root command: global options, the list of commands, and how each of them ends."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from srkit import __version__
from srkit.cli.failures import exit_code_of
from srkit.cli.printing import warn
from srkit.cli.session import Session
from srkit.cli.termination import termination_as_interrupt

# command -> module, function, whether the domains' options belong to it
COMMANDS = {
    "upscale": ("srkit.cli.upscale", "upscale", True),
    "merge": ("srkit.cli.merge", "merge", False),
    "train": ("srkit.cli.train", "train", True),
    "evaluate": ("srkit.cli.evaluate", "evaluate", True),
    "inspect": ("srkit.cli.inspect", "inspect", True),
    "verify": ("srkit.cli.verify", "verify", True),
    "doctor": ("srkit.cli.doctor", "doctor", False),
    "demo": ("srkit.cli.demo", "demo", False),
}


class Root(TyperGroup):
    """The group of all commands. Plugins are loaded for a command that shows their options, never for the list."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` name, extended by the domains' options where they belong."""
        ctx.obj = Session(bool(ctx.params.get("debug")), tuple(Path(p) for p in ctx.params.get("plugin") or ()))
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS and COMMANDS[name][2]:
            command = _with_options(name, ctx.obj)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error becomes a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except BaseException as error:  # noqa: BLE001  the one place where errors end; typer's own are raised again
            command = ctx.invoked_subcommand or ""
            raise typer.Exit(exit_code_of(error, debug=bool(ctx.params.get("debug")), command=command)) from None


def _with_options(name: str, session: Session) -> Any:
    from srkit.cli.domain_options import with_domain_options
    from srkit.plugins import domains

    function = with_domain_options(_function(name), domains(session.plugins).values())
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name)(function)
    command = typer.main.get_command(single)
    command.name = name
    return command


def _function(name: str) -> Callable[..., None]:
    module, function, _ = COMMANDS[name]
    return getattr(import_module(module), function)  # type: ignore[no-any-return]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"srkit {__version__}")
        raise typer.Exit


def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and a detailed log.")] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE.py", help="Use the plugin in this file too (repeatable)."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Sharpen MRI, CT, satellite scenes and photographs without moving a coordinate or losing a tag.

    Detail that a network adds is plausible, not measured: outputs are for research, never for diagnosis.
    """


def make_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        cls=Root, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    app.callback()(root)
    for name in COMMANDS:
        app.command(name)(_function(name))
    for name in ("models", "plugins"):
        app.add_typer(import_module(f"srkit.cli.{name}").app, name=name)
    return app


def run(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process by default) and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(
        level=logging.DEBUG if "--debug" in given else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.captureWarnings(capture=False)
    _print_any_name()
    with warnings.catch_warnings(), termination_as_interrupt():
        warnings.showwarning = _show_warning
        try:
            typer.main.get_command(make_app())(args=given, prog_name="srkit")
        except SystemExit as end:
            return int(end.code or 0)
        except KeyboardInterrupt:
            return 130
    return 0


def _print_any_name() -> None:
    """Let file names be printed that the terminal's encoding cannot hold, escaped, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _show_warning(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
    from srkit.errors import SrkitWarning

    if issubclass(category, SrkitWarning) or "--debug" in sys.argv:
        warn(str(message))
