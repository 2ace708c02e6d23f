"""Every error that srkit raises on purpose.

    SrkitError
    ├── UsageError (2)            the command or call cannot be meant as it stands
    │   └── UnknownDomainError
    ├── RecipeError (3)           a recipe is wrong, or does not fit the data
    ├── ModelError (3)            a model is broken, or does not fit the item
    ├── InputError (4)            an input cannot be read or treated
    ├── OutputError (4)           an output cannot be written or fails its verification
    ├── MissingRequirementError (5)   weights, a codec, a package are not there
    ├── OutOfMemoryError (5)      there is too little memory
    ├── LostProcessError (5)      another process of a training run has ended
    ├── PluginError (5)           a plugin breaks the contract
    ├── DivergedError (6)         a training run went astray
    └── NetworkOutputError (1)    a network made values that are no numbers

The number is the exit code of the command line, which never chooses one itself.
A message says what is wrong (with the value), where, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class SrkitError(Exception):
    """Base of every error raised on purpose; a traceback is shown only on request."""

    exit_code: ClassVar[int] = 1


class UsageError(SrkitError):
    """The command or call cannot be meant as it stands."""

    exit_code = 2


class UnknownDomainError(UsageError):
    """No installed plugin owns the domain that was named."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(known)) or "none installed"
        super().__init__(f"no domain named {name!r} (known: {names}); install its plugin, or see `srkit plugins list`")


class RecipeError(SrkitError):
    """A recipe has an unknown key or a wrong value, or does not fit the data."""

    exit_code = 3


class ModelError(SrkitError):
    """A model file is broken, unknown, or does not fit the item."""

    exit_code = 3


class InputError(SrkitError):
    """An input cannot be read, or cannot be treated correctly and is therefore refused."""

    exit_code = 4


class OutputError(SrkitError):
    """An output cannot be written, or does not stand up to its verification."""

    exit_code = 4


class MissingRequirementError(SrkitError):
    """Something outside srkit is not there: weights, a codec, a package."""

    exit_code = 5


class OutOfMemoryError(SrkitError):
    """There is too little memory for the network on a tile; `length` is that of the tile's longest axis."""

    exit_code = 5

    def __init__(self, message: str, length: int = 0) -> None:
        super().__init__(message)
        self.length = length


class LostProcessError(SrkitError):
    """Another process of a training run has ended, and says why itself."""

    exit_code = 5


class PluginError(SrkitError):
    """A plugin raised where it must not, or answered with something that the contract forbids."""

    exit_code = 5


class DivergedError(SrkitError):
    """A training run went astray and was stopped at its last good state."""

    exit_code = 6


class NetworkOutputError(SrkitError):
    """A network made values that are no numbers on valid samples; nothing was written."""

    exit_code = 1


class SrkitWarning(UserWarning):
    """Category of every warning that srkit gives."""


def tells_of_exhaustion(error: BaseException) -> bool:
    """Tell whether memory ran out: torch has an error of its own on GPUs, and only words on CPUs."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def nearest_known(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``; did you mean 'scale'?`` or an empty text if nothing is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
