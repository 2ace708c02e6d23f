"""Concatenations: Enhanced objects that were cut into several files (PS3.3, C.7.6.16.2.2.4), put together again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from filecmp import cmp
from pathlib import Path

from pydicom import FileDataset

from srkit.domain import Skipped
from srkit_medical.dicom import scrub
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.reading import Part, read_attributes


def wholes(files: Mapping[Path, Part | None]) -> Iterator[tuple[Path, ...] | Skipped]:
    """Yield the files of each Enhanced object, parts of one in their order, and what is no whole object."""
    cut: dict[str, list[Path]] = defaultdict(list)
    for path, part in files.items():
        if part is None:
            yield (path,)
        else:
            cut[part.uid].append(path)
    for paths in cut.values():
        yield from _joined({path: part for path in sorted(paths) if (part := files[path]) is not None})


def _joined(parts: Mapping[Path, Part]) -> Iterator[tuple[Path, ...] | Skipped]:
    kept: dict[int, Path] = {}
    for path, part in parts.items():
        twin = kept.setdefault(part.number, path)
        if twin is path:
            continue
        if not (path.is_file() and twin.is_file() and cmp(twin, path, shallow=False)):
            yield Skipped(path, f"two files claim to be part {part.number} of one concatenation")
            return
        yield Skipped(path, f"is a copy of {twin.name}, which is kept", failed=False)
    total = max((*kept, *(part.total for part in parts.values())))
    if sorted(kept) == list(range(1, total + 1)):
        yield tuple(kept[number] for number in sorted(kept))
        return
    reason = f"stands for a concatenation of {total} files, of which {total - len(kept)} are missing; copy all of them"
    yield Skipped(min(parts), reason)


def whole_header(series: Series) -> tuple[FileDataset, dict[Path, int]]:
    """Return the attributes of the object that `series` is in, and where the frames of each of its files begin.

    Files of one concatenation say the same but for their frames; those of all follow the first file's own.
    """
    first, *others = series.paths
    whole = _native(first)
    frames = list(whole.PerFrameFunctionalGroupsSequence)
    starts = {first: 0}
    for path in others:
        starts[path] = len(frames)
        frames += _native(path).PerFrameFunctionalGroupsSequence
    whole.PerFrameFunctionalGroupsSequence = frames
    return whole, starts


def _native(path: Path) -> FileDataset:
    """Return the attributes of a file with words in little endian."""
    dataset = read_attributes(path)
    if not dataset.original_encoding[1]:
        scrub.swap_words(dataset)
    return dataset
