from itertools import count
from pathlib import Path

import numpy as np
import pytest
from upscaling_toys import save

from srkit.grid import Window
from srkit.plugins import Plugins
from srkit.upscaling import upscale
from srkit.upscaling.batch.pace import Pace


def test_samples_are_counted_per_second_and_channel() -> None:
    seconds = count(start=100, step=2)
    pace = Pace(lambda: float(next(seconds)))
    for done in (1, 2):
        pace.add(done, 10, Window((0, 0), (1000, 1500)))
    assert pace.rate() == "1.5 megapixels/s"  # 2 tiles in 2 s
    assert pace.left() == "16 s left"  # 2 tiles in 4 s by now, 8 to go


def test_tiles_of_an_earlier_run_do_not_make_the_rest_seem_fast() -> None:
    seconds = iter((0.0, 10.0, 10.0))
    pace = Pace(lambda: next(seconds))
    pace.add(95, 100, Window((0, 0, 0), (100, 100, 100)))
    assert pace.rate() == "0.1 megavoxels/s"
    assert pace.left() == "50 s left"


def test_every_tile_tells_the_rate_and_in_a_batch_what_is_left_of_its_item(plugins: Plugins, tmp_path: Path) -> None:
    told: list[str] = []
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.npy", np.zeros((1, 20, 20), np.uint16))
    more = {"model": "nearest", "plugins": plugins, "progress": lambda done, total, note: told.append(note), "tile": 16}
    upscale(tmp_path / "in" / "a.npy", tmp_path / "a.npy", **more)
    assert all(note.startswith("a.npy, ") and note.endswith(" megapixels/s") for note in told)
    assert len(told) == 4
    told.clear()
    upscale(tmp_path / "in", tmp_path / "out", **more)
    (last,) = [note for note in told if note.startswith("b.npy, tile 4 of 4, ")]
    assert last.endswith(" megapixels/s, 0 s left")


@pytest.mark.parametrize("alone", [True, False], ids=["one", "batch"])
def test_the_verification_of_a_large_output_has_a_pace_of_its_own(
    plugins: Plugins, tmp_path: Path, alone: bool
) -> None:
    told: list[tuple[int, int, str]] = []
    save(tmp_path / "in" / "a.npy", np.zeros((1, 1100, 1000), np.uint8))
    if not alone:
        save(tmp_path / "in" / "b.npy", np.zeros((1, 9, 9), np.uint8))
    out, more = tmp_path / "out", {"model": "nearest", "plugins": plugins, "options": {"toy": {"slab": 1100}}}
    upscale(tmp_path / "in", out, progress=lambda *step: told.append(step), **more)
    steps = [step for step in told if "verifying" in step[2]]
    assert any("verifying" not in step[2] for step in told[: told.index(steps[0])])
    assert told[told.index(steps[0]) :][: len(steps)] == steps
    notes = [note for _, _, note in steps]
    if alone:
        assert [done for done, _, _ in steps] == list(range(steps[-1][1] + 1))
        assert all(note.startswith("a.npy, verifying, ") and note.endswith(" megapixels/s") for note in notes)
    else:
        assert {(done, total) for done, total, _ in steps} == {(0, 2)}
        assert notes[-1].startswith(f"a.npy, verifying part {len(steps) - 1} of {len(steps) - 1}, ")
