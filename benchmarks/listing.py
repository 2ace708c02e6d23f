"""Says how long it takes, and how much memory, until very many small pictures are ready to be trained on.

    python benchmarks/listing.py --items 100000

The pictures are PNG of 32 x 32 pixels, a thousand a folder, and are removed at the end. Measured is the command
`srkit train --dry-run`: it lists, opens and splits all of them, and takes three steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = 1000
SMALL = ("network.parameters.features=8", "network.parameters.blocks=1", "data.patch=32", "data.batch=4")


def make_pictures(root: Path, items: int) -> None:
    """Write pictures of noise, each of its own."""
    rng = np.random.default_rng(0)
    for number in range(items):
        folder = root / f"{number // FOLDER:04d}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")


def measure(items: int, folder: Path) -> dict[str, Any]:
    """Return time and peak memory of one dry run."""
    make_pictures(folder, items)
    words = ["train", "--recipe", "photo-fast", "--data", folder, "--dry-run", "--json"]
    changes = [word for change in SMALL for word in ("--set", change)]
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "srkit", *words, *changes], check=True, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "items": sum(json.loads(done.stdout)["items"].values()),
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


def main() -> None:
    """Read the arguments, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="where there is room for the pictures")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        sys.stdout.write(json.dumps(measure(arguments.items, folder)) + "\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
