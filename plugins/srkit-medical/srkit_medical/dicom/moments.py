"""When a slice was acquired, where its file tells it of several together."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydicom import Dataset

_FRACTION = 6  # digits of a second


def moment_of_acquisition(dataset: Dataset) -> datetime | None:
    """Return AcquisitionDate and AcquisitionTime, on the first day of all without a date; None without a time."""
    date = str(dataset.get("AcquisitionDate") or "00010101")
    whole, _, fraction = str(dataset.get("AcquisitionTime") or "").strip().partition(".")
    try:
        moment = datetime.strptime(f"{date} {whole:0<6}", "%Y%m%d %H%M%S")
        return moment + timedelta(microseconds=int(f"{fraction:0<{_FRACTION}}"[:_FRACTION])) if whole else None
    except ValueError:
        return None


def delay_acquisition(dataset: Dataset, delay_s: float) -> None:
    """Move AcquisitionTime, and AcquisitionDate past midnight; a time that is missing or no time stays as it is.

    AcquisitionDateTime, which says the same in another way, goes where it would contradict.
    """
    moment = moment_of_acquisition(dataset)
    if moment is None or not delay_s:
        return
    moment += timedelta(seconds=delay_s)
    dataset.AcquisitionTime = moment.strftime("%H%M%S.%f")
    if dataset.get("AcquisitionDate"):
        dataset.AcquisitionDate = moment.strftime("%Y%m%d")
    if "AcquisitionDateTime" in dataset:
        del dataset.AcquisitionDateTime
