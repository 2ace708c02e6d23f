"""Writes docs/reference/hooks.md from srkit/hookspecs.py: `python docs/make_hooks.py`; `--check` only compares."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from srkit import hookspecs

PAGE = Path(__file__).parent / "reference" / "hooks.md"
HEAD = f"""# The hooks

Made from `srkit/hookspecs.py` by `python docs/make_hooks.py`; change that file, not this one.
This is contract number {hookspecs.CONTRACT}.

A plugin implements the hooks it cares for, marked `@srkit.hookimpl`, and takes the arguments it needs, by name.
Where the first answer wins, `None` passes the question on. Later plugins are asked first (core, owners of domains,
others by name, `--plugin` files as given), so that a later one can replace a single step; `srkit doctor` shows who
is asked. How to write a plugin: [the guide](../how-to/write-a-plugin.md).
"""


def specifications() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every hook with its name, in the order of the file."""
    for name, value in vars(hookspecs).items():
        if name.startswith("srkit_"):
            yield name, value


def section(name: str, spec: Callable[..., Any]) -> str:
    """Return the part of the page about one hook."""
    first = getattr(spec, f"{hookspecs.PROJECT}_spec")["firstresult"]
    how = "The first answer that is not `None` wins." if first else "The answers of all plugins are put together."
    signature = inspect.signature(spec)
    arguments = [f"{p.name}: {p.annotation}" for p in signature.parameters.values()]
    answer = signature.return_annotation
    line = f"{name}({', '.join(arguments)}) -> {answer}"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f") -> {answer}"
    text = (inspect.getdoc(spec) or "").replace("``", "`")
    return f"## {name}\n\n```python\n{line}\n```\n\n{text}\n\n{how}\n"


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(section(name, spec) for name, spec in specifications())])


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
