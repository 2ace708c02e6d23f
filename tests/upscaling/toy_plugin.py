"""Two small domains for the tests: `toy`, one .npy file an item, and `stack`, a folder of slices an item."""

import json
from copy import copy
from pathlib import Path

import numpy as np

import srkit
from srkit import Block, Channel, Domain, Encoding, Finding, Grid, InputError, Item, Option, Skipped, Slab, Window

ROLES = {2: ("row", "column"), 3: ("slice", "row", "column")}


class Source:
    def __init__(self, arrays, grid, nodata, slab=16, alpha=False):
        self.arrays, self.grid, self.frames = arrays, grid, len(arrays)
        count = arrays[0].shape[0]
        roles = ["image"] * (count - alpha) + ["alpha"] * alpha
        self.channels = tuple(Channel(f"c{i}", role) for i, role in enumerate(roles))
        self.encoding = Encoding(arrays[0].dtype, nodata=() if nodata is None else (nodata,) * count)
        self.roles = {role: axis for axis, role in enumerate(ROLES[grid.ndim])}
        self.fixed_axes, self.slab, self.extent = {}, Slab(0, slab), Window.whole(grid.shape)
        self.nodata, self.is_own = nodata, False

    def read(self, window, frame=0):
        stored = np.asarray(self.arrays[frame][(slice(None), *window.slices)])
        valid = None if self.nodata is None else stored != stored.dtype.type(self.nodata)
        return Block(self.encoding.decode(stored), valid)

    def part(self, window):
        part = copy(self)
        part.arrays = [array[(slice(None), *window.slices)] for array in self.arrays]
        part.grid, part.extent = self.grid.part(window), Window.whole(window.shape)
        return part

    def close(self):
        self.arrays = ()


class FileSink:
    lossless = True

    def __init__(self, target, plan, slab):
        self.target, self.plan, self.slab = target, plan, Slab(0, slab)

    def __enter__(self):
        self.shape = (self.plan.frames, len(self.plan.channels), *self.plan.grid.shape)
        self.file = self.target.open("wb")
        header = {"descr": self.plan.encoding.dtype.str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self.file, header)
        self.start = self.file.tell()
        return self

    def write(self, window, frame, stored, valid):
        row = int(np.prod(self.shape[3:])) * stored.itemsize
        for channel, samples in enumerate(stored):
            rows = (frame * self.shape[1] + channel) * self.shape[2] + window.start[0]
            self.file.seek(self.start + rows * row)
            self.file.write(samples.tobytes())

    def __exit__(self, kind, error, trace):
        self.file.close()
        if error is None:
            text = {"affine": self.plan.grid.affine.tolist(), "by": self.plan.provenance.sentence()}
            self.target.with_suffix(".json").write_text(json.dumps(text))


class StackSink:
    lossless, slab = True, Slab(0, 1)

    def __init__(self, target, plan):
        self.target, self.plan = target, plan

    def __enter__(self):
        self.target.mkdir()
        return self

    def write(self, window, frame, stored, valid):
        with (self.target / f"slice-{window.start[0]:03}.stk").open("wb") as file:
            np.save(file, stored[:, 0])

    def __exit__(self, kind, error, trace):
        if error is None:
            (self.target / "affine.json").write_text(json.dumps({"affine": self.plan.grid.affine.tolist()}))


@srkit.hookimpl
def srkit_domains():
    options = (
        Option("nodata", float, None, "stored value that is no data"),
        Option("slab", int, 16, "rows or slices per slab"),
        Option("alpha", bool, False, "the last channel is alpha"),
    )
    return [Domain("toy", "Toys", options), Domain("stack", "Stacks")]


@srkit.hookimpl
def srkit_discover(root, options):
    paths = sorted([root] if root.is_file() else root.rglob("*"))
    paths = [p for p in paths if not any(part.startswith(".") for part in p.relative_to(root).parts)]
    for path in (p for p in paths if p.suffix == ".npy"):
        folder = "" if root.is_file() else path.parent.relative_to(root).as_posix().replace(".", "", 1)
        try:
            np.load(path, mmap_mode="r")
        except (ValueError, EOFError):
            yield Skipped(path, "is not a whole .npy file")
            continue
        other = {"unclear": "possible", "likely": "likely"}.get(path.stem.rpartition("-")[2])
        yield Item((path,), "toy", "possible" if other else "sure", "", folder, path.stem, ".npy")
        if other:
            yield Item((path,), "stack", other, "", folder, path.stem, ".npy")
    for path in (p for p in paths if p.suffix == ".note"):
        rest = sorted(path.parent.glob(f"{path.stem}.more*"))
        yield Skipped(path, "is a note", failed=False, others=tuple(rest), copy=True)
    for folder in sorted({p.parent for p in paths if p.suffix == ".stk"}):
        files = tuple(sorted(folder.glob("*.stk")))
        relative = folder.relative_to(root).as_posix()
        yield Item(files, "stack", folder="" if relative == "." else relative)


@srkit.hookimpl
def srkit_open(domain, item, options):
    side = item.path.with_suffix(".json") if domain == "toy" else item.path.parent / "affine.json"
    if domain == "toy":
        array = np.load(item.path, mmap_mode="r")
        arrays = array if array.ndim == 5 or side.exists() else array[None]
    else:
        arrays = np.stack([np.load(path) for path in item.paths], axis=1)[None]
    affine = json.loads(side.read_text())["affine"] if side.exists() else np.eye(arrays.ndim - 1)
    if arrays.size == 0:
        raise InputError(f"{item.path}: holds no samples")
    grid = Grid(arrays.shape[2:], affine)
    if domain == "stack":
        return Source(arrays, grid, None, slab=1)
    source = Source(arrays, grid, options["nodata"], options["slab"], options["alpha"])
    source.is_own = "by" in (json.loads(side.read_text()) if side.exists() else ())
    return source


@srkit.hookimpl
def srkit_inspect(domain, source):
    if source.encoding.dtype == np.bool_:
        return [Finding("refusal", "is a label map")]
    return [Finding("info", "a toy"), *([Finding("own", "was made by srkit")] if source.is_own else [])]


@srkit.hookimpl
def srkit_create(domain, target, source, plan):
    return FileSink(Path(target), plan, source.slab.size) if domain == "toy" else StackSink(Path(target), plan)
