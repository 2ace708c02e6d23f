"""`make bench`: srkit against what one would use instead, taking turns in one run.

Each rival works in a process of its own, on the same files or tensors. Writes `results.json` beside this file and the
tables in `docs/performance.md`. Nothing else should run meanwhile; on two cores it takes about half an hour, most of
which is the slowest rivals' (`--sizes 256` leaves out large scenes, `--rounds 1` takes less care).
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import accelerator
import ceiling
import enlarging
import plumbing
import steps
import torch
import volumes
from report import page
from rivals import Rival, at_work
from timing import interleaved

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
PARTS = ("scenes", "volumes", "steps", "plumbing", "accelerator")


def measured(parts: list[str], sizes: list[int], rounds: int, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield tables by title."""
    if "scenes" in parts:
        for size in sizes:
            scene = enlarging.write_scene(folder / f"scene-{size}.tif", size)
            yield (
                f"{size} x {size} x 3, x4, from file to file",
                _raced(enlarging.rivals(scene, folder, _has("opensr_utils")), rounds),
            )
    if "volumes" in parts:
        yield "96 x 96 x 96 voxels, x2, 64 features, in memory", _raced(volumes.rivals((96, 96, 96)), rounds)
    if "steps" in parts:
        rivals = {**steps.by_hand(), **(steps.by_opensr() if _has("opensr_srgan") else {})}
        for title, racing in rivals.items():
            yield title, _raced(racing, 3 * rounds)
    if "plumbing" in parts and plumbing.available():
        scene = plumbing.write_masked_scene(folder / "masked.tif", 2048)
        yield "2048 x 2048 x 4, nearest, x4, zstd 1", _raced(plumbing.rivals(scene, folder), rounds)


def _raced(rivals: dict[str, Rival], rounds: int) -> dict[str, dict[str, Any]]:
    with at_work(rivals) as calls:
        return interleaved(calls, rounds)


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 1024], help="of scenes, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), help="what to measure; else all")
    given = parser.parse_args()
    able = sorted(name for name, value in torch.cpu.get_capabilities().items() if value is True)
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {', '.join(able)}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "rounds": given.rounds,
        "convolution, GFLOP/s": ceiling.convolutions(),
        "matrix product, GFLOP/s": ceiling.products(),
        "tables": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for title, table in measured(given.parts, given.sizes, given.rounds, Path(folder)):
            found["tables"][title] = table
            print(title, {name: round(row["median"], 3) for name, row in table.items()}, flush=True)  # noqa: T201
        if "accelerator" in given.parts and torch.cuda.is_available():
            found["accelerator"] = accelerator.measured(Path(folder), 4096)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(page(found, ROOT / "docs" / "performance.md"))  # noqa: T201  a command


if __name__ == "__main__":
    main()
