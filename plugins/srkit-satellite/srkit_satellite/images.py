"""TIFF files that hold several images: which of them are meant, each as an item of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from srkit import InputError, Item
from srkit_satellite.opening import check_claims, open_quietly, open_raster

KEY = "image "
"""Begins the key of an item that is one of several images of a file; its number, from 1, follows."""


def holds_several(dataset: Any) -> bool:
    """Tell whether an opened file has more images than the one that it shows."""
    return len(dataset.subdatasets) > 1


def chosen_images(item: Item, dataset: Any, wanted: str) -> Iterator[Item]:
    """Yield an item for each image of the file of `item` that is wanted: ``all``, or numbers from 1 (``1,3``).

    Raises InputError for what the file does not hold.
    """
    count = len(dataset.subdatasets)
    if wanted != "all" and not re.fullmatch(r"\d+(,\d+)*", wanted):
        raise InputError(f"--subdatasets {wanted} names no image of it; give all, or numbers from 1 to {count}, as 1,3")
    numbers = range(1, count + 1) if wanted == "all" else sorted({int(number) for number in wanted.split(",")})
    for number in numbers:
        if not 1 <= number <= count:
            raise InputError(f"holds {count} images and no number {number}; give others with --subdatasets, or all")
    for number in numbers:
        yield replace(item, stem=f"{item.stem}_{number}", key=f"{KEY}{number}")


def open_image(path: Path, key: str) -> Any:
    """Open the image that a key names, as a rasterio dataset. Raises InputError where it is broken."""
    open_raster(path).close()  # what there is to say against the file as a whole
    dataset = open_quietly(path, "GTiff", f"GTIFF_DIR:{key.removeprefix(KEY)}:{path.absolute()}")
    try:
        check_claims(path, dataset)
    except InputError:
        dataset.close()
        raise
    return dataset
