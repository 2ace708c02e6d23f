"""The folder of a run: what lies where, and what is written into it before the first step.

recipe.yaml  environment.json  split.json  log.jsonl  tensorboard/  samples/  checkpoints/
model.safetensors (the last)  best.safetensors (the best PSNR)
degradations.jsonl (what was drawn to make LR, where a recipe has ranges)
fingerprints.json (of the pixels of training items, by which an evaluation knows them)
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from srkit import __version__
from srkit.config import Recipe, load_recipe
from srkit.data.split import Split, split_from_json, split_to_json
from srkit.errors import OutputError, RecipeError, UsageError
from srkit.plugins import Plugins

# What may differ between a run and its continuation: none of it changes a weight.
FREE = ("validate_every", "samples_every", "checkpoint_every", "log_every", "device", "sharding", "name", "from_model")
FREE_DATA = ("workers", "cache_mb", "path", "split_file")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.root / "recipe.yaml"

    @property
    def split(self) -> Path:
        """Which items train, validate and test."""
        return self.root / "split.json"

    @property
    def facts(self) -> Path:
        """Channels and the completed normaliser."""
        return self.root / "facts.json"

    @property
    def pairs(self) -> Path:
        """Which LR was measured for which HR, and how both fit."""
        return self.root / "pairs.json"

    @property
    def log(self) -> Path:
        """One JSON object a line."""
        return self.root / "log.jsonl"

    @property
    def draws(self) -> Path:
        """What was drawn to make LR, where its recipe has ranges; one JSON object a line."""
        return self.root / "degradations.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The last model."""
        return self.root / "model.safetensors"

    @property
    def best(self) -> Path:
        """The model with the best PSNR on the validation split."""
        return self.root / "best.safetensors"

    @property
    def is_begun(self) -> bool:
        """Whether a run lives here: one that got as far as its first step, or just before it."""
        return self.recipe.exists() and self.log.exists()

    def begin(self, recipe: Recipe, plugins: Plugins, processes: int = 1) -> None:
        """Make the folder for a new run. Raises UsageError if one lives here, OutputError if it cannot be made."""
        if self.is_begun:
            raise UsageError(f"{self.root} holds a run already; continue it with --resume, or choose another --out")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for left_behind in (self.split, self.facts, self.pairs):  # by an attempt that failed before its first step
                left_behind.unlink(missing_ok=True)
            self.write("environment.json", {**environment(plugins), "processes": processes})
            self.recipe.write_text(recipe.to_yaml(), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"run folder {self.root} cannot be written: {error.strerror}; choose another") from error

    def write(self, name: str, content: Any) -> None:
        """Write JSON."""
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (self.root / name).write_text(text + "\n", encoding="utf-8")

    def write_split(self, split: Split) -> None:
        """Write the split."""
        self.split.write_text(split_to_json(split) + "\n", encoding="utf-8")

    def read_split(self) -> Split:
        """Return the split of the run. Raises RecipeError if it is damaged."""
        return split_from_json(self.split.read_text(encoding="utf-8"), self.split)

    def read_beginning(self) -> dict[str, Any]:
        """Return what is known of the model whose weights the run began with, as ``{"from": …}``; {} without one."""
        path = self.root / "beginning.json"
        return {"from": json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}

    @property
    def processes(self) -> int:
        """How many processes the run was begun with."""
        path = self.root / "environment.json"
        return int(json.loads(path.read_text(encoding="utf-8")).get("processes", 1)) if path.exists() else 1

    def read_facts(self) -> dict[str, Any]:
        """Return what was learnt from the data before the first step. Raises RecipeError if it is damaged."""
        try:
            content = json.loads(self.facts.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RecipeError(f"{self.facts} is damaged; start the run anew in another folder") from error
        return dict(content)


def continued_recipe(folder: RunFolder, given: Recipe | None, processes: int = 1) -> Recipe:
    """Return the recipe with which a run goes on: the given one, if it agrees with that of the run.

    Steps of phases may grow, and what changes no weight may differ. The images of a step stay what they are, shared
    among `processes` anew. Raises RecipeError otherwise.
    """
    own = load_recipe(folder.recipe)
    if given is None:
        return _shared_anew(own, folder.processes, processes)
    difference = _first_difference(_compared(own), _compared(given))
    if difference:
        raise RecipeError(
            f"the recipe differs from that of the run in {folder.root} at {difference}; "
            "resume without a recipe, or start a new run"
        )
    return _shared_anew(given, folder.processes, processes)


def _shared_anew(recipe: Recipe, before: int, now: int) -> Recipe:
    """Return `recipe` with a batch that gives `now` processes as many images a step as `before` had."""
    images = recipe.data.batch * before
    if images % now:
        raise RecipeError(
            f"the run takes {images} images a step, which {now} processes cannot share equally; go on with a number of "
            f"processes that divides {images}"
        )
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"batch": images // now})})


def _compared(recipe: Recipe) -> dict[str, Any]:
    content = recipe.model_dump(mode="json", exclude=set(FREE))
    content["data"] = {key: value for key, value in content["data"].items() if key not in FREE_DATA}
    content["phases"] = {phase.pop("name"): {**phase, "steps": None} for phase in content["phases"]}
    return content


def _first_difference(a: Any, b: Any, place: str = "") -> str:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            found = _first_difference(a.get(key), b.get(key), f"{place}.{key}" if place else key)
            if found:
                return found
        return ""
    return "" if a == b else place


def environment(plugins: Plugins) -> dict[str, Any]:
    """Return what a run depends on beside its recipe: versions, the commit of a checkout, the processor; no names."""
    packages = ("torch", "numpy", "safetensors", "pydantic")
    return {
        "srkit": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: metadata.version(name) for name in packages},
        "git": git_state(Path(__file__).parent),
        "plugins": {plugin.name: plugin.version for plugin in plugins.loaded},
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit that is checked out around `folder`, and whether files differ from it; None where neither is.

    What is installed into a folder that somebody else's repository happens to hold is not that repository's.
    """
    try:
        said = [
            subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["ls-files", "--", "."], ["rev-parse", "HEAD"], ["status", "--porcelain"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    own, commit, changes = said
    return {"commit": commit, "changed": bool(changes)} if own else None
