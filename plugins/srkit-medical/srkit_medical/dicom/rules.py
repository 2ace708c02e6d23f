"""The rules that the verification of a series checks: the faults that validators miss by number, then rows by name."""

from __future__ import annotations

from collections.abc import Mapping

COMMON: Mapping[str, str] = {
    "1": "each slice lies where finer sampling puts it",
    "2": "distances of pixels are the source's divided by the scale",
    "3": "thickness and distance of slices as they are now, at any depth",
    "4": "marked as derived",
    "5": "same frame of reference, orientation and position of the patient",
    "6": "same patient and study",
    "7": "a series of its own",
    "8": "instances of their own, each once",
    "9": "a loss in the source is not forgotten",
    "10": "samples within the bits that are said to be stored",
    "11": "no stale extremes, and windows as before",
    "12": "names the images that it was made from, with the purpose",
    "D13": "samples mean what they meant: slope and intercept",
    "P3": "nothing private beyond what was asked for",
    "P7": "nothing of the source in the file's header",
    "W1": "stored as was asked for",
    "W2": "says that software made it, and that it is for research",
    "W3": "all files are there and can be read",
    "W5": "as many samples as rows, columns and frames say, and nothing stale",
}

SERIES: Mapping[str, str] = {
    **COMMON,
    "D14": "no table is left that values went through already",
    "W4": "what belongs to the series is the same in all files, what belongs to a slice is its nearest source's",
}
"""Rules of a series of single frames; a failure of one bears its number."""

ENHANCED: Mapping[str, str] = {**COMMON, "13": "nothing at the top of the file contradicts the frames"}
"""Rules of an Enhanced object."""

AGREEMENT_RULES: Mapping[str, str] = {"radiometric": "S1"}
PADDED: Mapping[str, str] = {**AGREEMENT_RULES, "validity": "D15"}
"""Numbers of what the core measures itself; CT knows fillings that nothing says, by their looks alone."""
