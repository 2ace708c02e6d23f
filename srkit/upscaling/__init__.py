"""From an item to a verified output: choose, plan, enlarge tile by tile, stage, verify, publish."""

from srkit.upscaling.batch.inspection import inspect_path
from srkit.upscaling.batch.pipeline import upscale
from srkit.upscaling.batch.report import ItemInspection, ItemResult, UpscaleReport
from srkit.upscaling.batch.request import Asked
from srkit.upscaling.enlarging.engine import enlarge, enlarge_whole
from srkit.upscaling.enlarging.stream import Piece, Stage
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.shelf import EnlargerShelf
from srkit.upscaling.routing.route import Wishes

__all__ = [
    "Asked",
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
