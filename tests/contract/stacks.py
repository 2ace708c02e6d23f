"""A plugin for the tests: volumes that were measured as three orthogonal stacks of thick slices, one item each.

Files are ``NAME.stackN.npy``, float32, with slices that are `THICK` times as thick along axis N as samples are wide.
"""

import numpy as np
from scipy import ndimage

import srkit

THICK = 4


@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("stacks", "Orthogonal stacks of thick slices")]


@srkit.hookimpl
def srkit_discover(root):
    stacks = {}
    for path, folder in srkit.files_below(root):
        if path.suffix == ".npy":
            stacks.setdefault((folder, path.name.split(".")[0]), []).append(path)
    for (folder, name), paths in stacks.items():
        yield srkit.Item(tuple(sorted(paths)), "stacks", folder=folder, stem=name, suffix=".npy")


@srkit.hookimpl
def srkit_open(domain, item):
    """Return one volume: each stack on the samples of the finest grid, where their means stand for their union."""
    if domain == "stacks":
        volumes = [np.load(path) for path in item.paths]
        return srkit.ArraySource(np.mean([_on_finest(v, p) for v, p in zip(volumes, item.paths, strict=True)], 0)[None])
    return None


def _on_finest(volume, path):
    axis = next((n for n in range(3) if path.name.endswith(f".stack{n}.npy")), None)
    if axis is None:
        return volume
    factors = [THICK if n == axis else 1 for n in range(3)]
    return ndimage.zoom(volume, factors, order=1, grid_mode=True, mode="nearest")


@srkit.hookimpl
def srkit_create(domain, target, plan):
    return Sink(target, plan) if domain == "stacks" else None


class Sink(srkit.ArraySink):
    def save(self, target, stored):
        np.save(target, stored[0])
