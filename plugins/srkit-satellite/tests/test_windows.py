"""Windows of rasters: the crop of the whole output, georeferenced exactly, judged by rasterio."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from rasterio.windows import Window

import srkit

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4] / "shared/data")) / "satellite"
SCENES = ["scenes/s2l2a_33twm_20230820.tif", "corner/odd_257x131.tif", "corner/real_extmask.tif"]
RPCS = RPC(
    height_off=10.0, height_scale=500.0, lat_off=46.0, lat_scale=0.1, long_off=8.0, long_scale=0.1,
    line_off=30.0, line_scale=40.0, samp_off=25.0, samp_scale=35.0,
    line_num_coeff=[0.0, 0.0, 1.0] + [0.0] * 17, line_den_coeff=[1.0] + [0.0] * 19,
    samp_num_coeff=[0.0, 1.0] + [0.0] * 18, samp_den_coeff=[1.0] + [0.0] * 19, err_bias=0.0, err_rand=0.0,
)  # fmt: skip


def raster(path: Path, shape: tuple[int, int] = (61, 70), **profile: object) -> Path:
    values = np.random.default_rng(0).integers(1, 4000, (2, *shape)).astype(np.uint16)
    values[:, :9, :30] = 0
    profile = {"crs": "EPSG:32632", "transform": Affine(10, 0.3, 5e5, 0.2, -10, 5e6), "nodata": 0, **profile}
    with rasterio.open(
        path, "w", driver="GTiff", height=shape[0], width=shape[1], count=2, dtype="uint16", **profile
    ) as d:
        d.write(values)
    return path


def assert_in_place(part: Any, whole: Any, place: Window) -> None:
    """Compare with rasterio's own position of the window's corner."""
    corner = whole.xy(place.row_off, place.col_off, offset="ul")
    assert (part.transform.c, part.transform.f) == pytest.approx(corner, rel=1e-12)
    assert [getattr(part.transform, name) for name in "abde"] == [getattr(whole.transform, name) for name in "abde"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("whole")
    path = raster(folder / "a.tif")
    srkit.upscale(path, folder / "whole.tif", scale="2,3", model="lanczos")
    return path, folder / "whole.tif"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_window_is_the_crop_of_the_whole(whole: tuple[Path, Path], tmp_path: Path, data: st.DataObject) -> None:
    rows, columns = (
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in (61, 70)
    )
    out = tmp_path / "part.tif"
    window = f"{rows[0]}:{rows[1]},{columns[0]}:{columns[1]}"
    srkit.upscale(whole[0], out, scale="2,3", model="lanczos", window=window, overwrite=True)
    with rasterio.open(whole[1]) as all_of_it, rasterio.open(out) as part:
        place = Window(columns[0] * 3, rows[0] * 2, (columns[1] - columns[0]) * 3, (rows[1] - rows[0]) * 2)
        np.testing.assert_array_equal(part.read(), all_of_it.read(window=place))
        np.testing.assert_array_equal(part.read_masks(), all_of_it.read_masks(window=place))
        assert_in_place(part, all_of_it, place)
        assert (part.crs, part.nodata, part.descriptions) == (all_of_it.crs, all_of_it.nodata, all_of_it.descriptions)


@pytest.mark.parametrize("name", SCENES)
def test_windows_of_real_rasters_are_crops_of_the_whole(name: str, tmp_path: Path) -> None:
    if not (DATA / name).exists():
        pytest.skip("no real data")
    srkit.upscale(DATA / name, tmp_path / "whole.tif", model="bicubic")
    srkit.upscale(DATA / name, tmp_path / "part.tif", model="bicubic", window="13:101,20:87")
    with rasterio.open(tmp_path / "whole.tif") as all_of_it, rasterio.open(tmp_path / "part.tif") as part:
        place = Window(40, 26, 134, 176)
        np.testing.assert_array_equal(part.read(), all_of_it.read(window=place))
        assert_in_place(part, all_of_it, place)


def test_control_points_move_to_the_window(tmp_path: Path) -> None:
    points = [GroundControlPoint(r, c, 8 + c / 1e3, 46 - r / 1e3, 5.0) for r, c in ((0, 0), (60, 0), (0, 70), (30, 35))]
    path = raster(tmp_path / "a.tif", transform=None, crs="EPSG:4326", gcps=points)
    srkit.upscale(path, tmp_path / "b.tif", model="nearest", window="10:40,20:50")
    with rasterio.open(tmp_path / "b.tif") as part:
        found, crs = part.gcps
    assert crs.to_epsg() == 4326
    assert [(p.row, p.col, p.x, p.y, p.z) for p in found] == [
        (2 * (p.row - 10), 2 * (p.col - 20), p.x, p.y, p.z) for p in points
    ]


def test_an_rpc_model_moves_to_the_window(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", transform=None, crs=None, rpcs=RPCS)
    srkit.upscale(path, tmp_path / "b.tif", model="nearest", window="10:40,20:50")
    with rasterio.open(tmp_path / "b.tif") as part:
        moved = part.rpcs
    assert (moved.line_off, moved.samp_off) == (2 * (30 - 10 + 0.5) - 0.5, 2 * (25 - 20 + 0.5) - 0.5)
    assert (moved.line_scale, moved.samp_scale) == (80, 70)


def test_a_box_in_the_crs_is_snapped_outwards_and_told(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", transform=Affine(10, 0, 5e5, 0, -10, 5e6))
    (result,) = srkit.upscale(
        path, tmp_path / "b.tif", model="nearest", bbox=(500101, 4999701, 500249, 4999899)
    ).results
    with rasterio.open(tmp_path / "b.tif") as part:
        assert tuple(part.bounds) == (500100, 4999700, 500250, 4999900)
    assert any("(500100, 4999700) to (500250, 4999900)" in finding.text for finding in result.findings)


HUGE = """
import sys
from pathlib import Path
import srkit
result, = srkit.upscale(
    sys.argv[1], sys.argv[2], model="bicubic", memory="1G", window="150000:150100,120000:120300"
).results
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)  # ru_maxrss begins with the peak of the process that forks
"""


def test_a_sparse_scene_of_forty_gigapixels_opens_and_gives_a_window(tmp_path: Path) -> None:
    path, n = tmp_path / "huge.tif", 200_000
    profile = {"driver": "GTiff", "width": n, "height": n, "count": 1, "dtype": "uint16", "bigtiff": "YES"}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "compress": "deflate"}
    values = np.random.default_rng(0).integers(1, 999, (1, 512, 512)).astype(np.uint16)
    with rasterio.open(path, "w", **profile, **layout, crs="EPSG:3857", transform=Affine(2, 0, 0, 0, -2, 0)) as dataset:
        dataset.write(values, window=Window(119808, 149504, 512, 512))
        dataset.write(values, window=Window(119808, 150016, 512, 512))
    done = subprocess.run(
        [sys.executable, "-c", HUGE, path, tmp_path / "b.tif"], capture_output=True, text=True, check=True
    )
    with rasterio.open(tmp_path / "b.tif") as part:
        assert (part.height, part.width) == (200, 600)
        assert (part.transform.c, part.transform.f) == (240000, -300000)
        assert part.read(1).any()
    assert int(done.stdout) < 2000  # MiB of a scene of 80 GB
