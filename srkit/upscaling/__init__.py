"""From an item to a verified output: choose, plan, enlarge tile by tile, stage, verify, publish."""

from srkit.upscaling.engine import enlarge, enlarge_whole
from srkit.upscaling.enlarger import Enlarger, EnlargerShelf
from srkit.upscaling.inspection import inspect_path
from srkit.upscaling.pipeline import upscale
from srkit.upscaling.report import ItemInspection, ItemResult, UpscaleReport
from srkit.upscaling.route import Wishes
from srkit.upscaling.stream import Piece, Stage

__all__ = [
    "Enlarger",
    "EnlargerShelf",
    "ItemInspection",
    "ItemResult",
    "Piece",
    "Stage",
    "UpscaleReport",
    "Wishes",
    "enlarge",
    "enlarge_whole",
    "inspect_path",
    "upscale",
]
