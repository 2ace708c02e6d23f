"""Writes docs/reference/cli.md from `srkit --help`: `python docs/make_cli.py`; `--check` only compares.

The domains' options are part of the page: make it with all plugins of this repository installed, and no others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "reference" / "cli.md"
COMMANDS = (
    "",
    "upscale",
    "train",
    "evaluate",
    "inspect",
    "verify",
    "models list",
    "models show",
    "plugins list",
    "doctor",
    "demo",
)
HEAD = """# The command line

Made from `srkit --help` by `python docs/make_cli.py`; change the commands, not this page.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a bug in srkit, or a network that made values that are no numbers |
| 2 | the command cannot be meant as it stands |
| 3 | recipe or model does not fit |
| 4 | an input could not be processed or an output not written; others of the folder were |
| 5 | weights, a codec or a plugin is missing or ill |
| 6 | training diverged |
| 130 | interrupted; `--resume` goes on |

Errors are one sentence on stderr: what, where, what to do. `--debug` before the command adds the traceback.
`--json` prints results as JSON on stdout and nothing else there.
"""


def help_of(command: str) -> str:
    """Return what `srkit COMMAND --help` prints on a terminal of 100 columns without colours."""
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "TERM": "dumb", "NO_COLOR": "1"}
    environment.pop("SRKIT_PLUGINS", None)
    done = subprocess.run(
        [sys.executable, "-m", "srkit", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    return "\n".join(lines).strip()


def page() -> str:
    """Return the whole page."""
    sections = [f"## srkit {command}".rstrip() + f"\n\n```text\n{help_of(command)}\n```\n" for command in COMMANDS]
    return "\n".join([HEAD, *sections])


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
