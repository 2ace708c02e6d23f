"""The usual benchmarks of photographs, measured as everybody does."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from srkit.cli.app import make_app
from srkit.errors import UsageError
from srkit.evaluation.benchmark import benchmark
from srkit.plugins import load_plugins

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SRKIT_DATA", ROOT.parent / "shared" / "data")) / "photo"


@pytest.fixture(scope="module")
def plugins():
    return load_plugins()


@pytest.fixture
def folder(tmp_path):
    """Two pictures with their LR files; HR has a row more than 4 times LR."""
    (tmp_path / "lr_x4").mkdir()
    rng = np.random.default_rng(0)
    for name, mode in (("a", "RGB"), ("b", "L")):
        lr = Image.fromarray(rng.integers(60, 200, (16, 20, 3), dtype=np.uint8)).convert(mode)
        lr.save(tmp_path / "lr_x4" / f"{name}.png")
        lr.resize((80, 65), Image.Resampling.BILINEAR).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(("name", "expected"), [("set5", 28.43), ("set14", 26.09)])
@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmarks' files are not here")
def test_bicubic_has_its_known_figures(plugins, name, expected):
    table = benchmark(name, DATA / f"test_{name}", plugins=plugins)
    assert table.means["bicubic"]["psnr"] == pytest.approx(expected, abs=0.005)
    assert table.skipped == ()


def test_figures_are_those_of_pillows_luma_without_the_border(plugins, folder):
    table = benchmark("set5", folder, models=["nearest"], plugins=plugins)
    for row in table.rows:
        if row.model == "nearest":
            hr = Image.open(row.item).convert("RGB").crop((0, 0, 80, 64))
            sr = Image.open(folder / "lr_x4" / Path(row.item).name).convert("RGB").resize((80, 64), 0)
            a, b = (np.asarray(picture) @ [65.481, 128.553, 24.966] / 255 for picture in (sr, hr))
            error = ((a - b)[4:-4, 4:-4] ** 2).mean()
            assert row.metrics["psnr"] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)
    assert table.models == ("nearest", "bicubic")


def test_the_command_prints_the_table(plugins, folder):
    done = CliRunner().invoke(make_app(), ["evaluate", str(folder), "--benchmark", "set5", "--json"])
    assert done.exit_code == 0
    content = json.loads(done.stdout)
    assert set(content["summary"]["bicubic"]) == {"psnr", "ssim"}
    assert "luma" in content["data_range"]
    shown = CliRunner().invoke(make_app(), ["evaluate", str(folder), "--benchmark", "set5"])
    assert "PSNR, dB" in shown.stdout


def test_a_folder_without_lr_pictures_and_an_unknown_name_are_refused(plugins, folder):
    with pytest.raises(UsageError, match=r"no LR pictures in .*lr_x2"):
        benchmark("set5", folder, scale=2, plugins=plugins)
    with pytest.raises(UsageError, match="did you mean 'set5'"):
        benchmark("sett5", folder, plugins=plugins)
