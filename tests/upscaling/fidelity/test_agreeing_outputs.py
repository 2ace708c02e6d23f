"""Outputs and their agreement, through the whole pipeline on files of the toy domain."""

import json
from pathlib import Path

import numpy as np
import pytest
from upscaling_toys import Mapper, load, save

from srkit.errors import OutputError, UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, UpscaleReport, upscale
from srkit.upscaling.fidelity.agreement import UNFIT, Agreement

TWICE = Scale(2, 2)
MTF = ({"name": "gaussian", "mtf": 0.3},)
KSPACE = ({"name": "kspace"},)


def scene(rng: np.random.Generator, size: int = 70) -> np.ndarray:
    rows, columns = np.indices((size, size)) / size
    waves = 4000 + 2000 * np.sin(9 * rows + 4 * columns) * np.cos(7 * columns)
    return np.rint(waves + rng.normal(0, 40, (2, size, size))).astype(np.uint16)


def wrong(degradation: tuple = MTF) -> Enlarger:
    """A model that makes all things brighter than they are, in blocks."""
    return Enlarger(
        "wrong", TWICE, Mapper(lambda lr: lr * 1.2 + 30), ("row", "column"), degradation=degradation, sha256="0" * 64
    )


def run(tmp_path: Path, plugins: Plugins, model: object, out: str = "out.npy", **more: object) -> UpscaleReport:
    return upscale(tmp_path / "in.npy", tmp_path / out, model=model, plugins=plugins, **more)  # type: ignore[arg-type]


def test_every_output_is_compared_with_its_input(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    save(tmp_path / "in.npy", scene(rng))
    (result,) = run(tmp_path, plugins, "nearest").results
    assert result.consistency is not None
    assert (result.consistency.relative, result.consistency.origin) == (0, "box mean")
    assert result.consistency.samples == 2 * 70 * 70


def test_a_wrong_model_is_warned_of_and_refused_only_on_request(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng))
    (result,) = run(tmp_path, plugins, wrong()).results
    assert any("degraded again" in finding.text for finding in result.findings if finding.level == "warning")
    with pytest.raises(OutputError, match="more than the limit"):
        run(tmp_path, plugins, wrong(), "refused.npy", consistency_limit=0.2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npy", "out.json", "out.npy"]


def test_consistency_makes_the_written_counts_agree(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    save(tmp_path / "in.npy", scene(rng))
    (result,) = run(tmp_path, plugins, wrong(), consistency=True).results
    assert result.consistency is not None
    assert result.consistency.relative < 1e-3
    assert all(channel.rmse < 0.5 for channel in result.consistency.channels)
    assert "consistent in 10 rounds" in json.loads((tmp_path / "out.json").read_text())["by"]


@pytest.mark.parametrize("degradation", [MTF, KSPACE], ids=["local", "whole axes"])
def test_tiles_and_slabs_leave_no_seam(
    degradation: tuple, tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng, 150))
    (whole,) = run(tmp_path, plugins, wrong(degradation), consistency=True).results
    ways = {"consistency": True, "tile": 17, "options": {"toy": {"slab": 3}}}
    (tiles,) = run(tmp_path, plugins, wrong(degradation), "tiles.npy", **ways).results
    assert whole.consistency is not None
    assert whole.consistency.relative < 0.01
    assert tiles.consistency == whole.consistency
    np.testing.assert_array_equal(load(tmp_path / "out.npy"), load(tmp_path / "tiles.npy"))


def test_no_data_is_kept_and_touches_nothing(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    lr, holes = scene(rng), rng.random((70, 70)) < 0.1
    lr[:, holes] = 0
    save(tmp_path / "in.npy", lr)
    (result,) = run(tmp_path, plugins, wrong(), consistency=True, options={"toy": {"nodata": 0.0}}).results
    sr = load(tmp_path / "out.npy")
    assert (sr == 0).all(axis=0).tolist() == holes.repeat(2, 0).repeat(2, 1).tolist()
    assert result.consistency is not None
    assert result.consistency.relative < 0.01
    assert result.consistency.samples == 2 * int((~holes).sum())


def test_a_run_that_went_on_has_the_figures_of_one_that_never_stopped(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng, 400))
    (whole,) = run(tmp_path, plugins, wrong(), consistency=True).results

    def stop(done: int, total: int, note: str) -> None:
        if done > total * 2 // 3:
            raise KeyboardInterrupt

    options = {"toy": {"slab": 8}}
    ways = {"resume": True, "tile": 40, "consistency": True, "options": options}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, plugins, wrong(), "cut.npy", progress=stop, **ways)
    (cut,) = run(tmp_path, plugins, wrong(), "cut.npy", **ways).results
    assert (tmp_path / "cut.npy").read_bytes() == (tmp_path / "out.npy").read_bytes()
    assert cut.consistency is not None
    assert whole.consistency is not None
    assert cut.consistency.as_json() == whole.consistency.as_json()


def test_no_strength_is_interpolation(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    lr = scene(rng)
    lr[:, 20:24, 30:50] = 0
    save(tmp_path / "in.npy", lr)
    options = {"toy": {"nodata": 0.0}}
    run(tmp_path, plugins, wrong(), strength=0.0, options=options)
    run(tmp_path, plugins, "bicubic", "bicubic.npy", options=options)
    np.testing.assert_array_equal(load(tmp_path / "out.npy"), load(tmp_path / "bicubic.npy"))
    assert "strength 0" in json.loads((tmp_path / "out.json").read_text())["by"]


def test_strength_mixes(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    save(tmp_path / "in.npy", scene(rng).astype(np.float32))
    for name, model, strength in (("1", wrong(), 1.0), ("0", "bicubic", 1.0), ("mixed", wrong(), 0.25)):
        run(tmp_path, plugins, model, f"{name}.npy", strength=strength)
    full, none, mixed = (load(tmp_path / f"{name}.npy") for name in ("1", "0", "mixed"))
    np.testing.assert_allclose(mixed, 0.75 * none + 0.25 * full, rtol=1e-6)


@pytest.mark.parametrize("wish", [{"strength": 1.5}, {"strength": -0.1}, {"consistency_limit": 0.0}])
def test_wishes_without_sense_are_refused(
    wish: dict, tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng))
    with pytest.raises(UsageError):
        run(tmp_path, plugins, wrong(), **wish)


def test_a_degradation_that_does_not_fit_is_no_reason_to_fail(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    from srkit.errors import RecipeError

    save(tmp_path / "in.npy", scene(rng))
    unfit = wrong(({"name": "gaussian", "mtf": [0.3, 0.3, 0.3]},))
    (result,) = run(tmp_path, plugins, unfit).results
    assert result.consistency is None
    assert any(UNFIT in finding.text for finding in result.findings if finding.level == "warning")
    with pytest.raises(RecipeError):
        run(tmp_path, plugins, unfit, "asked.npy", consistency=True)


def test_of_what_is_drawn_the_steps_that_were_compared_are_named() -> None:
    drawn = {"name": "one_of", "weights": [1, 3], "steps": [[], [{"name": "kspace"}, {"name": "rounding"}]]}
    agreement = Agreement(({"name": "one_of", "steps": [[], {"name": "rician"}]}, drawn), "model", (), 1, None)
    assert agreement.sentence().startswith("degraded again (kspace and rounding, after the model)")
