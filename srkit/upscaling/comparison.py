"""Judges a finished output by its source: what `upscale` checks before an output appears, asked again of any pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

import srkit
from srkit.data.view import chosen_channels
from srkit.domain import Finding, Item, Options, Skipped
from srkit.errors import InputError, UsageError
from srkit.grid import Window, scale_between
from srkit.image import Array, Block, BoolArray, OutputPlan, Provenance, Source
from srkit.plugins import Plugins, open_source, verify_staged
from srkit.upscaling.engine import read
from srkit.upscaling.plan import scale_words
from srkit.upscaling.session import Session
from srkit.upscaling.verification import check_grid


@dataclass(frozen=True, slots=True)
class Consistency:
    """How far the means of an output's samples lie from the samples that they cover, in stored units, valid ones only.

    `relative_bias` is the bias in shares of the mean absolute value of the source.
    """

    channel: str
    bias: float
    rmse: float
    largest: float
    relative_bias: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found on a pair. `passed` holds the rules (number, words) that were checked and hold."""

    source: Path
    output: Path
    domain: str
    scale: tuple[int | Fraction, ...]
    findings: tuple[Finding, ...]
    passed: tuple[tuple[str, str], ...] = ()
    consistency: tuple[Consistency, ...] = ()

    @property
    def good(self) -> bool:
        """Whether no rule is broken."""
        return not any(finding.level == "failure" for finding in self.findings)


def compare(
    path: str | Path,
    output: str | Path,
    *,
    domain: str | None = None,
    options: Mapping[str, Options] | None = None,
    plugins: Plugins | None = None,
) -> Comparison:
    """Return what is true and what is not of `output`, a file or folder that was made from `path`.

    The scale is that of the sizes. Options must be those that the output was made with, where they show in it.
    Raises UsageError where either is not one item, or where the size is no whole multiple of the input's and the extent
    not the same; InputError where one is broken.
    """
    session = Session.of_call(plugins, options)
    made = _one_item(session, Path(output), domain, None)
    item = _one_item(session, Path(path), domain or made.domain, made)
    source = open_source(session.plugins, item, session.of(item.domain))
    try:
        result = open_source(session.plugins, made, session.of(item.domain))
        try:
            return _compared(session, item, source, result, Path(output))
        finally:
            result.close()
    finally:
        source.close()


def _one_item(session: Session, path: Path, domain: str | None, made: Item | None) -> Item:
    """Return the item at `path`; of several, the one that the output `made` is named after."""
    found = session.find(path, domain)
    items = [entry for entry in found if isinstance(entry, Item)]
    if len(items) > 1 and made is not None:
        items = [item for item in items if item.stem and made.stem.startswith(item.stem)]
    if len(items) == 1:
        return items[0]
    reasons = [f": {entry.reason}" for entry in found if isinstance(entry, Skipped)]
    raise UsageError(f"{path} is {len(items) or 'no'} item(s) instead of one; name one file{(reasons or [''])[0]}")


def _compared(session: Session, item: Item, source: Source, result: Source, output: Path) -> Comparison:
    scale = _scale_between(source, result, output)
    seen = _with_bands_of(source, result)
    plan = OutputPlan(
        grid=source.grid.resampled(result.grid.shape),
        channels=seen.channels,
        encoding=seen.encoding,
        frames=source.frames,
        scale=scale,
        provenance=_provenance(result, source),
        options=session.of(item.domain),
    )
    findings = [*_on_grid(result, plan), *verify_staged(session.plugins, item.domain, source, output, plan)]
    broken = {finding.code for finding in findings if finding.level == "failure"}
    rules: Mapping[str, str] = getattr(source, "rules", {})
    same = len(result.channels) == len(seen.channels) and result.frames == source.frames
    passed = tuple((code, words) for code, words in rules.items() if same and code not in broken)
    whole = all(factor.denominator == 1 for factor in scale)
    numbers = consistency(seen, result, plan.factors) if same and whole else ()
    return Comparison(item.path, output, item.domain, scale, tuple(findings), passed, numbers)


def _with_bands_of(source: Source, result: Source) -> Source:
    """Return the source as far as its channels are in the output, where all of the output's are its own.

    Channels may have been dropped on request; an output that lost one otherwise still says that it has it.
    """
    names = {channel.name for channel in result.channels}
    if not names < {channel.name for channel in source.channels}:
        return source
    return chosen_channels(source, [i for i, channel in enumerate(source.channels) if channel.name in names])


def _scale_between(source: Source, result: Source, output: Path) -> tuple[int | Fraction, ...]:
    before, after = source.grid.shape, result.grid.shape
    if len(before) == len(after):
        scale = scale_between(before, after)
        if all(factor.denominator == 1 for factor in scale) or _covers(result, source):
            return scale
    raise UsageError(f"{output}: its size {after} is no whole multiple of the input's {before}; is it of this input?")


def _covers(result: Source, source: Source) -> bool:
    """Tell whether both say that they cover the same part of the world."""
    try:
        check_grid(result.grid, source.grid.resampled(result.grid.shape))
    except InputError:
        return False
    return not source.grid.is_pixel_space


def _provenance(result: Source, source: Source) -> Provenance:
    """Return what the output itself says of how it came about, where its format can be asked."""
    said: Provenance | None = getattr(result, "provenance", None)
    if said is not None:
        return said
    return Provenance(srkit.__version__, "", None, scale_words(source, result.grid.shape))


def _on_grid(result: Source, plan: OutputPlan) -> list[Finding]:
    try:
        check_grid(result.grid, plan.grid)
    except InputError as error:
        return [Finding("failure", str(error), "grid")]
    return []


def consistency(source: Source, result: Source, scale: tuple[int, ...]) -> tuple[Consistency, ...]:
    """Return, per channel of one image, how the means over each source sample's block differ from it."""
    sums = np.zeros((5, len(source.channels)))
    for frame in range(source.frames):
        for window in source.slab.windows(source.grid.shape):
            fine = read(result, window.upscaled(scale), frame)
            sums = _added(sums, _differences(read(source, window, frame), fine, window, scale))
    count, total, squares, largest, level = sums
    count = np.maximum(count, 1)
    bias, rmse = total / count, np.sqrt(squares / count)
    relative = np.divide(bias, level / count, out=np.zeros_like(bias), where=level > 0)
    return tuple(
        Consistency(channel.name, float(bias[i]), float(rmse[i]), float(largest[i]), float(relative[i]))
        for i, channel in enumerate(source.channels)
    )


def _added(sums: Array, more: Array) -> Array:
    result = sums + more
    result[3] = np.maximum(sums[3], more[3])
    return result


def _differences(coarse: Block, fine: Block, window: Window, scale: tuple[int, ...]) -> Array:
    """Return, per channel: count, sum, sum of squares and largest of the differences, sum of absolute values."""
    good = _valid(coarse) & _block_all(_valid(fine), window.shape, scale)
    values = np.where(_valid(fine), fine.values, 0).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(good, _blocks(values, window.shape, scale) - coarse.values, 0)
        level = np.where(good, np.abs(coarse.values), 0)
    axes = tuple(range(1, difference.ndim))
    return np.stack(
        [
            good.sum(axis=axes),
            difference.sum(axis=axes),
            (difference**2).sum(axis=axes),
            np.abs(difference).max(axis=axes, initial=0),
            level.sum(axis=axes, dtype=np.float64),
        ]
    )


def _valid(block: Block) -> BoolArray:
    ones = np.isfinite(block.values)
    return ones if block.valid is None else ones & block.valid


def _split(samples: Array, shape: tuple[int, ...], scale: tuple[int, ...]) -> Array:
    pairs = [n for pair in zip(shape, scale, strict=True) for n in pair]
    return samples.reshape(samples.shape[0], *pairs)


def _blocks(samples: Array, shape: tuple[int, ...], scale: tuple[int, ...]) -> Array:
    means: Array = _split(samples, shape, scale).mean(axis=tuple(range(2, 2 * len(scale) + 1, 2)))
    return means


def _block_all(samples: BoolArray, shape: tuple[int, ...], scale: tuple[int, ...]) -> BoolArray:
    return np.asarray(_split(samples, shape, scale).all(axis=tuple(range(2, 2 * len(scale) + 1, 2))))
