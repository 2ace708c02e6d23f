"""How a failing command ends: one sentence on stderr, the error's own exit code, a traceback only with `--debug`."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer

from srkit.cli.printing import say
from srkit.errors import SrkitError

INTERRUPTED = 130
BUG = 1

# `Exit` and `Abort` are typer's way out; `BadParameter`'s ancestors are its usage errors, which it prints itself.
_TYPERS_OWN: tuple[type[BaseException], ...] = (
    typer.Exit,
    typer.Abort,
    *(kind for kind in typer.BadParameter.__mro__ if kind not in (Exception, BaseException, object)),
)


def exit_code_of(error: BaseException, *, debug: bool, command: str) -> int:
    """Tell the reader about `error` and return the exit code of the process.

    Raises `error` again where it is typer's own business.
    """
    if isinstance(error, _TYPERS_OWN) or not isinstance(error, Exception | KeyboardInterrupt):
        raise error
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, KeyboardInterrupt):
        say(f"interrupted; {_how_to_resume(error, command)}")
        return INTERRUPTED
    if isinstance(error, SrkitError):
        say(f"error: {error}")
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        # The reader of our output went away; nothing more can be said, not even by the interpreter's last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    say(
        f"error: a bug in srkit: {type(error).__name__} in `srkit {command}`; "
        "nothing was finished. Run it again with `srkit --debug ...` and report the traceback"
    )
    return BUG


def _how_to_resume(error: KeyboardInterrupt, command: str) -> str:
    own: Any = error.args[0] if error.args else None
    if isinstance(own, str):
        return own
    if command in ("train", "upscale"):
        return "what is finished is kept; go on with the same command and --resume"
    return "nothing was left behind; run the command again"
