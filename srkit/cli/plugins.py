"""`srkit plugins`: which plugins are at work, which were left out, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from srkit.cli.printing import print_json, print_table
from srkit.cli.session import session_of

app = typer.Typer(help="Show the installed plugins.", no_args_is_help=True)


@app.callback()
def plugins() -> None:
    """Show the installed plugins."""


@app.command("list")
def list_(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False
) -> None:
    """List the plugins in calling order (later ones are asked first), and those left out."""
    answer = plugin_facts(session_of(context).plugins)
    if json:
        print_json(answer)
        return
    rows = [[p["name"], p["version"], "at work", ", ".join(p["domains"]), p["origin"]] for p in answer["loaded"]]
    rows += [[p["name"], "", "left out", "", f"{p['origin']}: {p['reason']}"] for p in answer["failed"]]
    print_table(["plugin", "version", "state", "domains", "origin"], rows)


def plugin_facts(plugins: Any) -> dict[str, list[dict[str, Any]]]:
    """Return what is known of each plugin, at work or left out."""
    from srkit.plugins import domain_owners

    owners = domain_owners(plugins)
    loaded = [
        {
            "name": p.name,
            "version": p.version,
            "origin": p.origin,
            "domains": [d for name, d in owners if name == p.name],
        }
        for p in plugins.loaded
    ]
    failed = [{"name": p.name, "origin": p.origin, "reason": p.reason} for p in plugins.failed]
    return {"loaded": loaded, "failed": failed}
