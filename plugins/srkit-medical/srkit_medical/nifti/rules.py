"""The rules that the verification of a volume checks, by their numbers in the list of expectations."""

from __future__ import annotations

from collections.abc import Mapping

FILE: Mapping[str, str] = {
    "G9": "as many voxels as the scale says, and every volume",
    "N7": "slope and intercept as the voxels were stored with",
    "N8": "same type of voxels",
    "N15": "tables of diffusion beside it as before",
    "N18": "no name and no date in what is packed",
    "N19": "can be read back",
    "N20": "the description beside it says where it comes from, and nothing stale",
}

NIFTI: Mapping[str, str] = {
    **FILE,
    "N1": "both forms cover the same box, with the codes as before",
    "N4": "voxel sizes are the source's divided by the scale",
    "N6": "units, time step, slice timing and meaning of the axes as before, where still true",
    "N13": "intent, display range and extensions as before, and a description of where it comes from",
    "N14": "same kind of NIfTI, packed as its name says",
}
"""Rules of NIfTI; a failure of one bears its number."""

MGH: Mapping[str, str] = {
    **FILE,
    "N14": "packed as its name says",
    "N17": "covers the same box, and times and angles of the scan are as before",
}
"""Rules of MGH."""

AGREEMENT_RULES: Mapping[str, str] = {"radiometric": "S1", "classes": "N10", "validity": "N11"}
"""Numbers of what the core measures itself."""

CONVERTED: Mapping[str, str] = {rule: code for rule, code in AGREEMENT_RULES.items() if rule != "validity"}
"""The same of what was DICOM, whose padding NIfTI keeps as values: whole numbers leave it no word for "no data"."""
