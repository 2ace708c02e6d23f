"""Tells calibrated maps: their numbers are milliseconds or square millimetres per second, not grey.

A file's name says so, or the BIDS description beside it: by the values of its ImageType, or by a unit.
"""

from __future__ import annotations

import re
from pathlib import Path

from srkit_medical.nifti.description import read_description
from srkit_medical.nifti.names import stem_of
from srkit_medical.selection import quantity_in

WORDS = ("ADC", "FA", "CBF", "CBV", "MTT", "TTP", "Tmax", "MTsat")
"""Last parts of file names, beside those that end in ``map``, as BIDS and perfusion software give them."""

BIDS_MAP = re.compile(r"(T1|T2|T2star|R1|R2|R2star|PD|MTR|MTV|MWF|M0|S0|TB1|RB1|Chi|field)map", re.IGNORECASE)
NO_UNITS = ("", "a.u.", "au", "arbitrary", "arbitrary units", "none", "n/a", "1")


def quantity_of(path: Path) -> str:
    """Return what a file maps (``T1``, ``ADC``, ``calibrated values``), empty for an image of grey values."""
    last = stem_of(path).rpartition("_")[2]
    found = BIDS_MAP.fullmatch(last)
    if found:
        return found.group(1)
    return last if last in WORDS else _described(path)


def _described(path: Path) -> str:
    description = read_description(path)
    kinds, unit = description.get("ImageType"), description.get("Units")
    if isinstance(kinds, list) and (quantity := quantity_in(str(kind) for kind in kinds)):
        return quantity
    calibrated = isinstance(unit, str) and unit.strip().lower() not in NO_UNITS
    return "calibrated values" if calibrated else ""
