"""Calls plugins: one typed function per verb of the contract. `srkit.loading` finds them; its names stand here too.

No other module touches the hooks. Every answer is checked; a failure carries the name of the plugin that caused it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

import numpy as np

from srkit import hookspecs
from srkit.domain import (
    Certainty,
    Degradation,
    Domain,
    Finding,
    Item,
    LossFactory,
    Metric,
    ModelEntry,
    NetworkFactory,
    Options,
    Part,
    PatchSampler,
    Skipped,
)
from srkit.errors import InputError, PluginError, SrkitError, UnknownDomainError
from srkit.grid import Scale
from srkit.image import Array, BoolArray, Normalizer, OutputPlan, Sink, Source, working_dtype
from srkit.loading import CORE, GROUP, FailedPlugin, LoadedPlugin, Plugins, load_plugins

__all__ = [
    "CORE",
    "GROUP",
    "FailedPlugin",
    "LoadedPlugin",
    "Plugins",
    "create_sink",
    "data_range",
    "default_options",
    "degradation",
    "discover",
    "domain_named",
    "domain_owners",
    "domains",
    "fit_normalizer",
    "foreground",
    "gather",
    "inspect_item",
    "inspect_source",
    "load_plugins",
    "losses",
    "metrics",
    "models",
    "networks",
    "normalizer",
    "open_source",
    "patches",
    "relate",
    "selecting_options",
    "split",
    "verify_staged",
]

_log = logging.getLogger(__name__)


def _call(plugins: Plugins, verb: str, **arguments: Any) -> Any:
    try:
        return getattr(plugins.manager.hook, verb)(**arguments)
    except SrkitError:
        raise
    except Exception as error:  # noqa: BLE001  the one place where a plugin's failure gets its name
        _blame(plugins, verb, error)


def _blame(plugins: Plugins, verb: str, error: Exception, name: str = "") -> NoReturn:
    """Raise PluginError; the cause's own text may quote the file's content and stays in the traceback."""
    raise PluginError(
        f"plugin {name or _culprit(plugins, verb, error)!r} failed in {verb} with {type(error).__name__}; "
        "see the traceback with --debug, and report it to the plugin's authors"
    ) from error


def _culprit(plugins: Plugins, verb: str, error: BaseException) -> str:
    packages = {getattr(p.module, "__name__", "?").partition(".")[0]: p.name for p in plugins.loaded}
    packages[hookspecs.PROJECT] = CORE
    trace, name = error.__traceback__, ""
    while trace is not None:
        root = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        name = packages[root] if root in packages and (root != hookspecs.PROJECT or not name) else name
        trace = trace.tb_next
    return name or next(iter(plugins.answering(verb)), "unknown")


def _checked(answer: object, kind: type | tuple[type, ...], plugins: Plugins, verb: str, name: str = "") -> Any:
    if not isinstance(answer, kind):
        who = name or ", ".join(plugins.answering(verb)) or "no plugin"
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise PluginError(f"{verb} answered with {type(answer).__name__} instead of {names} (answered by: {who})")
    return answer


def _collected(plugins: Plugins, verb: str, kind: type) -> list[Any]:
    answers = _call(plugins, verb)
    return [entry for answer in reversed(answers) for entry in _entries(answer, kind, plugins, verb)]


def _entries(answer: object, kind: type, plugins: Plugins, verb: str, name: str = "") -> list[Any]:
    """Return the entries of an answer, each of its `kind`."""
    return [_checked(entry, kind, plugins, verb, name) for entry in _checked(answer, Iterable, plugins, verb, name)]


def _without_default(domain: str, verb: str) -> NoReturn:
    raise PluginError(f"no plugin answers {verb} for domain {domain!r}; its plugin is incomplete or not installed")


# --- verbs ---------------------------------------------------------------------------------------------------------


def domains(plugins: Plugins) -> dict[str, Domain]:
    """Return the installed domains by name. Raises PluginError if two plugins own the same name."""
    result: dict[str, Domain] = {}
    owners: dict[str, str] = {}
    for plugin, domain in _owned_domains(plugins):
        if domain.name in result:
            raise PluginError(
                f"domain {domain.name!r} is owned by two plugins, {owners[domain.name]!r} and {plugin.name!r}; "
                "uninstall one, or name those to use in SRKIT_PLUGINS"
            )
        result[domain.name], owners[domain.name] = domain, plugin.name
    return result


def domain_owners(plugins: Plugins) -> list[tuple[str, str]]:
    """Return (plugin, domain) names, in calling order; a domain with two owners appears twice."""
    return [(plugin.name, domain.name) for plugin, domain in _owned_domains(plugins)]


def _owned_domains(plugins: Plugins) -> Iterator[tuple[LoadedPlugin, Domain]]:
    for plugin in plugins.loaded:
        if not hasattr(plugin.module, "srkit_domains"):
            continue
        hook = _only(plugins, "srkit_domains", plugin)
        try:
            answers = hook()
        except Exception as error:  # noqa: BLE001
            _blame(plugins, "srkit_domains", error, plugin.name)
        for answer in answers:
            for domain in _entries(answer, Domain, plugins, "srkit_domains", plugin.name):
                yield plugin, domain


def domain_named(plugins: Plugins, name: str) -> Domain:
    """Return one domain. Raises UnknownDomainError."""
    known = domains(plugins)
    if name not in known:
        raise UnknownDomainError(name, known)
    return known[name]


def _only(plugins: Plugins, verb: str, plugin: LoadedPlugin) -> Any:
    others = [p.module for p in plugins.loaded if p.module is not plugin.module]
    return plugins.manager.subset_hook_caller(verb, others)


def default_options(plugins: Plugins) -> dict[str, dict[str, Any]]:
    """Return every domain's options at their defaults, by domain name."""
    return {name: {o.name: o.default for o in domain.options} for name, domain in domains(plugins).items()}


def selecting_options(plugins: Plugins) -> dict[str, frozenset[str]]:
    """Return the names of every domain's options that say which items are meant, and change no output."""
    return {name: frozenset(o.name for o in domain.options if o.selects) for name, domain in domains(plugins).items()}


def discover(
    plugins: Plugins, root: Path, options: Mapping[str, Options], *, domain: str | None = None
) -> list[Item | Skipped]:
    """Return what all plugins find at `root`, in the order of paths, with rival claims settled.

    A sure claim wins over a likely one, and that over possible ones; `domain` decides where it is given. Two of the
    highest rank become a `Skipped` that says how to decide; a likely one that won keeps the others as its doubts.
    Files that no plugin claims are passed over. A plugin that fails while looking costs what it would have found, and
    is named in a failed `Skipped`. What a plugin says of a file that another one claims is not told; of its own files
    it may leave out a part.
    """
    if domain is not None:
        domain_named(plugins, domain)
    claims, skipped, parts = _claims_and_complaints(plugins, root, options)
    settled = [_settle(rivals, domain) for rivals in claims.values()]
    items = [entry for entry in settled if isinstance(entry, Item)]
    claimed = {path for item in items for path in item.paths}
    claimed |= {path for entry in skipped.values() for path in entry.others}
    answered = claimed | set(skipped)
    refused = [entry for entry in settled if isinstance(entry, Skipped) and entry.path not in answered]
    rest = [entry for path, entry in skipped.items() if path not in claimed]
    entries: list[Item | Skipped] = [*items, *refused, *rest, *(entry for entry in parts if entry.path in claimed)]
    return sorted(entries, key=lambda entry: (str(entry.path), getattr(entry, "key", "")))


def relate(plugins: Plugins, items: Sequence[Item], options: Mapping[str, Options]) -> list[Item]:
    """Return items that were found at several places with what they are to one another, in their order."""
    related = list(items)
    for domain in dict.fromkeys(item.domain for item in items):
        places = [place for place, item in enumerate(items) if item.domain == domain]
        own = [items[place] for place in places]
        answer = _call(plugins, "srkit_relate", domain=domain, items=own, options=options.get(domain, {}))
        found = own if answer is None else _entries(answer, Item, plugins, "srkit_relate")
        if len(found) != len(own):
            raise PluginError(f"srkit_relate answered with {len(found)} items instead of {len(own)} of {domain!r}")
        for place, item in zip(places, found, strict=True):
            related[place] = item
    return related


def _claims_and_complaints(
    plugins: Plugins, root: Path, options: Mapping[str, Options]
) -> tuple[dict[tuple[Path, str], list[Item]], dict[Path, Skipped], list[Skipped]]:
    """Return the claims of each item, what was said of other files, and what plugins left out of files they claim."""
    claims: dict[tuple[Path, str], list[Item]] = {}
    skipped: dict[Path, Skipped] = {}
    parts: list[Skipped] = []
    for plugin in plugins.loaded:
        findings = list(_findings_of(plugins, plugin, root, options))
        own = {path for found in findings if isinstance(found, Item) for path in found.paths}
        for found in findings:
            if isinstance(found, Item):
                claims.setdefault((found.path, found.key), []).append(found)
            elif found.path in own:
                parts.append(replace(_unreadable(found), copy=False))  # the file's output stands beside the others
            else:
                skipped.setdefault(found.path, _unreadable(found))
    return claims, skipped, parts


def _unreadable(found: Skipped) -> Skipped:
    """Name the true reason where a plugin took a file for broken that it may not read."""
    if not found.path.is_file() or os.access(found.path, os.R_OK):
        return found
    return Skipped(found.path, "may not be read: permission denied; ask its owner for the right to read it")


def _findings_of(
    plugins: Plugins, plugin: LoadedPlugin, root: Path, options: Mapping[str, Options]
) -> Iterator[Item | Skipped]:
    if not hasattr(plugin.module, "srkit_discover"):
        return
    try:
        for answer in _only(plugins, "srkit_discover", plugin)(root=root, options=options):
            for found in _checked(answer, Iterable, plugins, "srkit_discover", plugin.name):
                yield _checked(found, (Item, Skipped), plugins, "srkit_discover", plugin.name)
    except PluginError as error:
        yield Skipped(root, f"{error}; what it would have found is missing")
    except SrkitError:
        raise
    except Exception as error:  # noqa: BLE001  a plugin's; the others go on
        _log.debug("plugin %s failed while looking", plugin.name, exc_info=True)
        yield Skipped(
            root,
            f"plugin {plugin.name!r} failed in srkit_discover with {type(error).__name__}, and what it would have "
            "found is missing; see the traceback with --debug, and report it to the plugin's authors",
        )


def _settle(rivals: list[Item], domain: str | None) -> Item | Skipped:
    if domain is not None:
        chosen = [item for item in rivals if item.domain == domain]
        if not chosen:
            names = ", ".join(sorted({item.domain for item in rivals}))
            return Skipped(rivals[0].path, f"is an item of {names}, not of {domain!r}", failed=False)
        rivals = chosen
    best = next(found for rank in get_args(Certainty) if (found := [item for item in rivals if item.certainty == rank]))
    others = tuple(sorted({item.domain for item in rivals} - {item.domain for item in best}))
    if len(best) == 1:
        return replace(best[0], doubts=others) if best[0].certainty == "likely" else best[0]
    names = " or ".join(sorted({item.domain for item in best}))
    return Skipped(best[0].path, f"may be {names}; say which with --domain")


def open_source(plugins: Plugins, item: Item, options: Options) -> Source:
    """Open `item`. Raises InputError if it is broken."""
    source = _call(plugins, "srkit_open", domain=item.domain, item=item, options=options)
    if source is None:
        _without_default(item.domain, "srkit_open")
    _checked(source, Source, plugins, "srkit_open")
    if source.grid.ndim not in (2, 3):
        raise InputError(f"{item.path}: has {source.grid.ndim} spatial axes; srkit treats images of 2 or 3")
    try:
        working_dtype(source.encoding.dtype)
    except TypeError as error:
        raise InputError(f"{item.path}: stores {source.encoding.dtype} samples: {error}; convert it first") from error
    return source  # type: ignore[no-any-return]


def inspect_item(plugins: Plugins, item: Item, source: Source) -> list[Finding]:
    """Return what is to be known of an item that is open as `source`: its domain's findings, and doubts of that."""
    findings = inspect_source(plugins, item.domain, source)
    if not item.doubts:
        return findings
    others = " or ".join(item.doubts)
    text = f"is taken as {item.domain}, for nothing in it or beside it says otherwise; if it is {others}, say --domain"
    return [Finding("warning", text), *findings]


def inspect_source(plugins: Plugins, domain: str, source: Source) -> list[Finding]:
    """Return what the domain understood of a source."""
    answer = _call(plugins, "srkit_inspect", domain=domain, source=source)
    return [] if answer is None else _entries(answer, Finding, plugins, "srkit_inspect")


def normalizer(plugins: Plugins, domain: str, spec: Mapping[str, Any], source: Source) -> Normalizer:
    """Return the normaliser of an item after a model's `spec`."""
    answer = _call(plugins, "srkit_normalizer", domain=domain, spec=spec, source=source)
    if answer is None:
        _without_default(domain, "srkit_normalizer")
    return _checked(answer, Normalizer, plugins, "srkit_normalizer")  # type: ignore[no-any-return]


def fit_normalizer(
    plugins: Plugins, domain: str, spec: Mapping[str, Any], sources: Iterable[Source]
) -> Mapping[str, Any]:
    """Return `spec` completed from the training split; unchanged where the domain has nothing to fit."""
    answer = _call(plugins, "srkit_fit_normalizer", domain=domain, spec=spec, sources=sources)
    return dict(spec) if answer is None else _checked(answer, Mapping, plugins, "srkit_fit_normalizer")


def degradation(
    plugins: Plugins, domain: str, spec: Sequence[Mapping[str, Any]] | None, source: Source, scale: Scale
) -> Degradation:
    """Return how LR comes from HR for an item."""
    answer = _call(plugins, "srkit_degradation", domain=domain, spec=spec, source=source, scale=scale)
    return _checked(answer, Degradation, plugins, "srkit_degradation")  # type: ignore[no-any-return]


def split(
    plugins: Plugins, domain: str, items: Sequence[Item], fractions: Mapping[str, float], seed: int
) -> Mapping[str, Sequence[Part]]:
    """Return the parts of `items` per split name."""
    answer = _call(plugins, "srkit_split", domain=domain, items=items, fractions=fractions, seed=seed)
    return _checked(answer, Mapping, plugins, "srkit_split")  # type: ignore[no-any-return]


def patches(plugins: Plugins, domain: str, source: Source, size: tuple[int, ...]) -> PatchSampler:
    """Return a sampler of HR windows worth training on."""
    answer = _call(plugins, "srkit_patches", domain=domain, source=source, size=size)
    if answer is None:
        _without_default(domain, "srkit_patches")
    return _checked(answer, PatchSampler, plugins, "srkit_patches")  # type: ignore[no-any-return]


def create_sink(plugins: Plugins, domain: str, target: Path, source: Source, plan: OutputPlan) -> Sink:
    """Return a sink for an output at `target`."""
    sink = _call(plugins, "srkit_create", domain=domain, target=target, source=source, plan=plan)
    if sink is None:
        _without_default(domain, "srkit_create")
    _checked(sink, Sink, plugins, "srkit_create")
    return sink  # type: ignore[no-any-return]


def foreground(plugins: Plugins, domain: str, values: Array, valid: BoolArray | None) -> BoolArray | None:
    """Return which samples of an image show the subject; None where the domain does not say."""
    answer = _call(plugins, "srkit_foreground", domain=domain, values=values, valid=valid)
    if answer is None:
        return None
    mask: BoolArray = _checked(answer, np.ndarray, plugins, "srkit_foreground")
    if mask.dtype != np.bool_ or mask.shape != (1, *values.shape[1:]):
        raise PluginError(f"srkit_foreground answered with a mask of {mask.dtype}, {mask.shape} for {values.shape}")
    return mask


def data_range(plugins: Plugins, domain: str, values: Array, valid: BoolArray | None) -> tuple[float, str] | None:
    """Return the range of figures of merit of an image, and its name; None where the domain does not say."""
    answer = _call(plugins, "srkit_data_range", domain=domain, values=values, valid=valid)
    if answer is None:
        return None
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], str) and 0 < answer[0] < np.inf):
        raise PluginError(f"srkit_data_range answered {answer!r}, not a range above 0 and its name")
    return float(answer[0]), answer[1]


def verify_staged(plugins: Plugins, domain: str, source: Source, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return the format's own findings on a staged output."""
    answer = _call(plugins, "srkit_verify", domain=domain, source=source, staged=staged, plan=plan)
    return [] if answer is None else _entries(answer, Finding, plugins, "srkit_verify")


def gather(plugins: Plugins, domain: str, outputs: Sequence[Path], options: Options) -> list[Path]:
    """Let a domain write what speaks of all its outputs together; return those files."""
    answer = _call(plugins, "srkit_gather", domain=domain, outputs=outputs, options=options)
    return [] if answer is None else _entries(answer, Path, plugins, "srkit_gather")


def networks(plugins: Plugins) -> dict[str, NetworkFactory]:
    """Return the architectures by name; later plugins win."""
    return {entry.name: entry for entry in _collected(plugins, "srkit_networks", NetworkFactory)}


def losses(plugins: Plugins) -> dict[str, LossFactory]:
    """Return the losses by name; later plugins win."""
    return {entry.name: entry for entry in _collected(plugins, "srkit_losses", LossFactory)}


def metrics(plugins: Plugins) -> dict[str, Metric]:
    """Return the figures of merit by name; later plugins win."""
    return {entry.name: entry for entry in _collected(plugins, "srkit_metrics", Metric)}


def models(plugins: Plugins) -> list[ModelEntry]:
    """Return the model files that plugins ship."""
    return _collected(plugins, "srkit_models", ModelEntry)
