"""Measures a model by its plan: tables of held-out items, of items from elsewhere, and of real inputs.

What was measured can be kept as JSON and read again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, Unpack

from plan import Condition, Entry, Plan

from srkit import plugins as verbs
from srkit.errors import InputError
from srkit.evaluation import EvaluationTable, evaluate
from srkit.evaluation.benchmark import benchmark
from srkit.evaluation.detail import FIGURES as DETAIL
from srkit.evaluation.linear import Linear, tuned_prior
from srkit.evaluation.request import Asked
from srkit.evaluation.table import SkippedItem
from srkit.evaluation.unreferenced import InputFigures, examine
from srkit.losses.weights import stlpips_weights
from srkit.models.file import ModelInfo, read_info
from srkit.models.packing import without_folders
from srkit.plugins import Plugins
from srkit.upscaling.planning.linear import Prior

TOLD = ("psnr", "ssim", "psnr_foreground", "ssim_foreground", "sam", "st_lpips", *DETAIL)
"""Figures that are kept."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A table under one condition, and what the linear rival was tuned to.

    The table of a model for looks has the shipped one for fidelity of the same kind, and ST-LPIPS where its weights
    are at hand.
    """

    condition: Condition
    use: str
    prior: Prior
    table: EvaluationTable


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured of a model: under conditions, on benchmarks by their names, and on real inputs."""

    measured: tuple[Measured, ...]
    benchmarks: tuple[tuple[str, EvaluationTable], ...]
    inputs: tuple[InputFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "conditions": [
                {
                    "condition": entry.condition.title,
                    "own": entry.condition.own,
                    "items": entry.use,
                    "linear": asdict(entry.prior),
                    **brief(entry.table),
                }
                for entry in self.measured
            ],
            "benchmarks": {name: brief(table) for name, table in self.benchmarks},
            "inputs": [_without_nan(asdict(row)) for row in self.inputs],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return what `as_dict` gave `content` of."""
        return cls(
            tuple(_measured(entry) for entry in content["conditions"]),
            tuple((name, EvaluationTable.from_dict(table)) for name, table in content["benchmarks"].items()),
            tuple(InputFigures(**_with_nan(row)) for row in content["inputs"]),
        )


def _measured(content: Mapping[str, Any]) -> Measured:
    table = EvaluationTable.from_dict(content)
    condition = Condition(content["condition"], table.degradation, content["own"])
    return Measured(condition, content["items"], Prior(**content["linear"]), table)


def _with_nan(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in figures.items()}


def _without_nan(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures with None for what has none: JSON knows no NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in figures.items()}


def measure(path: Path, info: ModelInfo, plan: Plan, data: Path, plugins: Plugins) -> Figures:
    """Return the figures of the model at `path` on the items of `plan` below `data`.

    Raises FileNotFoundError where an item is not there, SrkitError where a model cannot be used on one.
    """
    for entry in plan.entries:
        if not (data / entry.path).exists():
            raise FileNotFoundError(f"{data / entry.path} is not there; name the folder of data with --data")
    job = _Job(path, info, plan, data, plugins, _for_fidelity(info, plugins) if info.perceptual else ())
    measured = tuple(job.conditions())
    return Figures(measured, tuple(job.benchmarks()), tuple(job.inputs(measured[0].prior)))


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    info: ModelInfo
    plan: Plan
    data: Path
    plugins: Plugins
    siblings: tuple[str, ...] = ()

    def conditions(self) -> Iterator[Measured]:
        """Yield test items under every condition, items from elsewhere under the first."""
        for number, condition in enumerate(self.plan.conditions):
            prior = self._tuned(condition)
            for use in ("test", "elsewhere") if number == 0 else ("test",):
                entries = self.plan.of_use(use)
                if entries:
                    table = self._table(condition, prior, entries)
                    if number == 0 and use == "test" and self.info.perceptual and not self.plan.benchmarks:
                        table = self._with_looks(table, condition, entries)
                    yield Measured(condition, use, prior, table)

    def benchmarks(self) -> Iterator[tuple[str, EvaluationTable]]:
        """Yield the usual tables, on LR files that are the benchmark's own."""
        scale, models = self.info.scale.row, [str(self.path), *self.siblings]
        for name, folder in self.plan.benchmarks.items():
            if (self.data / folder / f"lr_x{scale}").is_dir():
                _say(f"{self.info.name}: {name}")
                yield name, on_benchmark(name, self.data / folder, scale, models, self.plugins)

    def inputs(self, prior: Prior) -> Iterator[InputFigures]:
        """Yield the figures of real inputs; the linear rival is that of the noise-free form, with its `prior`."""
        linear = Linear(self.plan.linear, prior)
        for entry in self.plan.of_use("real"):
            _say(f"{self.info.name}: real input {entry.path}")
            for row in examine(self.data / entry.path, str(self.path), linear=linear, plugins=self.plugins):
                yield replace(row, item=entry.path)

    def _tuned(self, condition: Condition) -> Prior:
        paths = [self.data / entry.path for entry in self.plan.of_use("validation")]
        _say(f"{self.info.name}: tuning the linear rival, {condition.title}")
        return tuned_prior(
            paths,
            domain=self.info.domain,
            scale=self.info.scale,
            degradation=condition.steps,
            linear=self.plan.linear,
            plugins=self.plugins,
        )

    def _table(self, condition: Condition, prior: Prior, entries: Sequence[Entry]) -> EvaluationTable:
        _say(f"{self.info.name}: {condition.title}")
        return on_items(
            entries,
            self.data,
            models=[str(self.path), *self.siblings, "wiener"],
            scale=self.info.scale,
            domain=self.info.domain,
            degradation=condition.steps,
            linear=Linear(self.plan.linear, prior),
            plugins=self.plugins,
        )

    def _with_looks(self, table: EvaluationTable, condition: Condition, entries: Sequence[Entry]) -> EvaluationTable:
        """Return `table` with ST-LPIPS of the model and its sibling alone: it takes longer than all else together."""
        if not stlpips_weights():
            return table
        _say(f"{self.info.name}: {condition.title}, in looks")
        seen = on_items(
            entries,
            self.data,
            models=[str(self.path), *self.siblings],
            metrics=("st_lpips",),
            interpolations=(),
            scale=self.info.scale,
            domain=self.info.domain,
            degradation=condition.steps,
            plugins=self.plugins,
        )
        known = {(row.item, row.model): row.metrics.get("st_lpips", math.nan) for row in seen.rows}
        rows = tuple(
            replace(row, metrics={**row.metrics, "st_lpips": known.get((row.item, row.model), math.nan)})
            for row in table.rows
        )
        return replace(table, rows=rows, higher_is_better={**table.higher_is_better, "st_lpips": False})


def on_items(entries: Sequence[Entry], data: Path, **asked: Unpack[Asked]) -> EvaluationTable:
    """Return one table of all entries below `data`; each counts for the subject that the list of items names.

    `asked` is as `srkit.evaluate` takes it. Raises InputError where an item cannot be used.
    """
    tables = []
    for entry in entries:
        _say(entry.path)
        table = evaluate(data / entry.path, **asked)
        for skipped in table.skipped:
            raise InputError(f"{entry.path}: {skipped.reason}")
        rows = tuple(replace(row, item=entry.path, subject=entry.subject) for row in table.rows)
        tables.append(replace(table, rows=rows))
    return replace(tables[0], rows=tuple(row for table in tables for row in table.rows))


def on_benchmark(name: str, folder: Path, scale: int, models: Sequence[str], plugins: Plugins) -> EvaluationTable:
    """Return the table of a benchmark for the files of `models`, with ST-LPIPS where its weights are at hand."""
    metrics = ("st_lpips",) if stlpips_weights() else ()
    table = benchmark(name, folder, scale=scale, models=models, metrics=metrics, plugins=plugins)
    return replace(
        table,
        rows=tuple(replace(row, item=Path(row.item).name) for row in table.rows),
        skipped=tuple(SkippedItem(Path(one.item).name, str(without_folders(one.reason))) for one in table.skipped),
    )


def _for_fidelity(info: ModelInfo, plugins: Plugins) -> tuple[str, ...]:
    """Return the file of the shipped model for fidelity of the same domain, scale and channels, if there is one."""
    kind = (info.domain, info.scale, info.channels)
    for entry in verbs.models(plugins):
        other = read_info(entry.path)
        if (other.domain, other.scale, other.channels) == kind and not other.perceptual:
            return (str(entry.path),)
    return ()


def brief(table: EvaluationTable) -> dict[str, Any]:
    """Return a table as plain values: without single channels, and without figures that no page tells."""
    content = table.as_dict()
    untold = [name for name in table.metrics if name not in TOLD]
    for row in (*content["rows"], *content["summary"].values()):
        for name in ("channels", *untold):
            row.pop(name, None)
    return content


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
