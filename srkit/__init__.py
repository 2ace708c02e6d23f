"""srkit: super-resolution that keeps every coordinate, value and tag true.

Public names are imported on first use, so that ``import srkit`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "srkit.arrays": ("ArraySink", "ArraySource"),
    "srkit.domain": (
        "Degradation",
        "Domain",
        "Finding",
        "Item",
        "LossFactory",
        "Metric",
        "ModelEntry",
        "NetworkFactory",
        "Option",
        "Part",
        "PatchSampler",
        "Skipped",
        "Step",
    ),
    "srkit.errors": (
        "InputError",
        "MissingRequirementError",
        "ModelError",
        "OutputError",
        "RecipeError",
        "SrkitError",
        "SrkitWarning",
        "UsageError",
    ),
    "srkit.files": ("files_below",),
    "srkit.grid": ("Grid", "Role", "Scale", "Slab", "Window", "index_map"),
    "srkit.hookspecs": ("CONTRACT", "hookimpl"),
    "srkit.image": (
        "Block",
        "Channel",
        "Encoding",
        "Normalizer",
        "OutputPlan",
        "Provenance",
        "Sink",
        "Source",
        "working_dtype",
    ),
    "srkit.samples": ("Sample", "packaged_file"),
    "srkit.api": ("evaluate", "inspect", "merge", "train", "upscale", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])

if TYPE_CHECKING:
    from srkit.api import evaluate, inspect, merge, train, upscale, verify
    from srkit.arrays import ArraySink, ArraySource
    from srkit.domain import (
        Degradation,
        Domain,
        Finding,
        Item,
        LossFactory,
        Metric,
        ModelEntry,
        NetworkFactory,
        Option,
        Part,
        PatchSampler,
        Skipped,
        Step,
    )
    from srkit.errors import (
        InputError,
        MissingRequirementError,
        ModelError,
        OutputError,
        RecipeError,
        SrkitError,
        SrkitWarning,
        UsageError,
    )
    from srkit.files import files_below
    from srkit.grid import Grid, Role, Scale, Slab, Window, index_map
    from srkit.hookspecs import CONTRACT, hookimpl
    from srkit.image import (
        Block,
        Channel,
        Encoding,
        Normalizer,
        OutputPlan,
        Provenance,
        Sink,
        Source,
        working_dtype,
    )
    from srkit.samples import Sample, packaged_file


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'srkit' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
