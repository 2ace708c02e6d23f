"""The demonstration itself: samples, training, upscaling, evaluation; all of it through `srkit.api`."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from srkit import api
from srkit.demo.collection import collect_samples, open_at, write_degraded
from srkit.errors import ModelError, SrkitError, UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins, load_plugins
from srkit.samples import Sample, SampleMaker
from srkit.upscaling.planning.shelf import EnlargerShelf

if TYPE_CHECKING:
    from srkit.evaluation import EvaluationTable
    from srkit.training import TrainResult
    from srkit.upscaling import ItemInspection, ItemResult

FACTOR = 2
SCALE = Scale(FACTOR, FACTOR)
OWN = ("data", "run", "outputs", "index.html")
"""What the demonstration writes, and may therefore replace."""

RECIPE = (
    "network.parameters.features=24",
    "network.parameters.blocks=4",
    "network.parameters.head_kernel=5",
    "data.batch=8",
    "data.patch=64",
    "data.workers=0",
    "validate_every=100",
    "samples_every=0",
    "checkpoint_every=0",
)
TRIAL, FEWEST, MOST = 30, 200, 1500
SECONDS = 60.0  # of training, on whatever machine this is
BASELINES = ("bspline", "bicubic")
ENLARGED = ("reference", "upscale", "interpolate")
"""Jobs of samples that are enlarged."""


Bar = Callable[[str], AbstractContextManager[api.Progress]]


def _no_bar(label: str) -> AbstractContextManager[api.Progress]:
    return nullcontext(lambda done, total, note: None)


@dataclass(frozen=True, slots=True)
class Shown:
    """One sample that was upscaled: `source` is the file that was.

    `beside` holds other outputs of it to compare with, by what made them.
    """

    sample: Sample
    source: Path
    result: ItemResult
    beside: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it.

    `at_hand` names the models that were there before, by domain; `inspected` holds samples that were inspected, and
    what upscaling said about them.
    """

    folder: Path
    training: TrainResult | None = None
    shown: tuple[Shown, ...] = ()
    tables: tuple[tuple[Sample, EvaluationTable], ...] = ()
    inspected: tuple[tuple[Sample, ItemInspection, str], ...] = ()
    at_hand: Mapping[str, str] = field(default_factory=dict)
    plugins: Plugins = field(default_factory=load_plugins)


def demonstrate(
    folder: Path,
    *,
    steps: int | None = None,
    overwrite: bool = False,
    plugins: Plugins | None = None,
    bar: Bar = _no_bar,
    makers: Sequence[SampleMaker] | None = None,
) -> DemoResult:
    """Train, upscale, verify and compare on all samples; everything lies below `folder` afterwards.

    What is enlarged gets the model at hand that `upscale` chooses by itself, where there is one; else that trained
    here, or bicubic interpolation. The sample held out of training gets all of them.
    `steps` is how long to train; None: about a minute by this machine's pace.
    `bar` gives a progress callable for a job of the given label; `makers` replaces those that plugins offer.
    Raises SrkitError where a job fails.
    """
    folder = folder.absolute()  # as outputs are, whose places are told from here
    _clear(folder, overwrite=overwrite)
    run = _Run(folder, plugins or load_plugins(), bar)
    samples = collect_samples(folder / "data", makers)
    result = DemoResult(folder, plugins=run.plugins)
    for sample in (s for s in samples if s.job == "train"):
        result = replace(result, training=run.train(sample, steps))
    trained = str(result.training.best or result.training.model) if result.training else None
    for sample in samples:
        if sample.job in ENLARGED:
            shipped = run.at_hand(sample)
            result = replace(result, at_hand={**result.at_hand, **({sample.domain: shipped} if shipped else {})})
            own = trained if sample.job in ("reference", "upscale") else None
            models = [model for model in (own, shipped) if model]
            result = replace(result, shown=(*result.shown, run.upscale(sample, models or ["bicubic"])))
            if sample.job != "upscale":
                known = models if sample.job == "reference" else models[-1:]
                result = replace(result, tables=(*result.tables, (sample, run.evaluate(sample, known))))
        if sample.job == "inspect":
            result = replace(result, inspected=(*result.inspected, run.look_at(sample)))
    return result


def trained_name(domain: str) -> str:
    """Return the name of the model that is trained for a domain."""
    return f"demo-{domain}-x{FACTOR}"


def _clear(folder: Path, *, overwrite: bool) -> None:
    """Make room. Raises UsageError for a folder that holds something, unless an earlier demonstration may go."""
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        return
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in OWN)
    if foreign or not overwrite:
        what = f"holds {foreign[0]}, which is not of a demonstration" if foreign else "holds an earlier demonstration"
        raise UsageError(f"{folder} {what}; {'' if foreign else 'add --overwrite, or '}choose another --out")
    for name in OWN:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Run:
    folder: Path
    plugins: Plugins
    bar: Bar

    def train(self, sample: Sample, steps: int | None) -> TrainResult:
        """Train on a sample that has a table of splits."""
        with self.bar(f"training on {sample.title}") as progress:
            affordable = steps or self._affordable_steps(sample, progress)
            return self._trained(sample, affordable, self.folder / "run", progress)

    def _affordable_steps(self, sample: Sample, progress: api.Progress) -> int:
        """Return how many steps take about `SECONDS`, by a short run that is thrown away."""
        moments: list[float] = []

        def note_moment(done: int, total: int, note: str) -> None:
            moments.append(time.monotonic())
            progress(done, total, "finding this machine's pace")

        with TemporaryDirectory() as folder:
            self._trained(sample, TRIAL, Path(folder), note_moment)
        pace = (moments[-1] - moments[TRIAL // 3]) / (TRIAL - 1 - TRIAL // 3)  # the first steps also warm up
        return min(MOST, max(FEWEST, int(SECONDS / pace)))

    def _trained(self, sample: Sample, steps: int, out: Path, progress: api.Progress) -> TrainResult:
        overrides = (
            *RECIPE,
            f"name={trained_name(sample.domain)}",
            f"scale={FACTOR}",
            f"data.split_file={sample.path / 'split.csv'}",
            f"phases.0.steps={steps}",
            f"phases.0.learning_rate=[[0, 1e-3], [{max(1, steps * 7 // 10)}, 2e-4]]",
        )
        return api.train(
            domain=sample.domain,
            data=sample.path,
            out=out,
            overrides=overrides,
            plugins=self.plugins,
            progress=progress,
        )

    def at_hand(self, sample: Sample) -> str | None:
        """Return the name of the model that `upscale` chooses by itself for a sample; None where none fits."""
        try:
            with closing(open_at(self.plugins, sample.path, sample.domain)) as source:
                return EnlargerShelf(self.plugins, None, SCALE).choose(sample.domain, source).name
        except ModelError:
            return None

    def upscale(self, sample: Sample, models: Sequence[str]) -> Shown:
        """Upscale a sample by the last of `models`; a reference, degraded first, by the first and the others beside."""
        outputs, slug = self.folder / "outputs", _slug(sample.title)
        if sample.job != "reference":
            return Shown(sample, sample.path, self._upscaled(sample, sample.path, outputs / slug, models[-1]))
        coarse = self.folder / "data" / f"{sample.domain}-degraded" / sample.path.name
        source = write_degraded(self.plugins, sample, coarse, SCALE)
        result = self._upscaled(sample, source, outputs / slug, models[0])
        beside = []
        for name in (BASELINES[0], *models[1:]):
            if name != models[0]:
                other = self._upscaled(sample, source, outputs / f"{slug}-{name}", name)
                beside += [(other.model, other.output)] if other.output else []
        return Shown(sample, source, result, tuple(beside))

    def _upscaled(self, sample: Sample, source: Path, out: Path, model: str) -> ItemResult:
        with self.bar(f"upscaling {sample.title}") as progress:
            report = api.upscale(
                source,
                out,
                scale=SCALE,
                model=model,
                domain=sample.domain,
                plugins=self.plugins,
                progress=progress,
            )
        return report.results[0]

    def evaluate(self, sample: Sample, models: Sequence[str]) -> EvaluationTable:
        """Compare models with interpolation on a sample that serves as its own reference."""
        with self.bar(f"evaluating on {sample.title}") as progress:
            return api.evaluate(
                sample.path,
                scale=SCALE,
                models=(*models, *BASELINES),
                domain=sample.domain,
                plugins=self.plugins,
                progress=progress,
            )

    def look_at(self, sample: Sample) -> tuple[Sample, ItemInspection, str]:
        """Inspect a sample, try to upscale it, and return what was said."""
        inspection = api.inspect(sample.path, plugins=self.plugins)[0]
        try:
            report = api.upscale(
                sample.path,
                self.folder / "outputs" / _slug(sample.title),
                model="bicubic",
                scale=SCALE,
                plugins=self.plugins,
            )
            result = report.results[0]
            done = result.output and f"upscaled to {result.output.relative_to(self.folder)}, and verified"
            answer = done or f"{result.status}: {result.reason}"
        except SrkitError as error:
            answer = f"refused: {error}"
        return sample, inspection, answer


def _slug(title: str) -> str:
    """Return a title as a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
