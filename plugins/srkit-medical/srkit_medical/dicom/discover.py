"""Finds DICOM series by content in a file or a folder tree."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from srkit.domain import Item, Options, Skipped
from srkit.errors import InputError
from srkit.files import files_below
from srkit_medical.dicom.archive import changed, is_archive, members_of
from srkit_medical.dicom.directory import files_listed, is_directory_record
from srkit_medical.dicom.grouping import Series, group
from srkit_medical.dicom.instance import Instance
from srkit_medical.dicom.mosaic import read_slices
from srkit_medical.dicom.reading import MultiFrameError, Part, UnfitError, claims_dicom
from srkit_medical.nifti.names import AS_NIFTI
from srkit_medical.selection import Portrait, Selections

SUFFIXES = {".dcm", ".dicom", ".ima"}


def discover_series(root: Path, options: Mapping[str, Options]) -> Iterator[Item | Skipped]:
    """Yield an item per series at `root`, and what is DICOM but no item.

    A DICOMDIR as `root` stands for the files that it lists. Below a folder files of other kinds, DICOMDIRs and hidden
    files are passed over. Slices of one series may lie in several folders;
    whole copies of a series in several folders are an item each. What lies in a zip archive is a world of its own.
    """
    wanted = Selections.of_call(options)
    found, root = _files(root)
    yield from (entry for entry in found if isinstance(entry, Skipped))
    paths = [entry for entry in found if isinstance(entry, Path)]
    archives = {path for path in paths if is_archive(path)}
    for entry in _entries([path for path in paths if path not in archives], root, wanted):
        yield _finished(entry, root, options) if wanted.copies_others else _not_copied(_finished(entry, root, options))
    for archive in sorted(archives):
        yield from (_not_copied(_finished(entry, root, options)) for entry in _packed(archive, root, wanted))


def series_in(item: Item) -> Item:
    """Return an item of an archive as it is inside: with the paths of its members, and their key.

    Raises InputError where the archive has no such item (any more). Other items are returned as they are.
    """
    if not is_archive(item.path):
        return item
    inside = _inside(item.path, changed(item.path), Selections()).get(item.key)
    if inside is None:
        raise InputError(f"{item.path}: the archive was changed meanwhile; begin again")
    return inside


def _packed(archive: Path, root: Path, wanted: Selections) -> Iterator[Item | Skipped]:
    """Yield what is in an archive; its items are named after it, and told apart by their first member."""
    home = archive.parent.relative_to(root).as_posix() if root.is_dir() else ""
    home = "" if home == "." else home
    folder = f"{home}/{archive.stem}".strip("/") if root.is_dir() else ""
    yield from (entry for entry in members_of(archive) if isinstance(entry, Skipped))
    yield from (entry for entry in _entries(_members(archive), archive, wanted) if isinstance(entry, Skipped))
    for key, item in _inside(archive, changed(archive), wanted).items():
        yield replace(item, paths=(archive,), key=key, folder=f"{folder}/{item.folder}".strip("/"))


@lru_cache(maxsize=4)
def _inside(archive: Path, when: int, wanted: Selections) -> dict[str, Item]:
    items = [entry for entry in _entries(_members(archive), archive, wanted) if isinstance(entry, Item)]
    return {f"{item.path.relative_to(archive).as_posix()} {item.key}".strip(): item for item in items}


def _members(archive: Path) -> list[Path]:
    return [entry for entry in members_of(archive) if isinstance(entry, Path)]


def _entries(paths: list[Path], root: Path, wanted: Selections) -> Iterator[Item | Skipped]:
    instances: list[Instance] = []
    multi_frame: dict[Path, Part | None] = {}
    broken: list[tuple[Path, UnfitError]] = []
    beside: list[Item | Skipped] = []
    for path in paths:
        try:
            if _is_candidate(path):
                instances += _wanted_slices(path, wanted)
        except MultiFrameError as found:
            multi_frame[path] = found.part
        except UnfitError as error:
            broken += [(path, error)] * (error.failed or error.doubtful)
            beside.append(Skipped(path, error.reason, error.failed, copy=not error.failed))
        except OSError as error:
            beside.append(Skipped(path, f"cannot be read ({error.strerror})"))
    beside += _multi_frame_items(root, multi_frame, wanted)
    series, skipped = group(instances)
    beside += skipped
    torn = {id(entry): path for entry in series for path, error in broken if _lacks(entry, path, error)}
    for entry in series:
        if id(entry) in torn:
            reason = f"stands for a series of which {torn[id(entry)].name} cannot be used"
            beside.append(Skipped(entry.first.path, reason, others=entry.paths[1:]))
    yield from beside
    whole = [entry for entry in series if id(entry) not in torn]
    yield from _items(root, whole, wanted, _shared_folders(beside, wanted))


def _shared_folders(beside: Iterable[Item | Skipped], wanted: Selections) -> set[Path]:
    """Return the folders in which an output of its own name, or a copy, will lie: no series has them to itself."""
    named = [e for e in beside if isinstance(e, Item) or (e.copy and wanted.copies_others)]
    return {path.parent for entry in named for path in entry.paths}


def _wanted_slices(path: Path, wanted: Selections) -> tuple[Instance, ...]:
    """Return the slices in a file. Raises UnfitError where it has none, or only such as are derived from others."""
    try:
        slices = read_slices(path)
        first = slices[0]
        reason = "" if first.is_own else wanted.of(first.domain).objection_to_kind(first.image_type)
    except MultiFrameError:
        raise
    except UnfitError as error:
        reason = wanted.objection_to_kind(error.image_type)
        if not reason:
            raise
    if reason:
        raise UnfitError(reason, failed=False)
    return slices


def _unwanted(series: Series, wanted: Selections) -> Skipped | None:
    """Return a whole series as what is passed over; None where it is wanted."""
    first = series.first
    count = len(series.frames[0])
    step = (series.stack.step_mm,) if count > 1 else ()
    portrait = Portrait(first.description, first.image_type, (*first.plane.spacing, *step), count, first.is_own)
    reason = wanted.of(first.domain).objection(portrait)
    if not reason:
        return None
    is_other = not first.is_own and bool(wanted.of(first.domain).objection_to_kind(first.image_type))
    return Skipped(series.paths[0], reason, failed=False, others=series.paths[1:], copy=is_other)


def _files(root: Path) -> tuple[list[Path | Skipped], Path]:
    """Return the files to be read and what is missing, and the folder that outputs are named after."""
    if not root.is_file() or not is_directory_record(root):
        return [path for path, _ in files_below(root)], root
    return list(files_listed(root)), root.parent


def _finished(item: Item | Skipped, root: Path, options: Mapping[str, Options]) -> Item | Skipped:
    """Return the item as it is, or with the name of the NIfTI file that it shall become."""
    if isinstance(item, Skipped) or options.get(item.domain, {}).get("to", "same") != "nifti":
        return item
    key = AS_NIFTI[1 if item.suffix else 0] + item.key
    if item.stem:
        return replace(item, suffix=".nii.gz", other_suffixes=(".nii",), key=key)
    home = PurePosixPath(item.folder)
    folder = home.parent.as_posix() if item.folder else "."
    stem = home.name or root.stem or "volume"
    return replace(
        item, folder="" if folder == "." else folder, stem=stem, suffix=".nii.gz", other_suffixes=(".nii",), key=key
    )


def _not_copied(entry: Item | Skipped) -> Item | Skipped:
    return replace(entry, copy=False) if isinstance(entry, Skipped) else entry


def _lacks(series: Series, path: Path, error: UnfitError) -> bool:
    """Tell whether a broken file is a slice of `series`, from the same folder and not there a second time."""
    return (
        error.series == series.first.series
        and any(instance.path.parent == path.parent for instance in series.instances)
        and (not error.uid or all(instance.uid != error.uid for instance in series.instances))
    )


def _is_candidate(path: Path) -> bool:
    if claims_dicom(path):
        return not is_directory_record(path)
    if path.suffix.lower() in SUFFIXES:
        raise UnfitError("is named like a DICOM file, but is none")
    return False


def _items(root: Path, series: list[Series], wanted: Selections, shared: set[Path]) -> Iterator[Item | Skipped]:
    homes: dict[Path, list[Series]] = defaultdict(list)
    for entry in sorted(series, key=lambda s: min(i.path for i in s.instances)):
        homes[_home(entry)].append(entry)
    for home, entries in homes.items():
        folder = home.relative_to(root).as_posix() if home != root and _is_tree(root) else ""
        width = max(2, len(str(len(entries))))
        for ordinal, entry in enumerate(entries, start=1):
            yield _unwanted(entry, wanted) or Item(
                paths=entry.paths,
                domain=entry.first.domain,
                group=_group(entry.first),
                identity=identity_of(entry),
                folder="" if folder == "." else folder,
                stem="" if len(entries) == 1 and home not in shared else f"series-{ordinal:0{width}d}",
            )


def _multi_frame_items(root: Path, files: Mapping[Path, Part | None], wanted: Selections) -> Iterator[Item | Skipped]:
    if not files:
        return
    from srkit_medical.dicom.enhanced.parts import wholes

    kept: dict[tuple[str, str], Item] = {}
    for whole in wholes(files):
        for entry in [whole] if isinstance(whole, Skipped) else _items_of_object(root, whole, wanted):
            if isinstance(entry, Skipped) or not entry.identity:
                yield entry
                continue
            twin = kept.setdefault((entry.folder, entry.identity), entry)
            yield entry if twin is entry else _told_of_copy(entry, twin)


def _told_of_copy(item: Item, twin: Item) -> Skipped:
    """Return what becomes of an object whose identity `twin`, from the same folder, has as well."""
    from srkit_medical.dicom.enhanced.frames import have_same_samples

    others = item.paths[1:]
    if have_same_samples(item, twin):
        return Skipped(item.path, f"is a copy of {twin.path.name}, which is kept", failed=False, others=others)
    return Skipped(item.path, f"claims the same UIDs as {twin.path.name}, with other pixels", others=others)


def _items_of_object(root: Path, paths: tuple[Path, ...], wanted: Selections) -> Iterator[Item | Skipped]:
    from srkit_medical.dicom.enhanced.frames import read_volumes

    path = paths[0]
    try:
        volumes = read_volumes(*paths)
    except UnfitError as error:
        yield Skipped(path, error.reason, error.failed, others=paths[1:], copy=not error.failed)
        return
    folder = path.parent.relative_to(root).as_posix() if _is_tree(root) else ""
    is_named = path.suffix.lower() in SUFFIXES
    for key, volume in volumes.items():
        if isinstance(volume, UnfitError):
            kind = wanted.objection_to_kind(volume.image_type)
            reason = kind or volume.reason
            reason = f"{key}: {reason}" if key else reason
            failed = volume.failed and not kind
            yield Skipped(path, reason, failed, others=paths[1:], copy=not failed)
            continue
        yield _unwanted(volume, wanted) or Item(
            paths=paths,
            domain=volume.first.domain,
            group=_group(volume.first),
            identity=identity_of(volume),
            folder="" if folder == "." else folder,
            stem=(path.stem if is_named else path.name) + (f"-{key}" if key else ""),
            suffix=path.suffix if is_named else ".dcm",
            key=key,
        )


def _is_tree(root: Path) -> bool:
    return root.is_dir() or is_archive(root)


def _home(series: Series) -> Path:
    return Path(os.path.commonpath([instance.path.parent for instance in series.instances]))


def identity_of(series: Series) -> str:
    """Return a digest of what tells the slices of a series from all others; empty where one has no UID."""
    places = sorted(f"{i.uid} {i.frame_index} {i.tile}" for i in series.instances)
    if not all(instance.uid for instance in series.instances):
        return ""
    return "uids:" + blake2b("\n".join(places).encode("utf-8", "replace"), key=b"srkit", digest_size=32).hexdigest()


def _group(instance: Instance) -> str:
    """Return a salted hash of the patient, or of the study where no patient is named."""
    subject = instance.patient or instance.study
    return blake2b(subject.encode("utf-8", "replace"), key=b"srkit", digest_size=8).hexdigest() if subject else ""
