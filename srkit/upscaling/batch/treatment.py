"""Treats one item: open, look, choose, and make its output, unless that is done already."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srkit.domain import Finding, Item
from srkit.errors import InputError, SrkitError
from srkit.grid import ROLES
from srkit.image import Source
from srkit.plugins import inspect_item, open_source
from srkit.upscaling.batch.identity import Trace, identity_of, stamp_of, work_of
from srkit.upscaling.batch.manifest import Earlier, promise
from srkit.upscaling.batch.report import ItemResult
from srkit.upscaling.enlarging.engine import Step
from srkit.upscaling.making.charting import map_targets
from srkit.upscaling.making.fulfilment import fulfilled, with_maps_alone
from srkit.upscaling.making.manner import Manner
from srkit.upscaling.making.naming import Naming, check_target, is_there
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.production import Product
from srkit.upscaling.planning.aim import Aim
from srkit.upscaling.planning.plan import scale_text, scale_words
from srkit.upscaling.planning.shelf import EnlargerShelf
from srkit.upscaling.session import Session

ALREADY_THERE = "the output is there already, no older than its input; give --overwrite to make it anew"
ALREADY_DONE = "is done already: the same source, model and options"
ALREADY_SO = "lies at the wanted spacing already; there is nothing to do"
OWN_OUTPUT = "is an output of srkit itself; give --again to enlarge it once more"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What all items of a call share, and what is done with each of them.

    Parameters
    ----------
    aim
        Which output grid is wanted.
    asked
        All that was asked for beside model, scale and options, and that changes outputs.
    record
        The manifest in which an output is promised before it appears. Results then say by what it is known again.
    earlier
        Outputs that need not be made again; None to make all.
    again
        Whether outputs of srkit are items like others.
    """

    session: Session
    shelf: EnlargerShelf
    naming: Naming
    manner: Manner
    aim: Aim = Aim()  # noqa: RUF009  a frozen value
    asked: str = ""
    record: Path | None = None
    earlier: Earlier | None = None
    again: bool = True

    def treat_guarded(self, item: Item, step: Step | None = None, checked: Step | None = None) -> ItemResult:
        """Treat an item; whatever fails is its result."""
        try:
            return self.treat(item, step, checked)
        except SrkitError as error:
            _log.debug("item failed", exc_info=True)
            reason = str(error).removeprefix(f"{item.path}: ")  # the table's first column says it already
            return failed(item, reason, error.exit_code)
        except Exception as error:  # noqa: BLE001  a source or normaliser of a plugin may raise anything
            _log.debug("item failed unexpectedly", exc_info=True)
            reason = f"failed unexpectedly with {type(error).__name__}; see the traceback with --debug, and report it"
            return failed(item, reason, 1)

    def treat(self, item: Item, step: Step | None = None, checked: Step | None = None) -> ItemResult:
        """Treat an item; `step` and `checked` are told as `Manner` says. Raises what went wrong."""
        begin = time.monotonic()
        source = open_source(self.session.plugins, item, self.session.of(item.domain))
        try:
            told = replace(self, manner=replace(self.manner, step=step, checked=checked))
            result = told._treat_opened(item, source)
        finally:
            source.close()
        return replace(result, seconds=time.monotonic() - begin)

    def _treat_opened(self, item: Item, source: Source) -> ItemResult:
        findings = inspect_item(self.session.plugins, item, source)
        _check_refusals(item, findings)
        if not self.again and any(finding.level == "own" for finding in findings):
            return _skipped(item, OWN_OUTPUT)
        shape = self.aim.shape(source)
        if shape == source.grid.shape:
            return _skipped(item, ALREADY_SO)
        enlarger = self.shelf.choose(item.domain, source, shape)
        scale = scale_text(enlarger) if shape is None else scale_words(source, shape)
        target = self.naming.target(item, scale)
        manner = replace(self.manner, shape=shape)
        order = Order(self.session, item, source, enlarger, target, manner)
        if manner.keeping.resume and not manner.disk.overwrite and is_there(target, item):
            return self._kept(order, scale, ALREADY_THERE, None)
        work = work_of(enlarger, self.session.chosen(item.domain), self.asked)
        done = None if self.earlier is None else self.earlier.untouched(target)
        if done is not None and done.is_of(item, work):
            return self._kept(order, scale, ALREADY_DONE, done.trace)
        disk = replace(manner.disk, overwrite=manner.disk.overwrite or done is not None)
        check_target(target, item, disk.inputs, overwrite=disk.overwrite)
        return self._made(order.with_disk(disk), scale, tuple(findings), work)

    def _kept(self, order: Order, scale: str, reason: str, trace: Trace | None) -> ItemResult:
        """Return the result of an output that stays; maps that are missing beside it are made."""
        manner = order.manner
        if manner.dry_run or not manner.fidelity.maps or all(place.is_file() for place in map_targets(order)):
            return _skipped(order.item, reason, order.target)
        return self._result(order, scale, with_maps_alone(order), trace)

    def _made(self, order: Order, scale: str, findings: tuple[Finding, ...], work: str) -> ItemResult:
        """Make an output, and promise it in the manifest before it appears: then a run that is killed left word."""
        item, record = order.item, self.record
        if record is None or order.manner.dry_run:
            product = fulfilled(order)
            return self._result(order, scale, replace(product, findings=(*findings, *product.findings)), None)
        trace = Trace(identity_of(item), stamp_of(item), work)

        def result(product: Product, place: Path) -> ItemResult:
            known = None if product.shard else trace.left(place, product.kinds)
            return self._result(order, scale, replace(product, findings=(*findings, *product.findings)), known)

        def told(product: Product, staged: Path) -> None:
            promise(record, result(product, staged))

        return result(fulfilled(replace(order, manner=replace(order.manner, promise=told))), order.target)

    def _result(self, order: Order, scale: str, product: Product, trace: Trace | None) -> ItemResult:
        item, enlarger, target, shard = order.item, order.enlarger, order.target, product.shard
        return ItemResult(
            path=item.path,
            domain=item.domain,
            key=item.key,
            status="planned" if order.manner.dry_run else "done",
            output=target,
            forecast=product.forecast,
            reason=f"shard {shard} is kept; `srkit merge {target}` joins all" if shard else "",
            findings=product.findings,
            model=enlarger.name,
            model_sha256=enlarger.sha256,
            scale=scale,
            spacing=_spacing(order.source, order.manner.shape),
            options=self.session.of(item.domain),
            route=product.route.explain(),
            consistency=product.agreement,
            maps=product.maps,
            normalizer=product.normalizer,
            clipped=product.clipped,
            trace=trace,
        )


def _spacing(source: Source, shape: tuple[int, ...] | None) -> tuple[float, ...]:
    if shape is None:
        return ()
    spacing = source.grid.resampled(shape).spacing
    return tuple(spacing[source.roles[role]] for role in ROLES if role in source.roles)


def failed(item: Item, reason: str, exit_code: int) -> ItemResult:
    """Return the result of an item that failed."""
    return ItemResult(item.path, item.domain, "failed", reason=reason, exit_code=exit_code, key=item.key)


def _skipped(item: Item, reason: str, output: Path | None = None) -> ItemResult:
    return ItemResult(item.path, item.domain, "skipped", output, reason, key=item.key)


def _check_refusals(item: Item, findings: Sequence[Finding]) -> None:
    refusals = [finding.text for finding in findings if finding.level == "refusal"]
    if refusals:
        raise InputError(f"{item.path}: {'; '.join(refusals)}")
