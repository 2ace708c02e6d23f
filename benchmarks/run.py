"""`make bench`: srkit against what one would write oneself and against MONAI, interleaved in one run.

Writes `benchmarks/results.json` and the table in `docs/performance.md`. Rivals share the process with a tuned
allocator (without it they are slower still), so the ratios are what srkit's routes alone bring.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import interleaved, table
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.allocator import tune_allocator
from srkit.arrays import ArraySource
from srkit.grid import Scale
from srkit.networks.srresnet import SRResNet
from srkit.plugins import load_plugins
from srkit.upscaling import Enlarger, Wishes, enlarge

ROOT = Path(__file__).resolve().parent.parent
NORMALIZER = {"kind": "range", "low": 0, "high": 65535}
MARK = "<!-- made by `make bench` -->"


def trained_like(network: nn.Module) -> nn.Module:
    """Return the network with norms that are not at their start."""
    random = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.05, generator=random)
            module.running_var.uniform_(0.25, 0.75, generator=random)
    return network.eval().requires_grad_(False)


def inference(size: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Return times of a uint16 RGB scene of `size` squared in memory, enlarged four times by the paper's network."""
    network = trained_like(SRResNet())
    scene = np.random.default_rng(0).integers(0, 65536, (3, size, size), dtype=np.uint16)
    lr = torch.from_numpy(scene.astype(np.float32) / 32767.5 - 1)[None]
    plugins = load_plugins()

    def srkit(precision: str) -> Callable[[], None]:
        enlarger = Enlarger("paper", Scale(4, 4), network, ("row", "column"), 3, normalizer=NORMALIZER)

        def call() -> None:
            for _ in enlarge(plugins, ArraySource(scene), enlarger, domain="none", wishes=Wishes(precision=precision)):
                pass

        return call

    def naive() -> Tensor:
        with torch.inference_mode():
            return network(lr)

    rivals = {
        "naive: eager fp32, whole image": naive,
        "MONAI SlidingWindowInferer, roi 128, overlap 0.25, gaussian": sliding_window(network, lr),
        "srkit fp32": srkit("fp32"),
        "srkit bf16": srkit("bf16"),
    }
    return interleaved(rivals, rounds)


def sliding_window(network: nn.Module, lr: Tensor) -> Callable[[], Tensor]:
    """Return a call of MONAI's inferer around the same network."""
    from monai.inferers import SlidingWindowInferer

    inferer = SlidingWindowInferer(roi_size=128, overlap=0.25, mode="gaussian")

    def call() -> Tensor:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return inferer(lr, network)

    return call


def training(rounds: int) -> dict[str, dict[str, Any]]:
    """Return times of a generator-only step: batch 16, 24x24 to 96x96, the paper's network, mean squared error."""
    lr, hr = torch.rand(16, 3, 24, 24), torch.rand(16, 3, 96, 96)

    def step(network: SRResNet, *, fast: bool) -> Callable[[], None]:
        network.train()
        network._rewritten_factors = network._rewritten_factors if fast else None
        layout = torch.channels_last if fast else torch.contiguous_format
        network.to(memory_format=layout)
        optimizer = torch.optim.Adam(network.parameters())
        given, wanted = lr.contiguous(memory_format=layout), hr.contiguous(memory_format=layout)

        def call() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                loss = F.mse_loss(network(given).float(), wanted)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        return call

    rivals = {
        "naive fp32": step(SRResNet(), fast=False),
        "srkit: bf16, channels last, tail rewritten": step(SRResNet(), fast=True),
    }
    for call in rivals.values():
        call()
    return interleaved(rivals, rounds)


def ceiling() -> dict[str, float]:
    """Return the best rate of a 64-channel 3x3 convolution, 2 operations for each multiplication, in GFLOP/s."""
    rates = {}
    for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        x = torch.rand(1, 64, 256, 256, dtype=dtype).contiguous(memory_format=torch.channels_last)
        layer = nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            found = interleaved({name: lambda x=x, layer=layer: layer(x)}, 30)[name]
        rates[name] = round(2 * 64 * 64 * 9 * 256 * 256 / found["minimum"] / 1e9, 1)
    return rates


def main() -> None:
    """Run everything and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    tune_allocator()
    able = sorted(name for name, value in torch.cpu.get_capabilities().items() if value is True)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {', '.join(able)}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "rounds": arguments.rounds,
        "ceiling, GFLOP/s": ceiling(),
        "tables": {"generator-only training step": training(arguments.rounds)},
    }
    for size in arguments.sizes:
        results["tables"][f"{size} x {size} x 3, x4, in memory"] = inference(size, arguments.rounds)
    write(results)


def write(results: dict[str, Any]) -> None:
    """Write JSON, and the tables into the documentation below their mark."""
    (ROOT / "benchmarks" / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    facts = (
        f"{results['date']}; {results['machine']}; torch {results['versions']['torch']}; {results['rounds']} rounds."
    )
    rates = ", ".join(f"{name} {rate}" for name, rate in results["ceiling, GFLOP/s"].items())
    parts = [facts, f"Best 64-channel 3x3 convolution, GFLOP/s: {rates}.", ""]
    text = "\n".join([*parts, *(table(title, found) for title, found in results["tables"].items())])
    page = ROOT / "docs" / "performance.md"
    before = page.read_text(encoding="utf-8").split(MARK)[0]
    page.write_text(f"{before}{MARK}\n\n{text}", encoding="utf-8")
    print(text)  # noqa: T201  a command


if __name__ == "__main__":
    main()
