"""Says what items are at a path, without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from srkit.domain import Item, Options, Skipped
from srkit.errors import SrkitError
from srkit.image import Source
from srkit.plugins import Plugins, inspect_item, open_source
from srkit.upscaling.batch.inputs import Inputs
from srkit.upscaling.batch.report import ItemInspection
from srkit.upscaling.session import Session


def inspect_path(
    path: str | Path | Sequence[str | Path],
    *,
    domain: str | None = None,
    options: Mapping[str, Options] | None = None,
    plugins: Plugins | None = None,
) -> list[ItemInspection]:
    """Return what is understood of every item at `path`, one or more files or folder trees, in the order of paths.

    An item that cannot be read is one with an `error`; what is no image to enhance (a localizer) is `skipped`;
    files of no installed domain are not mentioned.
    Raises UsageError if there is no such path or domain.
    """
    session = Session.of_call(plugins, options)
    found = Inputs.of_call(path).find(session, domain)
    return [_inspected(session, entry) if isinstance(entry, Item) else _skipped(entry) for entry in found]


def _skipped(entry: Skipped) -> ItemInspection:
    if entry.failed:
        return ItemInspection(entry.path, "", error=entry.reason)
    return ItemInspection(entry.path, "", skipped=entry.reason)


def _inspected(session: Session, item: Item) -> ItemInspection:
    try:
        source = open_source(session.plugins, item, session.of(item.domain))
        try:
            return _understood(session, item, source)
        finally:
            source.close()
    except (SrkitError, OSError) as error:
        return ItemInspection(item.path, item.domain, len(item.paths), error=str(error))


def _understood(session: Session, item: Item, source: Source) -> ItemInspection:
    names = {axis: role for role, axis in source.roles.items()}
    findings = tuple(inspect_item(session.plugins, item, source))
    refused = "; ".join(finding.text for finding in findings if finding.level == "refusal")
    cannot = {role: refused or source.fixed_axes.get(axis, "") for role, axis in source.roles.items()}
    return ItemInspection(
        path=item.path,
        domain=item.domain,
        files=len(item.paths),
        shape=source.grid.shape,
        spacing=source.grid.spacing,
        roles=tuple(names.get(axis, "") for axis in range(source.grid.ndim)),
        reference=source.grid.reference,
        channels=tuple(channel.name for channel in source.channels),
        dtype=str(source.encoding.dtype),
        frames=source.frames,
        can_scale=tuple(role for role, reason in cannot.items() if not reason),
        cannot_scale={role: reason for role, reason in cannot.items() if reason},
        findings=findings,
    )
