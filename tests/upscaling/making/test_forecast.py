"""Plans without work: what is foretold is what comes, and nothing is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import load, save

from srkit.errors import OutputError
from srkit.plugins import Plugins
from srkit.quantities import size_text
from srkit.upscaling import upscale

MORE: dict[str, Any] = {"model": "lanczos", "tile": 12, "options": {"toy": {"slab": 8, "nodata": 13.0}}}


@pytest.fixture
def path(tmp_path: Path, rng: np.random.Generator) -> Path:
    array = rng.integers(100, 1000, (2, 40, 33), dtype=np.uint16)
    array[:, :20] = 13
    return save(tmp_path / "in" / "a.npy", array)


def names(folder: Path) -> list[str]:
    return sorted(entry.relative_to(folder).as_posix() for entry in folder.rglob("*"))


@pytest.mark.parametrize("more", [{}, {"window": "5:20,3:30"}, {"shard": "1/3"}, {"resume": True}, {"manifest": True}])
def test_a_forecast_comes_true_and_leaves_nothing(
    plugins: Plugins, tmp_path: Path, path: Path, more: dict[str, Any]
) -> None:
    before = names(tmp_path)
    (planned,) = upscale(path, tmp_path / "out" / "b.npy", plugins=plugins, dry_run=True, **MORE, **more).results
    assert names(tmp_path) == before
    forecast = planned.forecast
    assert (planned.status, planned.output) == ("planned", tmp_path / "out" / "b.npy")
    assert forecast is not None
    seen: list[int] = []
    (done,) = upscale(
        path,
        tmp_path / "out" / "b.npy",
        plugins=plugins,
        **MORE,
        **{k: v for k, v in more.items() if k == "window"},
        progress=lambda done, total, note: seen.append(total),
    ).results
    result = load(done.output)  # type: ignore[arg-type]
    assert forecast.new_shape == result.shape[1:]
    assert forecast.raw_bytes == result.nbytes
    assert forecast.needed_bytes == result.nbytes * (2 if "shard" in more or "resume" in more else 1)
    assert set(seen) == {forecast.tiles}
    assert forecast.seconds > 0
    assert forecast.files_seconds > 0
    assert "tile of" in forecast.trial
    assert forecast.memory_bytes > result.nbytes


def test_the_invalid_share_is_found_by_probes(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    (planned,) = upscale(path, tmp_path / "b.npy", plugins=plugins, dry_run=True, **MORE).results
    assert planned.forecast is not None
    assert planned.forecast.invalid_share == pytest.approx(0.5, abs=0.1)


def test_what_an_output_is_made_consistent_by_takes_memory(plugins: Plugins, tmp_path: Path) -> None:
    wide = save(tmp_path / "in" / "wide.npy", np.full((1, 60, 900), 7, np.uint16))
    needed = []
    for consistency in (False, True):
        ways: dict[str, Any] = {"model": "nearest", "scale": 2, "consistency": consistency, "tile": 30}
        (planned,) = upscale(wide, tmp_path / "b.npy", plugins=plugins, dry_run=True, **ways).results
        assert planned.forecast is not None
        needed.append(planned.forecast.memory_bytes)
    assert needed[1] - needed[0] > 10 * 4 * 900 * 2 * 30  # ten arrays of some rows of floats


def test_what_exists_is_refused_in_a_plan_too(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    save(tmp_path / "out" / "a.npy", np.zeros((1, 2, 2)))
    save(tmp_path / "in" / "c.npy", np.ones((1, 20, 20), np.uint16))
    results = upscale(path.parent, tmp_path / "out", plugins=plugins, dry_run=True, **MORE).results
    assert [(r.path.name, r.status) for r in results] == [("a.npy", "failed"), ("c.npy", "planned")]


def test_an_output_without_room_is_refused_before_the_work_unless_forced(
    plugins: Plugins, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = next(p.module for p in plugins.loaded if p.name == "toy_plugin")
    monkeypatch.setattr(toy.FileSink, "room", 10**18, raising=False)
    (planned,) = upscale(path, tmp_path / "b.npy", plugins=plugins, dry_run=True, **MORE).results
    assert any(finding.level == "refusal" and "--force" in finding.text for finding in planned.findings)
    seen: list[int] = []
    with pytest.raises(OutputError, match=r"may take 1e\+03 PB|may take 1e\+06 TB"):
        upscale(path, tmp_path / "b.npy", plugins=plugins, **MORE, progress=lambda done, total, note: seen.append(done))
    assert (seen, (tmp_path / "b.npy").exists()) == ([], False)
    upscale(path, tmp_path / "b.npy", plugins=plugins, force=True, **MORE)
    assert (tmp_path / "b.npy").exists()


def test_a_budget_that_cannot_be_kept_is_told_of(plugins: Plugins, tmp_path: Path) -> None:
    wide = save(tmp_path / "wide.npy", np.zeros((4, 40, 20_000), np.uint16))
    ways: dict[str, Any] = {"model": "nearest", "plugins": plugins, "options": {"toy": {"slab": 80}}}
    for memory, told in (("1G", False), ("8M", True)):
        for dry_run in (True, False):
            out = tmp_path / f"{memory}.npy"
            (result,) = upscale(wide, out, memory=memory, dry_run=dry_run, **ways).results
            assert any("cannot be kept" in finding.text for finding in result.findings) == told


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (15_431_000_000, "15.4 GB"), (2.5e12, "2.5 TB")]
)
def test_sizes_are_told_as_disks_count(number: float, text: str) -> None:
    assert size_text(number) == text
