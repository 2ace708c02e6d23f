"""What the families of networks make of the same time: each is trained by one recipe for as many steps as fit in it.

    python benchmarks/families.py --data ../shared/data --minutes 5

Photographs at ×4, default parameters; nothing else should run on its cores (`taskset -c 0` gives it one). Judged on
Set5 and Set14, which nothing was tuned on. Writes `benchmarks/families.json` after each family, from which `make docs`
makes the page of networks.
"""

from __future__ import annotations

import argparse
import datetime
import inspect
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import srkit
from srkit import plugins as verbs
from srkit.evaluation import EvaluationTable
from srkit.evaluation.benchmark import benchmark
from srkit.plugins import load_plugins

RESULTS = Path(__file__).with_name("families.json")
DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
OTHERS = ("srresnet-25d", "spandrel")
"""Of volumes alone, and of other people's files."""
PROBE = 20
"""Steps that tell how fast a family trains."""


def parameters(name: str) -> dict[str, Any]:
    """Return a family's own defaults, which a recipe must name: the domain has others for some."""
    build = verbs.networks(load_plugins(environment={"SRKIT_PLUGINS": ""}))[name].build
    own = {key: p.default for key, p in inspect.signature(build).parameters.items() if key not in ("ndim", "scale")}
    return {**own, "channels": 3}


def recipe(name: str, steps: int, path: Path) -> Path:
    """Write the recipe of one family to `path`, the same for all but for its network and its number of steps."""
    content = json.dumps(  # which is YAML
        {
            "name": f"family-{name}",
            "domain": "photo",
            "scale": 4,
            "network": {"name": name, "parameters": parameters(name)},
            "normalizer": {"kind": "depth"},
            "degradation": [{"name": "bicubic"}],
            "losses": {"content": {"kind": "l1"}},
            "data": {"patch": 96, "batch": 8, "split": {"train": 1.0, "val": 0.0, "test": 0.0}},
            "phases": [
                {
                    "name": "content",
                    "steps": steps,
                    "learning_rate": [[0, 3e-4], [steps * 6 // 10, 1e-4], [steps * 85 // 100, 3e-5]],
                    "losses": {"content": 1.0},
                }
            ],
            "ema": 0.99,
            "log_every": PROBE // 4,
            "samples_every": 0,
            "validate_every": 0,
        }
    )
    path.write_text(content, encoding="utf-8")
    return path


def steps_in(name: str, seconds: float, photographs: Path, folder: Path) -> int:
    """Return how many steps of a family fit into `seconds`, by a short run in `folder`."""
    srkit.train(recipe(name, PROBE, folder / "recipe.yaml"), out=folder / "run", data=[photographs])
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return max(PROBE, int(seconds * [row["steps_per_second"] for row in log if "steps_per_second" in row][-1]))


def judged(name: str, seconds: float, data: Path) -> dict[str, Any]:
    """Train one family, and return its steps and its PSNR in dB on the luma of each benchmark."""
    photographs = data / "photo" / "train"
    with tempfile.TemporaryDirectory() as folder:
        steps = steps_in(name, seconds, photographs, Path(folder))
        path = recipe(name, steps, Path(folder) / "recipe.yaml")
        run = srkit.train(path, out=Path(folder) / "whole", data=[photographs])
        sets = {title: data / "photo" / f"test_{title}" for title in ("set5", "set14")}
        tables = {title: benchmark(title, path, models=[str(run.model)]) for title, path in sets.items()}
        return {"steps": steps, **{title: _psnr(table, run.model.stem) for title, table in tables.items()}}


def _psnr(table: EvaluationTable, model: str) -> float:
    return round(table.means[model]["psnr"], 2)


def _cores() -> str:
    count = torch.get_num_threads()
    return "one core" if count == 1 else f"{count} cores"


def main() -> None:
    """Train and judge the families named, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="families; by default all for images")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds photo/ (SRKIT_DATA)")
    given = parser.parse_args()
    known = verbs.networks(load_plugins(environment={"SRKIT_PLUGINS": ""}))
    names = [name for name, factory in known.items() if factory.kind == "generator" and name not in OTHERS]
    before: Mapping[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    found = {**before.get("families", {})}
    for name in given.names or names:
        sys.stderr.write(f"{name}\n")
        found[name] = judged(name, 60 * given.minutes, given.data)
        content = {
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "processor": f"{_cores()}, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
            "minutes": given.minutes,
            "families": found,
        }
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
