"""`make rivals`: measures public networks on what our models are judged on, and keeps the figures.

They need weights that are no part of this project, and do not change when a model of ours does: `results/rivals/` holds
them, one file for each kind of model and scale, for `make evaluate` to set beside a model's own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from conversion import convert
from figures import brief, on_benchmark, on_items
from keeping import write_json
from plan import Condition, Plan, kind_of, plan_for

import srkit
from srkit import plugins as verbs
from srkit.errors import InputError, SrkitError
from srkit.evaluation import EvaluationTable
from srkit.models.file import ModelInfo, read_info
from srkit.plugins import Plugins, load_plugins

THEIRS = ["bicubic"]
"""Steps of the degradation that all of them were trained to undo."""
HERE = Path(__file__).resolve().parent
NETWORKS = HERE / "public_networks.py"
DATA = Path(os.environ.get("SRKIT_DATA", HERE.parents[2] / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Rival:
    """A public network: its `title` on pages, its weights, and `sets` that it is measured on (items, benchmarks).

    `kinds` are what it is measured for, each with the normaliser that scales items into 0..1 (empty: the model's).
    """

    name: str
    title: str
    file: str
    sha256: str
    scale: int
    kinds: Mapping[str, Mapping[str, Any]]
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RivalFigures:
    """What was measured of a rival: a table for each degradation of the test items, and benchmarks by their names."""

    rival: Rival
    tables: tuple[EvaluationTable, ...]
    benchmarks: Mapping[str, EvaluationTable]


def known_rivals(folder: Path = HERE) -> list[Rival]:
    """Return the rivals that ``rivals.yaml`` in `folder` lists; none where there is no such list."""
    path = folder / "rivals.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return [
        Rival(name, **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for name, entry in content.items()
    ]


def rivals_of(info: ModelInfo, folder: Path = HERE) -> list[Rival]:
    """Return the rivals of a model: of its kind and its scale on every axis."""
    return [
        rival
        for rival in known_rivals(folder)
        if kind_of(info) in rival.kinds and set(info.network_scale) == {rival.scale}
    ]


def kept_file(info: ModelInfo, results: Path) -> Path:
    """Return where the figures of a model's rivals are kept, below the folder of models' figures."""
    return results / "rivals" / f"{kind_of(info)}-x{max(info.network_scale)}.json"


def kept_rivals(info: ModelInfo, results: Path, folder: Path = HERE) -> list[RivalFigures]:
    """Return what is kept of a model's rivals; nothing where nothing is."""
    path = kept_file(info, results)
    if not path.is_file():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))["rivals"]
    return [
        RivalFigures(
            rival,
            tuple(EvaluationTable.from_dict(table) for table in content[rival.name]["items"]),
            {name: EvaluationTable.from_dict(table) for name, table in content[rival.name]["benchmarks"].items()},
        )
        for rival in rivals_of(info, folder)
        if rival.name in content
    ]


def compared_under(plans: Iterable[Plan]) -> list[Condition]:
    """Return the degradations to measure rivals under: what models were trained on, and what rivals were."""
    found = [condition for plan in plans for condition in plan.conditions if condition.own or _is_theirs(condition)]
    return list({json.dumps(list(condition.steps), sort_keys=True): condition for condition in found}.values())


def _is_theirs(condition: Condition) -> bool:
    return [step["name"] for step in condition.steps] == THEIRS


def measure_rivals(infos: Sequence[ModelInfo], arguments: argparse.Namespace, plugins: Plugins) -> Path | None:
    """Measure the rivals of models of one kind and scale, write what came of it, and return where; None without any."""
    like, found = infos[0], {}
    for rival in rivals_of(like, arguments.plan):
        with TemporaryDirectory() as folder:
            model = Path(folder) / f"{rival.name}.safetensors"
            convert(_weights(rival, arguments.weights), model, _described(rival, like), plugins)
            plans = [plan_for(info, arguments.plan) for info in infos]
            found[rival.name] = _figures(rival, model, plans, arguments.data, plugins)
    if not found:
        return None
    content = {"kind": kind_of(like), "scale": max(like.network_scale), "srkit": srkit.__version__, "rivals": found}
    return write_json(kept_file(like, arguments.results), content)


def _described(rival: Rival, like: ModelInfo) -> ModelInfo:
    return ModelInfo(
        rival.name,
        like.domain,
        network="",
        scale=like.scale,
        roles=like.roles,
        channels=like.channels,
        inputs=like.inputs,
        normalizer=rival.kinds[kind_of(like)] or like.normalizer,
    )


def _weights(rival: Rival, folder: Path) -> Path:
    for path in sorted(folder.rglob(f"{rival.file}.param")):
        if hashlib.sha256(path.with_suffix(".bin").read_bytes()).hexdigest() == rival.sha256:
            return path
    raise InputError(f"{folder} holds no {rival.file}.param with the .bin of {rival.title} that rivals.yaml names")


def _figures(rival: Rival, model: Path, plans: Sequence[Plan], data: Path, plugins: Plugins) -> dict[str, Any]:
    info, benchmarks = read_info(model), plans[0].benchmarks
    conditions = compared_under(plans) if "items" in rival.sets else []
    return {
        "items": [
            _of_rival(
                rival,
                on_items(
                    plans[0].of_use("test"),
                    data,
                    models=[str(model)],
                    interpolations=[],
                    scale=info.scale,
                    domain=info.domain,
                    degradation=condition.steps,
                    plugins=plugins,
                ),
            )
            for condition in conditions
        ],
        "benchmarks": {
            name: _of_rival(rival, on_benchmark(name, data / folder, rival.scale, [str(model)], plugins))
            for name, folder in benchmarks.items()
            if "benchmarks" in rival.sets and (data / folder / f"lr_x{rival.scale}").is_dir()
        },
    }


def _of_rival(rival: Rival, table: EvaluationTable) -> dict[str, Any]:
    """Return what a table says of a rival alone: interpolation is measured with our models."""
    rows = tuple(row for row in table.rows if row.model == rival.name)
    return brief(replace(table, models=(rival.name,), rows=rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rivals of the models named, by default of those that plugins ship; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="the folder in or below which ncnn's files are")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="whose rivals; by default all that ship")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of items.csv's paths (SRKIT_DATA)")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--plan", type=Path, default=HERE, help="the folder of items.csv, conditions and rivals.yaml")
    given = parser.parse_args(arguments)
    os.environ["SRKIT_DATA"] = str(given.data)  # where the weights of ST-LPIPS are looked for
    plugins = load_plugins([NETWORKS])
    groups: dict[Path, list[ModelInfo]] = {}
    for path in given.models or [entry.path for entry in verbs.models(plugins)]:
        info = read_info(path)
        groups.setdefault(kept_file(info, given.results), []).append(info)
    try:
        written = [measure_rivals(infos, given, plugins) for infos in groups.values()]
    except (SrkitError, FileNotFoundError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SrkitError) else 4
    sys.stdout.writelines(f"{path}\n" for path in written if path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
