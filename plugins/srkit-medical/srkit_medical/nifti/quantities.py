"""Tells calibrated maps by their names: their numbers are milliseconds or square millimetres per second, not grey."""

from __future__ import annotations

import re
from pathlib import Path

from srkit_medical.nifti.names import stem_of

WORDS = ("ADC", "FA", "CBF", "CBV", "MTT", "TTP", "Tmax", "MTsat")
"""Last parts of file names, beside those that end in ``map``, as BIDS and perfusion software give them."""

BIDS_MAP = re.compile(r"(T1|T2|T2star|R1|R2|R2star|PD|MTR|MTV|MWF|M0|S0|TB1|RB1|Chi|field)map", re.IGNORECASE)


def quantity_of(path: Path) -> str:
    """Return what a file maps (``T1``, ``ADC``), empty for an image of grey values."""
    last = stem_of(path).rpartition("_")[2]
    found = BIDS_MAP.fullmatch(last)
    if found:
        return found.group(1)
    return last if last in WORDS else ""
