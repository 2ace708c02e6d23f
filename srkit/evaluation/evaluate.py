"""Measures models on real items: HR is degraded, enlarged again on the path of `upscale`, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from srkit import plugins as verbs
from srkit.data.leakage import seen_by, trained_on
from srkit.domain import Item, Metric, Options, Skipped
from srkit.errors import InputError, ModelError, NetworkOutputError, RecipeError, UsageError, nearest_known
from srkit.evaluation.agreement import agreement
from srkit.evaluation.correctness import FIGURES as CORRECTNESS
from srkit.evaluation.detail import FIGURES as DETAIL
from srkit.evaluation.detail import Detail
from srkit.evaluation.judging import Judge, Terms
from srkit.evaluation.reference import make_reference
from srkit.evaluation.request import Asked, Request
from srkit.evaluation.table import EvaluationRow, EvaluationTable, SkippedItem, in_order
from srkit.grid import Scale
from srkit.models.file import read_info
from srkit.models.shelf import find_model
from srkit.plugins import Plugins
from srkit.upscaling.enlarging.engine import enlarge, enlarge_whole
from srkit.upscaling.planning.enlarger import BASELINES, WIENER, Enlarger
from srkit.upscaling.planning.linear import wiener
from srkit.upscaling.session import Session

DEFAULT_SCALE = Scale(2, 2)


def evaluate(path: str | Path, **asked: Unpack[Asked]) -> EvaluationTable:
    """Return figures of models and of all interpolations on the items at `path`; `asked` is as `Asked` lists it.

    Raises
    ------
    UsageError
        If there is no such path or figure, or nothing to evaluate.
    MissingRequirementError
        Where a figure needs what is not there.
    ModelError
        Where a model is not there or has another scale. What befalls single items is told by `skipped`.
    TypeError
        For an argument that there is not.
    """
    request = Request.of_call(asked)
    plugins, options = request.session.plugins, request.session.options
    items, skipped = _items(request, Path(path))
    enlargers = _enlargers(request, items)
    terms = _terms(request, enlargers)
    rivals = _rivals(enlargers, terms.scale, request.interpolations)
    known = {e.name: trained_on(Path(name)) for name, e in zip(request.models, enlargers, strict=True)}
    subjects = _subjects(items)
    rows: list[EvaluationRow] = []
    for number, item in enumerate(items):
        request.progress(number, len(items), str(item.path))
        try:
            found = _rows_of(plugins, item, options[item.domain], rivals, terms, seed=number)
            seen = _seen_by(plugins, item, options[item.domain], known)
            rows += [replace(row, trained_on=row.model in seen, subject=subjects[number]) for row in found]
        except (InputError, ModelError, NetworkOutputError, RecipeError) as error:
            skipped.append(SkippedItem(str(item.path), str(error)))
    request.progress(len(items), len(items), "done")
    return EvaluationTable(
        scale=str(terms.scale),
        models=in_order([enlarger.name for enlarger in rivals]),
        rows=tuple(rows),
        skipped=tuple(skipped),
        degradation=tuple(terms.degradation or ()),
        range_note="; ".join(dict.fromkeys(row.range_note for row in rows)),
        higher_is_better=terms.higher_is_better(rows),
    )


def _seen_by(plugins: Plugins, item: Item, options: Options, known: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the names of the models that were trained on an item."""
    if not any(known.values()):
        return ()
    with closing(verbs.open_source(plugins, item, options)) as source:
        return seen_by(source, known)


def _subjects(items: Sequence[Item]) -> list[str]:
    """Return a number for the subject or place of each item; one that does not say its group is alone."""
    groups = [item.group or f"{item.path}\0{item.key}" for item in items]
    numbers = {group: str(number) for number, group in enumerate(dict.fromkeys(groups), start=1)}
    return [numbers[group] for group in groups]


def _domain_of(models: Sequence[str]) -> str | None:
    """Return the domain of the first model that is named by its path."""
    return next((read_info(Path(name)).domain for name in models if Path(name).is_file()), None)


def _enlargers(request: Request, items: Sequence[Item]) -> list[Enlarger]:
    """Return the enlargers named, each loaded once, chosen to suit the first item that opens."""
    trained = [name for name in request.models if name not in BASELINES]
    suited = _first_kind(request.session, items) if trained else ("", 1)
    result = []
    for name in request.models:
        if name in BASELINES:
            result.append(Enlarger.baseline(name, request.scale or DEFAULT_SCALE))
        else:
            plugins = request.session.plugins
            found = find_model(plugins, name=name, domain=suited[0], scale=request.scale, channels=suited[1])
            result.append(Enlarger.of_model(found))
    return result


def _first_kind(session: Session, items: Sequence[Item]) -> tuple[str, int]:
    """Return domain and number of image channels of the first item that opens."""
    for item in items:
        try:
            source = verbs.open_source(session.plugins, item, session.options[item.domain])
        except InputError:
            continue  # becomes a skipped item when its turn comes
        try:
            return item.domain, max(1, sum(channel.role == "image" for channel in source.channels))
        finally:
            source.close()
    return (items[0].domain if items else "", 1)


def chosen_metrics(plugins: Plugins, asked: Sequence[str]) -> dict[str, Metric]:
    """Return the usual metrics, and those on request that are `asked` for. Raises UsageError for unknown names."""
    known = verbs.metrics(plugins)
    for name in asked:
        if name not in known:
            raise UsageError(f"no figure {name!r} (known: {', '.join(known)}){nearest_known(name, known)}")
    return {name: metric for name, metric in known.items() if name in asked or not metric.on_request}


def _terms(request: Request, enlargers: Sequence[Enlarger]) -> Terms:
    trained = [enlarger for enlarger in enlargers if enlarger.generator is not None]
    chosen = request.scale or (trained[0].scale if trained else DEFAULT_SCALE)
    for enlarger in trained:
        if enlarger.scale != chosen:
            raise ModelError(
                f"models {trained[0].name!r} and {enlarger.name!r} enlarge by {chosen} and {enlarger.scale}; "
                "models of one table need one scale"
            )
    degradation = request.degradation
    if degradation is None:
        degradation = next((enlarger.degradation for enlarger in trained if enlarger.degradation), None)
    plain = [name for name in request.metrics if name not in DETAIL | CORRECTNESS]
    detailed = any(name in DETAIL for name in request.metrics)
    between = any(name in CORRECTNESS for name in request.metrics)
    looks = any(enlarger.perceptual for enlarger in trained)  # a gain in looks is never told alone
    metrics = chosen_metrics(request.session.plugins, plain)
    linear = replace(request.linear, degradation=request.linear.degradation or degradation)
    return Terms(chosen, degradation, metrics, linear, looks or detailed, between)


def _rivals(enlargers: Sequence[Enlarger], scale: Scale, beside: Sequence[str]) -> list[Enlarger]:
    """Return the models asked for, then those interpolations `beside` that are not among them, all at one scale."""
    given = [e if e.generator is not None else Enlarger.baseline(e.name, scale) for e in enlargers]
    names = {enlarger.name for enlarger in given}
    return [*given, *(Enlarger.baseline(kind, scale) for kind in beside if kind not in names)]


def _items(request: Request, path: Path) -> tuple[list[Item], list[SkippedItem]]:
    if not path.exists():
        raise UsageError(f"there is nothing at {path}; name a file or folder")
    domain = request.domain or _domain_of(request.models)
    found = verbs.discover(request.session.plugins, path, request.session.options, domain=domain)
    items = [entry.alone() for entry in found if isinstance(entry, Item) and domain in (None, entry.domain)]
    failed = [entry for entry in found if isinstance(entry, Skipped) and entry.failed]
    if not items and not failed:
        whose = f" of domain {domain!r}" if domain else ""
        raise UsageError(f"no item{whose} found at {path}; name a file or folder with images")
    return items, [SkippedItem(str(entry.path), entry.reason) for entry in failed]


def _rows_of(
    plugins: Plugins, item: Item, options: Options, rivals: Sequence[Enlarger], terms: Terms, *, seed: int
) -> list[EvaluationRow]:
    source = verbs.open_source(plugins, item, options)
    try:
        reference = make_reference(
            plugins, source, domain=item.domain, scale=terms.scale, degradation=terms.degradation, seed=seed
        )
    finally:
        source.close()
    known = terms.linear
    rivals = [
        wiener(plugins, item.domain, reference.lr, terms.scale, known.degradation, known.prior)
        if rival.name == WIENER
        else rival
        for rival in rivals
    ]
    mask = verbs.foreground(plugins, item.domain, reference.hr, reference.valid)
    detail = Detail.of(plugins, item.domain, reference, terms.scale, terms.degradation) if terms.in_detail else None
    judge = Judge(reference, mask, detail, terms)
    return [_row_of(plugins, item, judge, enlarger) for enlarger in rivals]


def _row_of(plugins: Plugins, item: Item, judge: Judge, enlarger: Enlarger) -> EvaluationRow:
    """Return the figures of one model on one item: of all channels together, and of each where there are several."""
    reference = judge.reference
    pieces = enlarge(plugins, reference.lr, enlarger, domain=item.domain)
    block = enlarge_whole(pieces, reference.hr.shape[1:])
    sr = reference.as_stored(block.values)
    return EvaluationRow(
        str(item.path),
        enlarger.name,
        judge.figures(sr, block.valid),
        reference.data_range,
        judge.channel_figures(sr, block.valid),
        reference.drawn,
        agreement(reference, sr),
        range_note=reference.range_note,
    )
