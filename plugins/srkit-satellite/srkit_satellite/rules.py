"""The rules that the verification of an output checks, by their numbers in the list of expectations."""

from __future__ import annotations

from collections.abc import Mapping

RULES: Mapping[str, str] = {
    "G1": "the transform is the source's with smaller pixels",
    "G2": "the outer corners are where they were",
    "G4": "area or point as before",
    "G6": "control points moved with the pixels",
    "G7": "RPC model moved with the pixels",
    "G8": "same CRS",
    "G9": "size is exactly the source's times the scale",
    "V1": "same type of samples",
    "V3": "nodata values as before",
    "V6": "invalid pixels are marked by the same means",
    "V7": "valid exactly where the source is, per band",
    "V9b": "what was invalid holds what it held",
    "V11": "alpha is repeated",
    "V17": "saturated samples are repeated, and no others are stored as such",
    "V20": "classes are repeated",
    "D1": "descriptions of bands as before",
    "D2": "colour interpretation as before",
    "D3": "scale, offset and unit of bands as before",
    "D4": "tags as before, and how the output came about",
    "D5": "no statistics of the old pixels",
    "D6": "tags of other domains and of bands as before",
    "D8": "colour tables as before",
    "L1": "blocks of a size that fits",
    "L2": "no lossy compression",
    "L7": "overviews as they should be",
    "L8": "laid out as asked for",
}
"""Rules that are checked for every output; a failure of one bears its number."""

AGREEMENT_RULES: Mapping[str, str] = {"radiometric": "V18", "spectral": "V19"}
"""Numbers of what the core measures itself."""
