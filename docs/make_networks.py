"""Writes docs/reference/networks.md from the networks: `python docs/make_networks.py`; `--check` only compares."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from srkit import plugins as verbs
from srkit.plugins import load_plugins

PAGE = Path(__file__).parent / "reference" / "networks.md"
MEASURED = Path(__file__).parents[1] / "benchmarks" / "networks.json"
QUALITY = MEASURED.with_name("families.json")
SIDE = 48
SLICES = {"srresnet-25d": 5}
"""Of families that want slices, figures are per pixel of a slice."""
WHERE = {
    "srresnet": "Ledig et al. 2017 (SRGAN); the default",
    "srresnet-lite": "after LSRGAN: depthwise separable, dynamic kernels (`experts`)",
    "srresnet-gc": "SRResNet with global context (Cao et al. 2019)",
    "srresnet-25d": "SRResNet of a slice with its neighbours as channels (2.5-D)",
    "rrdb": "ESRGAN and Real-ESRGAN (Wang et al. 2018, 2021), with the names of their public weights",
    "compact": "Real-ESRGAN's SRVGGNetCompact",
    "span": "SPAN (Wan et al. 2024)",
    "attention": "attention in shifted windows, after TM-SRGAN and Swin (Liu et al. 2021)",
    "srcnn": "Dong et al. 2014; works at HR size",
}
HEAD = """# Networks

Made from the networks by `python docs/make_networks.py`; change them, not this page. Generators that a recipe's
`network.name` knows, each for images and volumes (`srresnet-25d` for volumes alone), any channels, and a scale per
axis. Figures: the default parameters for RGB at ×4 in 2-D. MAC: multiplications with addition of convolutions, matrix
products and attention, per LR pixel. *Halo*: the LR pixels around a tile that its SR depends on, exactly; "whole
image": such a network has no exact tiles, its tiles are blended.

Fewer operations are not always less time. *Time* is that of one thread in microseconds per LR pixel, and *in 3-D* per
LR voxel of a volume of one channel at ×2 along every axis ({processor}, float32, channels last, torch {torch},
{date}, `benchmarks/networks.py`). srkit's own routes, which rewrite networks to their equals for speed
([performance](../performance.md)), are not in it.

Against `srresnet`, `srresnet-lite` has {parameters} fewer parameters, {operations} fewer operations, and takes {time}
time; LSRGAN's paper claims 74.68 % and 55.93 % for the first two. With `experts: 1` it is no longer dynamic and has
exact tiles.

*Set5*: PSNR of the luma in dB after {minutes:g} minutes of training ({cores}, bfloat16, {trained},
`benchmarks/families.py`): ×4, 18 photographs, L1, 8 patches of 96², one schedule for all, in as many steps as fit,
which stand behind; bicubic interpolation has 28.43. So it says what a family makes of a little time on a CPU, and
nothing of what it ends at after days on a GPU: that is in the papers.

Public weights of ESRGAN and Real-ESRGAN (`rrdb`, ×4) become a model by
`srkit models import FILE.pth MODEL.safetensors`. So do those of networks that the package
[spandrel](https://github.com/chaiNNer-org/spandrel) knows (SwinIR, HAT, DAT, SPAN and others): the network `spandrel`,
built from such a file and from nothing else; [how](../how-to/use-public-weights.md).
"""
FROM_FILES = {"spandrel"}
"""Networks whose form follows from a file: they cost what it says."""


@dataclass(frozen=True)
class Cost:
    """Parameters, operations per LR pixel, and the halo in words."""

    parameters: int
    operations: float
    reach: str


def cost(name: str, build: Any) -> Cost:
    """Return what one family costs."""
    slices = (SLICES[name],) if name in SLICES else ()
    with torch.device("meta"):
        network: nn.Module = build(ndim=2 + len(slices), channels=3, scale=(*(1 for _ in slices), 4, 4)).eval()
        lr = torch.empty(1, 3, *slices, SIDE, SIDE)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(lr)
    parameters = sum(p.numel() for p in network.parameters())
    halo = getattr(network, "halo", None)
    reach = "whole image" if halo is None else str(max(halo))
    return Cost(parameters, counter.get_total_flops() / 2 / lr[0, 0].numel(), reach)


def row(name: str, found: Cost, measured: Mapping[str, Any], quality: Mapping[str, Any]) -> str:
    """Return the line of the table about one family."""
    times = [_rounded(measured[kind].get(name)) for kind in ("image_us", "volume_us")]
    trained = quality["families"].get(name)
    after = "–" if trained is None else f"{trained['set5']:.2f} ({trained['steps']:,} steps)"
    figures = [f"{found.parameters:,}", f"{found.operations / 1000:,.0f} k", *times, found.reach, after]
    return f"| `{name}` | {' | '.join(figures)} | {WHERE[name]} |"


def _rounded(number: float | None) -> str:
    return "–" if number is None else f"{float(f'{number:.3g}'):g}"


def head(costs: Mapping[str, Cost], measured: Mapping[str, Any], quality: Mapping[str, Any]) -> str:
    """Return the text above the table."""
    lite, full = costs["srresnet-lite"], costs["srresnet"]
    share = measured["image_us"]["srresnet-lite"] / measured["image_us"]["srresnet"]
    return HEAD.format(
        **{key: measured[key] for key in ("processor", "torch", "date")},
        minutes=quality["minutes"],
        cores=quality["processor"],
        trained=quality["date"],
        parameters=f"{100 * (1 - lite.parameters / full.parameters):.1f} %",
        operations=f"{100 * (1 - lite.operations / full.operations):.1f} %",
        time=f"{100 * abs(1 - share):.0f} % {'less' if share < 1 else 'more'}",
    )


def parameters_of(name: str, build: Any) -> str:
    """Return which keys `network.parameters` may have."""
    known = [p for p in inspect.signature(build).parameters.values() if p.name not in ("ndim", "scale")]
    return f"- `{name}`: " + ", ".join(f"`{p.name}: {p.default}`" for p in known)


def page() -> str:
    """Return the whole page."""
    families = {
        name: factory.build
        for name, factory in verbs.networks(load_plugins(environment={"SRKIT_PLUGINS": ""})).items()
        if factory.kind == "generator" and name not in FROM_FILES
    }
    costs = {name: cost(name, build) for name, build in families.items()}
    measured, quality = (json.loads(path.read_text(encoding="utf-8")) for path in (MEASURED, QUALITY))
    lines = [
        head(costs, measured, quality),
        "| name | parameters | MAC | time | in 3-D | halo | Set5 | after |",
        "|---|---|---|---|---|---|---|---|",
        *(row(name, found, measured, quality) for name, found in costs.items()),
        "",
        "Keys of `network.parameters`, with their defaults (`channels` follows from the data if absent):",
        "",
        *(parameters_of(name, build) for name, build in families.items()),
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
