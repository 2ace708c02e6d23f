"""Finds NIfTI and MGH volumes by what is in the files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from srkit.domain import Item, Options, Skipped
from srkit.errors import InputError
from srkit.files import files_below
from srkit.grid import ROLES
from srkit_medical.domains import NAMES
from srkit_medical.nifti.compression import is_gzip, peek
from srkit_medical.nifti.description import read_description
from srkit_medical.nifti.geometry import forms_of, grid_of, roles_of
from srkit_medical.nifti.header import VolumeHeader, read_header, sniff
from srkit_medical.nifti.modality import likely_domain
from srkit_medical.nifti.names import OTHER_SUFFIXES, stem_of, suffix_of
from srkit_medical.selection import Portrait, Selection, Selections

CLAIMING = (".nii", ".nii.gz", ".mgz", ".mgh")
"""Suffixes that no other format has; `.hdr` and `.img` have many owners."""

SIZES = tuple(struct.pack(f"{order}i", size) for size in (348, 540) for order in "<>")
"""How a NIfTI header starts, whole or not."""

MODALITIES = {"MR": "mri", "CT": "ct", "PT": "pet"}
_MM = {1: 1000.0, 3: 0.001}
"""Millimetres in the unit of length that `xyzt_units` names: metres, micrometres."""
SUBJECT = re.compile(r"sub-[a-zA-Z0-9]+")


def discover_files(root: Path, options: Mapping[str, Options]) -> Iterator[Item | Skipped]:
    """Yield the volumes at or below `root`, once for each domain that they may belong to.

    NIfTI does not say what it shows; a BIDS description beside it does. Without one, `likely_domain` does.
    """
    base = root.parent if root.is_file() else root
    components = any(options.get(name, {}).get("per_component", False) for name in NAMES)
    wanted = Selections.of_call(options)
    for path, _ in files_below(root):
        for entry in _found_in(path, base, named=path == root, components=components):
            yield entry if isinstance(entry, Skipped) else _unwanted(entry, wanted, options) or entry


def _found_in(path: Path, base: Path, *, named: bool, components: bool) -> Iterator[Item | Skipped]:
    head = peek(path, 540)
    kind = sniff(head)[0]
    suffix = suffix_of(path).lower()
    if suffix == ".img" and kind is None:
        header = next((p for p in (path.with_suffix(".hdr"), path.with_suffix(".HDR")) if p.is_file()), None)
        if named and header is not None:  # in a folder the header is met by itself
            yield from _found_in(header, base, named=False, components=components)
    elif kind is None and (suffix in CLAIMING or (suffix == ".hdr" and head[:4] in SIZES)):
        yield Skipped(path, "is named as a NIfTI or MGH file and is none, or is damaged; fetch it again")
    elif kind == "analyze":
        yield Skipped(path, "is an Analyze file, which does not say left from right; convert it to NIfTI first")
    elif kind == "mgh" and suffix not in CLAIMING:
        return
    elif kind is not None:
        yield from _items(path, base, components=components)


def _items(path: Path, base: Path, *, components: bool) -> Iterator[Item | Skipped]:
    try:
        header = read_header(path, components=components)
    except InputError as error:
        yield Skipped(path, str(error).removeprefix(f"{path}: "))
        return
    modality = read_description(path).get("Modality")
    if isinstance(modality, str) and modality not in MODALITIES:
        yield Skipped(path, "is neither MR, CT nor PET by the description beside it", failed=False)
        return
    domain = MODALITIES.get(modality) if isinstance(modality, str) else None
    likely = likely_domain(header) if domain is None else domain
    paths = (path,) if header.data_path == path else (path, header.data_path)
    suffix = _output_suffix(path, pair=len(paths) == 2)
    folder = path.parent.relative_to(base).as_posix()
    for name in NAMES if domain is None else (domain,):
        yield Item(
            paths,
            name,
            "sure" if domain is not None else "likely" if name == likely else "possible",
            group=group_of(path, base),
            folder="" if folder == "." else folder,
            stem=stem_of(path),
            suffix=suffix,
            other_suffixes=OTHER_SUFFIXES.get(suffix.lower(), ()),
        )


def _unwanted(item: Item, wanted: Selections, options: Mapping[str, Options]) -> Skipped | None:
    """Return a volume as what is passed over; None where it is wanted, or broken, which opening it tells."""
    own, said, selection = options.get(item.domain, {}), read_description(item.path), wanted.of(item.domain)
    kinds = said.get("ImageType")
    if selection == Selection() and not kinds:
        return None
    try:
        header = read_header(item.path, components=bool(own.get("per_component", False)))
        grid = grid_of(header, forms_of(header, use=own.get("use", "auto")))
    except InputError:
        return None
    roles = roles_of(header, grid)
    through = roles.get("slice")
    portrait = Portrait(
        str(said.get("SeriesDescription", "")),
        tuple(str(kind) for kind in kinds) if isinstance(kinds, list) else (),
        tuple(grid.spacing[roles[role]] * _MM.get(_unit(header), 1.0) for role in ROLES if role in roles),
        1 if through is None else grid.shape[through],
    )
    reason = selection.objection(portrait)
    return Skipped(item.path, reason, failed=False) if reason else None


def _unit(header: VolumeHeader) -> int:
    return 2 if header.kind == "mgh" else int(header.fields["xyzt_units"]) & 7


def _output_suffix(path: Path, *, pair: bool) -> str:
    if pair:
        return ".hdr"
    own = suffix_of(path)
    if own.lower() in CLAIMING:
        return own
    return ".nii.gz" if is_gzip(path) else ".nii"


def group_of(path: Path, base: Path) -> str:
    """Return the subject of a file: its BIDS label where its name or a folder has one, else its name up to ``_``."""
    names = [path.name, *(part for part in reversed(path.parent.relative_to(base).parts))]
    labels = (SUBJECT.match(name) for name in names)
    return next((label.group() for label in labels if label), stem_of(path).split("_")[0])
