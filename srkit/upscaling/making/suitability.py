"""Whether an item is of the kind that a model was trained on: what it measures, in which range, how finely."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from srkit.channels import differing_quantity
from srkit.data.catalogue import sample_sizes
from srkit.data.view import chosen_channels
from srkit.domain import Finding
from srkit.errors import ModelError
from srkit.grid import ROLES, Window
from srkit.image import Array, Source
from srkit.upscaling.enlarging.engine import Job, read
from srkit.upscaling.planning.enlarger import Enlarger

SPACING_TOLERANCE = 0.2
"""Share by which samples may be larger or smaller than any of training's."""
RANGE_TOLERANCE = 0.5
"""Share of the range of training by which an item's may reach beyond it."""
PIECES, PIECE = 8, 256
"""Number of windows looked at, and how long they are at most."""


def suitability(enlarger: Enlarger, job: Job) -> list[Finding]:
    """Return warnings where an item is unlike those of training.

    Raises ModelError where it measures another quantity in numbers that the model was made for.
    """
    if enlarger.generator is None or not job.fitted.image_channels:
        return []
    by_item = bool(getattr(job.normalizer, "by_item", False))
    if not by_item:
        _check_quantity(enlarger, job)
    return [*_on_names(enlarger), *_on_spacing(enlarger, job.source), *(() if by_item else _on_values(enlarger, job))]


def _check_quantity(enlarger: Enlarger, job: Job) -> None:
    channels = [job.source.channels[i] for i in job.fitted.image_channels]
    other = differing_quantity(enlarger.seen.quantities, channels)
    if other is not None:
        raise ModelError(
            f"model {enlarger.name!r} is for {' or '.join(enlarger.seen.quantities)}, the image holds {other}; "
            "its numbers mean something else, name a model for them"
        )


def _on_names(enlarger: Enlarger) -> Iterator[Finding]:
    if enlarger.channels > 1 and not enlarger.inputs and not enlarger.choice.given:
        text = f"model {enlarger.name!r} does not say which channels it takes; they are taken in their own order"
        yield Finding("warning", text, "B2")


def _on_spacing(enlarger: Enlarger, source: Source) -> Iterator[Finding]:
    sizes = sample_sizes(source)
    odd: dict[str, list[str]] = {}
    for role in ROLES:
        if role in sizes and role in enlarger.seen.spacing:
            coarse, most = enlarger.seen.spacing[role]
            least = coarse / getattr(enlarger.scale, role)  # HR was as fine, and is no stranger
            if not least * (1 - SPACING_TOLERANCE) <= sizes[role] <= most * (1 + SPACING_TOLERANCE):
                trained = f"{least:.4g}" if most - least < 1e-3 * most else f"{least:.4g} to {most:.4g}"
                odd.setdefault(f"{sizes[role]:.4g} apart instead of {trained}", []).append(f"{role}s")
    if odd:
        told = "; ".join(f"{' and '.join(roles)} are {text}" for text, roles in odd.items())
        yield Finding(
            "warning",
            f"the image is sampled otherwise than those that model {enlarger.name!r} was trained on: {told}; "
            "nobody knows how it does here until you evaluate it",
            "B6",
        )


def _on_values(enlarger: Enlarger, job: Job) -> Iterator[Finding]:
    """Compare the item's range with that of training, both as the network sees them."""
    values = _sampled(job) if enlarger.seen.values is not None else np.empty(0)
    if enlarger.seen.values is None or not values.size:
        return
    least, most = enlarger.seen.values
    low, middle, high = np.percentile(values, (1, 50, 99))
    margin = RANGE_TOLERANCE * (most - least)
    if low < least - margin or high > most + margin or not least <= middle <= most:
        yield Finding(
            "warning",
            f"the image's values are not in the range of training (1st to 99th percentile {low:.2f} to {high:.2f} "
            f"instead of {least:.2f} to {most:.2f}, after normalisation); is it of the quantity and unit that model "
            f"{enlarger.name!r} was trained on?",
            "B6",
        )


def _sampled(job: Job) -> Array:
    """Return valid samples of a few windows, spread over the first frame, as the network sees them."""
    source = chosen_channels(job.source, job.fitted.image_channels)
    pieces = []
    for window in _windows(source):
        block = read(source, window, 0)
        network = block.values if job.normalizer is None else job.normalizer.normalise(block.values)
        valid = np.isfinite(network)
        pieces.append(network[valid if block.valid is None else valid & block.valid])
    return np.concatenate(pieces)


def _windows(source: Source) -> list[Window]:
    """Return windows from the middle of slabs, evenly spaced: what is read of a large image stays small."""
    slabs = list(source.slab.windows(source.grid.shape))
    chosen = slabs[len(slabs) // (2 * PIECES) :: max(1, len(slabs) // PIECES)][:PIECES]
    return [_middle(window) for window in chosen]


def _middle(window: Window) -> Window:
    lengths = [min(n, PIECE) for n in window.shape]
    start = [a + (n - length) // 2 for a, n, length in zip(window.start, window.shape, lengths, strict=True)]
    return Window(tuple(start), tuple(a + length for a, length in zip(start, lengths, strict=True)))
