"""The table that an evaluation comes to: one row per item and model, and their summary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from srkit.evaluation.statistics import by_subject, summary

Number = float | None
ROW_KEYS = ("item", "subject", "model", "data_range", "trained_on", "agreement", "degradation", "channels")
"""Keys of a row as plain values; all others are figures."""


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """Figures of one model on one item, in the item's stored units.

    `data_range` is what PSNR and SSIM refer to, and `range_note` how it came about; `metrics` holds figures by name,
    `channels` those of each channel by its own name, where an item has several. `drawn` holds the steps that made LR
    where they were drawn for the item.
    `agreement` is how the output, degraded again, departs from its input.
    `trained_on` says that the model has seen the item, or its pixels under another name, in training. `subject` is a
    number that items of one subject or place share, and tells nothing of it.
    """

    item: str
    model: str
    metrics: Mapping[str, float]
    data_range: float
    channels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    drawn: tuple[Mapping[str, Any], ...] = ()
    agreement: Mapping[str, float] = field(default_factory=dict)
    trained_on: bool = False
    subject: str = ""
    range_note: str = ""


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """An item that could not be evaluated, and why."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """Rows in the order of items, within an item in the order of models.

    `degradation` says how LR came about (empty: the domain's own), `range_note` what the data range is.
    """

    scale: str
    models: tuple[str, ...]
    rows: tuple[EvaluationRow, ...]
    skipped: tuple[SkippedItem, ...] = ()
    degradation: tuple[Mapping[str, Any], ...] = ()
    range_note: str = ""
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the figures, in order."""
        return tuple(self.higher_is_better) or tuple(dict.fromkeys(name for row in self.rows for name in row.metrics))

    @property
    def exit_code(self) -> int:
        """0 if every item was evaluated, else 4."""
        return 4 if self.skipped else 0

    @property
    def trained_on(self) -> dict[str, int]:
        """How many items each model has seen in training; models that saw none are left out."""
        return {m: n for m in self.models if (n := sum(row.trained_on for row in self.rows if row.model == m))}

    def values(self, model: str, metric: str) -> list[float]:
        """Return the figures of a model, item by item."""
        return [row.metrics.get(metric, math.nan) for row in self.rows if row.model == model]

    @property
    def means(self) -> dict[str, dict[str, float]]:
        """Mean over subjects per model and metric; items without a finite figure do not count."""
        return {m: {name: self.summary(m, name)["mean"] for name in self.metrics} for m in self.models}

    def summary(self, model: str, metric: str) -> Mapping[str, float]:
        """Return the statistics of one figure over subjects; NaN where no item has a finite one."""
        subjects = [row.subject or row.item for row in self.rows if row.model == model]
        better = self.higher_is_better.get(metric, True)
        return summary(self.values(model, metric), subjects, higher_is_better=better)

    def gain(self, model: str, over: str, metric: str = "psnr") -> Mapping[str, float]:
        """Return the statistics of what `model` has more than `over`, subject by subject, and the `best` of them."""
        pairs = zip(self.values(model, metric), self.values(over, metric), strict=True)
        differences = [a - b for a, b in pairs]
        subjects = [row.subject or row.item for row in self.rows if row.model == model]
        better = self.higher_is_better.get(metric, True)
        found = by_subject(differences, subjects)
        best = float(found.max() if better else found.min()) if found.size else math.nan
        return {**summary(differences, subjects, higher_is_better=better), "best": best}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what is no finite number becomes None."""
        return {
            "scale": self.scale,
            "degradation": [dict(step) for step in self.degradation] or "the domain's own",
            "data_range": self.range_note,
            "higher_is_better": dict(self.higher_is_better),
            "models": list(self.models),
            "rows": [_row(row) for row in self.rows],
            "summary": {m: {name: _plain(self.summary(m, name)) for name in self.metrics} for m in self.models},
            "skipped": [{"item": entry.item, "reason": entry.reason} for entry in self.skipped],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the table that `as_dict` gave `content` of, but for the notes on single rows' ranges.

        What was no finite number is NaN. Raises KeyError where something is missing.
        """
        steps = content["degradation"]
        return cls(
            scale=content["scale"],
            models=tuple(content["models"]),
            rows=tuple(_row_from(entry) for entry in content["rows"]),
            skipped=tuple(SkippedItem(**entry) for entry in content["skipped"]),
            degradation=() if isinstance(steps, str) else tuple(steps),
            range_note=content["data_range"],
            higher_is_better=content.get("higher_is_better", {}),
        )

    def to_json(self) -> str:
        """Return the table as JSON."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)


def _row(row: EvaluationRow) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "item": row.item,
        **({"subject": row.subject} if row.subject else {}),
        "model": row.model,
        "data_range": row.data_range,
        **_plain(row.metrics),
    }
    if row.trained_on:
        figures["trained_on"] = True
    if row.agreement:
        figures["agreement"] = _plain(row.agreement)
    if row.drawn:
        figures["degradation"] = [dict(step) for step in row.drawn]
    if row.channels:
        figures["channels"] = {name: _plain(found) for name, found in row.channels.items()}
    return figures


def _row_from(entry: Mapping[str, Any]) -> EvaluationRow:
    return EvaluationRow(
        entry["item"],
        entry["model"],
        _numbers({name: value for name, value in entry.items() if name not in ROW_KEYS}),
        entry["data_range"],
        {name: _numbers(found) for name, found in entry.get("channels", {}).items()},
        tuple(entry.get("degradation", ())),
        _numbers(entry.get("agreement", {})),
        entry.get("trained_on", False),
        entry.get("subject", ""),
    )


def _numbers(plain: Mapping[str, Number]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in plain.items()}


def _plain(numbers: Mapping[str, float]) -> dict[str, Number]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """Return names without doubles, the first of each kept."""
    return tuple(dict.fromkeys(names))
