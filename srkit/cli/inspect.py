"""`srkit inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from srkit.cli.parameters import AsJson, DomainName, InputPaths
from srkit.cli.printing import print_json, print_table, relative, shared_root
from srkit.cli.session import session_of
from srkit.errors import InputError

if TYPE_CHECKING:
    from srkit.upscaling.batch.report import ItemInspection


def inspect(context: typer.Context, paths: InputPaths, domain: DomainName = None, json: AsJson = False) -> None:
    """Say what is understood of the items at INPUT, and what would keep them from being upscaled; changes nothing."""
    from srkit.api import inspect as job

    session = session_of(context)
    items = job(paths, domain=domain, options=session.options(domain), plugins=session.plugins)
    if json:
        print_json(items)
    elif len(items) == 1:
        _print_one(items[0])
    else:
        _print_many(items, shared_root(paths))
    if any(item.error for item in items):
        raise typer.Exit(InputError.exit_code)


def _print_one(item: ItemInspection) -> None:
    rows: list[list[object]] = [["item", item.path], ["domain", item.domain or "none"]]
    if item.domain and not item.error:
        rows += _facts(item)
    rows += [[finding.level, finding.text] for finding in item.findings]
    rows += [[f"no {role}s", reason] for role, reason in item.cannot_scale.items() if not _is_told(item, reason)]
    rows += [["skipped", item.skipped]] if item.skipped else []
    rows += [["error", item.error]] if item.error else []
    print_table(["what", "understood"], rows)


def _is_told(item: ItemInspection, reason: str) -> bool:
    return any(reason in finding.text for finding in item.findings)


def _facts(item: ItemInspection) -> list[list[object]]:
    spacing = " x ".join(f"{step:.6g}" for step in item.spacing)
    axes = [
        f"{size} {role or 'samples'}{'s' if role else ''}" for size, role in zip(item.shape, item.roles, strict=True)
    ]
    return [
        ["files", item.files],
        ["size", ", ".join(axes)],
        ["spacing", spacing],
        ["world", _short(item.reference) if item.reference else "pixels"],
        ["channels", ", ".join(item.channels)],
        ["stored as", item.dtype],
        ["frames", item.frames],
        ["can be scaled", _scalable(item)],
    ]


def _short(reference: str, limit: int = 80) -> str:
    text = " ".join(reference.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _scalable(item: ItemInspection) -> str:
    """Return what srkit can do with an item, in one or two words."""
    if item.error or any(finding.level == "refusal" for finding in item.findings):
        return "refused"
    if item.skipped:
        return "skipped"
    return ", ".join(f"{role}s" for role in item.can_scale) or "nothing"


def _print_many(items: list[ItemInspection], root: Path) -> None:
    """Print a row for each item: what it is, where it lies, what can be done with it, and why not more."""
    rows = []
    for item in items:
        notes = [item.error or item.skipped, *(f.text for f in item.findings if f.level != "info")]
        notes += [reason for reason in dict.fromkeys(item.cannot_scale.values()) if not _is_told(item, reason)]
        size = "x".join(map(str, item.shape)) + (f", {item.frames} times" if item.frames > 1 else "")
        spacing = " x ".join(f"{step:.4g}" for step in item.spacing)
        notes = [note for note in notes if note]
        rows.append(
            [relative(item.path, root), item.domain, size, spacing, item.dtype, _scalable(item), "; ".join(notes)]
        )
    print_table(["item", "domain", "size", "spacing", "stored as", "can be scaled", "notes"], rows)
