"""Judges a finished output by its source: what `upscale` checks before an output appears, asked again of any pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import srkit
from srkit.data.view import chosen_channels
from srkit.domain import Finding, Item, Options, Skipped
from srkit.errors import InputError, PluginError, RecipeError, UsageError
from srkit.grid import scale_between
from srkit.image import OutputPlan, Provenance, Source
from srkit.plugins import Plugins, open_source, verify_staged
from srkit.upscaling.fidelity.agreement import UNEVEN, UNFIT, Agreement
from srkit.upscaling.fidelity.repetition import repeated
from srkit.upscaling.fidelity.verdict import Passed, Yardstick, judged, measured
from srkit.upscaling.making.verification import check_grid
from srkit.upscaling.planning.plan import scale_words
from srkit.upscaling.session import Session

COMMON: Mapping[str, str] = {"grid": "covers what the input covers"}
"""What is checked of every output, whatever its format."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found on a pair. `passed` holds the rules (number, words) that were checked and hold.

    `consistency` says how far the output, degraded again, is its input; None where samples cannot be compared.
    Of an output that cannot be read that is all that is said, and `scale` is empty.
    """

    source: Path
    output: Path
    domain: str
    scale: tuple[int | Fraction, ...]
    findings: tuple[Finding, ...]
    passed: tuple[tuple[str, str], ...] = ()
    consistency: Agreement | None = None

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
    yardstick: Yardstick | None = None,
) -> Comparison:
    """Return what is true and what is not of `output`, a file or folder that was made from `path`.

    The scale is that of the sizes. `yardstick` says by what the agreement of both is judged; without it, by what the
    output says of its model. Options must be those that the output was made with, where they show in it.
    Raises UsageError where either is not one item, or where the size is no whole multiple of the input's and the extent
    not the same; InputError where the input is broken; ModelError where the yardstick's model cannot be read.
    """
    session = Session.of_call(plugins, options)
    item, made = _pair(session, Path(path), Path(output), domain)
    if isinstance(made, Skipped):
        return _unreadable(item, Path(output), made.reason)
    if made.suffix != item.suffix and "" in (made.suffix, item.suffix):
        raise UsageError(
            f"{output} is of another format than what becomes of {item.path}; give the domain's options that it was "
            "made with"
        )
    source = open_source(session.plugins, item, session.of(item.domain))
    try:
        try:
            result = open_source(session.plugins, made, session.of(item.domain))
        except InputError as error:
            return _unreadable(item, Path(output), str(error).removeprefix(f"{made.path}: "))
        try:
            return _compared(session, item, source, result, _place_of(made, Path(output)), yardstick or Yardstick())
        finally:
            result.close()
    finally:
        source.close()


def _place_of(made: Item, output: Path) -> Path:
    """Return the output itself, where the folder that holds its one file was named."""
    is_folder_of_file = output.is_dir() and made.suffix and made.path.parent == output
    return made.path if is_folder_of_file else output


def _unreadable(item: Item, output: Path, reason: str) -> Comparison:
    text = f"the output cannot be read as one image: {reason}"
    return Comparison(item.path, output, item.domain, (), (Finding("failure", text, "readable"),))


def _pair(session: Session, path: Path, output: Path, domain: str | None) -> tuple[Item, Item | Skipped]:
    """Return the input, and the output made of it; what is said of the output, where that is broken."""
    told = replace(session, options=session.unselecting)
    found = told.find(output, domain)
    made = _only(found)
    item = _one_item(session, path, domain or (made.domain if made else None), output)
    if made is None:
        found = told.find(output, item.domain)
        made = _only(found)
    broken = [entry for entry in found if isinstance(entry, Skipped) and entry.failed]
    if broken and len(broken) == len(found):
        return item, broken[0]
    return item, made or _one_of(output, found)


def _only(found: Sequence[Item | Skipped]) -> Item | None:
    items = [entry for entry in found if isinstance(entry, Item)]
    return items[0] if len(items) == 1 else None


def _one_item(session: Session, path: Path, domain: str | None, output: Path) -> Item:
    """Return the item at `path`; of several, the one that the output is named after."""
    found = session.find(path, domain)
    items = [entry for entry in found if isinstance(entry, Item)]
    if len(items) <= 1:
        return _one_of(path, found)
    named = [item for item in items if item.stem and output.name.startswith(item.stem)]
    nearest = max((len(item.stem) for item in named), default=0)
    chosen = [item for item in named if len(item.stem) == nearest]
    if len(chosen) != 1:
        raise UsageError(
            f"{path} holds {len(items)} items, and {output.name} is named after none of them; name its own"
        )
    return chosen[0]


def _one_of(path: Path, found: Sequence[Item | Skipped]) -> Item:
    """Return the only item that was found. Raises UsageError where there are more, or none."""
    items = [entry for entry in found if isinstance(entry, Item)]
    if len(items) == 1:
        return items[0]
    if items:
        raise UsageError(f"{path} holds {len(items)} items instead of one; name one of them")
    reasons = [entry.reason for entry in found if isinstance(entry, Skipped)]
    raise UsageError(f"{path}: {reasons[0] if reasons else 'holds no image that an installed plugin reads'}")


def _compared(
    session: Session, item: Item, source: Source, result: Source, output: Path, yardstick: Yardstick
) -> Comparison:
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
    rules: Mapping[str, str] = {**COMMON, **getattr(source, "rules", {})}
    same = len(result.channels) == len(seen.channels) and result.frames == source.frames
    passed = tuple((code, words) for code, words in rules.items() if same and code not in broken)
    agreement, told, held = _agreement(session, item, (seen, result), plan, yardstick) if same else (None, [], ())
    again, kept = _repeated((seen, result), plan) if same else ([], ())
    return Comparison(
        item.path, output, item.domain, scale, (*findings, *again, *told), (*passed, *kept, *held), agreement
    )


def _repeated(pair: tuple[Source, Source], plan: OutputPlan) -> tuple[list[Finding], Passed]:
    """Return what is right and wrong of samples that had to be repeated, by a domain's numbers of these rules."""
    codes: Mapping[str, str] = getattr(pair[0], "agreement_rules", {})
    whole = all(factor.denominator == 1 for factor in plan.scale)
    return repeated(*pair, plan.factors, codes) if whole else ([], ())


def _agreement(
    session: Session, item: Item, pair: tuple[Source, Source], plan: OutputPlan, yardstick: Yardstick
) -> tuple[Agreement | None, list[Finding], Passed]:
    """Return how far a pair agrees, what is wrong with that, and what is right; why not, where it cannot be told."""
    source, result = pair
    if not any(channel.role == "image" for channel in source.channels):
        return None, [], ()
    if any(factor.denominator != 1 for factor in plan.scale):
        return None, [Finding("info", UNEVEN)], ()
    try:
        observation = yardstick.observation(session, item.domain, source, plan.factors, plan.provenance)
    except (RecipeError, PluginError) as error:
        return None, [Finding("warning", f"{UNFIT}: {error}")], ()
    agreement = measured(source, result, observation)
    codes: Mapping[str, str] = getattr(source, "agreement_rules", {})
    return agreement, *judged(agreement, yardstick.limit, codes)


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
