"""`make evaluate`: measures models, and renews their pages, their cards, and the figures behind both.

For each model: `results/NAME.json` beside this file; from that, the figures in `docs/models/NAME.md` between their
marks, that page as the card inside the model's file, and its line in the README. What a page says around its figures is
written by hand. `make pages` does the same from figures that are kept, without measuring. Figures of public rivals come
from `make rivals`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import overview
import torch
from figures import Figures, measure
from keeping import write_json
from pages import figures_page, with_figures
from plan import plan_for
from rivals import kept_rivals

import srkit
from srkit import plugins as verbs
from srkit.errors import SrkitError
from srkit.models.file import load_model, read_info
from srkit.models.packing import pack_model
from srkit.plugins import Plugins, load_plugins

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SRKIT_DATA", HERE.parents[2] / "shared" / "data"))


def renew(path: Path, arguments: argparse.Namespace, plugins: Plugins) -> Path:
    """Measure the model at `path` unless its figures are kept, write its page and card, and return the page.

    Raises FileNotFoundError where figures are to be kept and there are none, and what measuring raises.
    """
    info = read_info(path)
    plan = plan_for(info, arguments.plan)
    results = arguments.results / f"{info.name}.json"
    if not arguments.kept:
        figures = measure(path, info, plan, arguments.data, plugins)
        write_json(results, {"model": info.name, "srkit": srkit.__version__, **figures.as_dict()})
    if not results.is_file():
        raise FileNotFoundError(f"{results} is not there; measure {info.name} first, without --kept")
    figures = Figures.from_dict(json.loads(results.read_text(encoding="utf-8")))
    rivals = kept_rivals(info, arguments.results, arguments.plan)
    page = arguments.pages / f"{info.name}.md"
    before = page.read_text(encoding="utf-8") if page.is_file() else info.card
    card = with_figures(before, figures_page(info.name, figures, plan, rivals))
    _write(page, card)
    if card != info.card or not arguments.kept:
        pack_model(load_model(path, plugins), path, card=card, overwrite=True)
    return page


def renew_overview(readme: Path, results: Path, shipped: Sequence[Path]) -> str:
    """Return a README with the table of the models for fidelity that ship and have figures."""
    names = [path.stem for path in shipped if not read_info(path).perceptual]
    found = [results / f"{name}.json" for name in names if (results / f"{name}.json").is_file()]
    page = readme.read_text(encoding="utf-8")
    return with_figures(page, overview.overview(found), overview.BEGIN, overview.END) if found else page


def _due(shipped: Sequence[Path], arguments: argparse.Namespace) -> list[Path]:
    """Return the shipped models to renew: all, but with --kept those that have figures; the others are named."""
    without = [path for path in shipped if not (arguments.results / f"{path.stem}.json").is_file()]
    if not arguments.kept:
        return list(shipped)
    sys.stderr.writelines(f"{path.stem} has no kept figures: its page stays as it is\n" for path in without)
    return [path for path in shipped if path not in without]


def _renewed(models: Sequence[Path], arguments: argparse.Namespace, plugins: Plugins) -> Iterator[Path]:
    """Yield the pages of models as they are done, in their order; several at a time share the cores."""
    if arguments.jobs == 1:
        yield from (renew(path, arguments, plugins) for path in models)
        return
    threads = max(1, torch.get_num_threads() // arguments.jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, context, torch.set_num_threads, (threads,)) as pool:
        yield from pool.map(_renew_alone, models, repeat(arguments))


def _renew_alone(path: Path, arguments: argparse.Namespace) -> Path:
    return renew(path, arguments, load_plugins())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew the models named, by default those that plugins ship; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="model files; by default all that ship")
    parser.add_argument("--kept", action="store_true", help="renew pages and cards from the figures that are there")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of items.csv's paths (SRKIT_DATA)")
    parser.add_argument("--pages", type=Path, default=HERE.parents[1] / "docs" / "models")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument(
        "--readme", type=Path, default=HERE.parents[1] / "README.md", help="where the table of models is"
    )
    parser.add_argument("--plan", type=Path, default=HERE, help="the folder of items.csv and conditions.yaml")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="models measured at a time, by default one")
    given = parser.parse_args(arguments)
    os.environ["SRKIT_DATA"] = str(given.data)  # where the weights of ST-LPIPS are looked for
    plugins = load_plugins()
    shipped = [entry.path for entry in verbs.models(plugins)]
    if not given.models and not shipped:
        sys.stderr.write("no plugin with a model is installed: there is nothing to evaluate; name a model file\n")
    try:
        for page in _renewed(given.models or _due(shipped, given), given, plugins):
            sys.stdout.write(f"{page}\n")
        _write(given.readme, renew_overview(given.readme, given.results, shipped))
    except (SrkitError, FileNotFoundError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SrkitError) else 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
