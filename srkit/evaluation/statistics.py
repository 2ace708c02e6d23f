"""What a model's figures on several items come to: one number a subject, and how far their mean can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
CONFIDENCE = 0.95
NOTHING = {"mean": np.nan, "low": np.nan, "high": np.nan, "sd": np.nan, "median": np.nan, "worst": np.nan}


def summary(values: Sequence[float], subjects: Sequence[str], *, higher_is_better: bool) -> Mapping[str, float]:
    """Return mean, its interval (`low`, `high`), sd, median and worst over subjects, and how many were counted.

    Items of one subject are not independent: their mean is the subject's one number. What is not finite does not count.
    """
    found = by_subject(values, subjects)
    items = int(np.isfinite(np.asarray(values, np.float64)).sum()) if len(values) else 0
    if not found.size:
        return {**NOTHING, "subjects": 0, "items": 0}
    low, high = interval(found)
    return {
        "mean": float(found.mean()),
        "low": low,
        "high": high,
        "sd": float(found.std(ddof=1)) if found.size > 1 else 0.0,
        "median": float(np.median(found)),
        "worst": float(found.min() if higher_is_better else found.max()),
        "subjects": found.size,
        "items": items,
    }


def by_subject(values: Sequence[float], subjects: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the mean of the finite values of each subject that has one, in the order of their first items."""
    kept: dict[str, list[float]] = {}
    for value, subject in zip(values, subjects, strict=True):
        if np.isfinite(value):
            kept.setdefault(subject, []).append(value)
    return np.array([np.mean(numbers) for numbers in kept.values()])


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval of the mean at 95 %, by the percentile bootstrap of Efron 1979.

    NaN for fewer than two values; the same values give the same interval.
    """
    if values.size < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(0).integers(values.size, size=(RESAMPLES, values.size))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
