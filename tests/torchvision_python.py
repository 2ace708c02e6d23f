"""Imports torchvision where only its Python part works, which is all that judges of networks need.

torchvision's wheel belongs to one build of torch. Beside another one (its build for CUDA beside a torch for CPUs) the
compiled part is not loaded, so that its operators do not exist, and `import torchvision` fails where it describes them:
"operator torchvision::nms does not exist". Here those operators are declared, without anything behind them.
"""

from importlib import import_module
from types import ModuleType

import torch

SIGNATURES = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType:
    """Return torchvision. Raises ModuleNotFoundError where it is not installed."""
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for signature in SIGNATURES:
        library.define(signature)
    torchvision = import_module("torchvision")
    vars(torchvision)["_declared"] = library  # the operators would go with it
    return torchvision
