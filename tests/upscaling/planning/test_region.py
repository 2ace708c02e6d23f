"""Windows and boxes: what is taken, and that it is the crop of the whole, bit by bit."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from upscaling_toys import integer_enlarger

from srkit.arrays import ArraySource
from srkit.domain import Item
from srkit.errors import UsageError
from srkit.grid import Grid, Scale, Window
from srkit.image import Source
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, Wishes
from srkit.upscaling.enlarging.engine import prepare, run
from srkit.upscaling.planning.region import Region, cut


def raster(shape: tuple[int, ...] = (40, 60), affine: Any = None) -> ArraySource:
    values = np.random.default_rng(3).integers(0, 1000, (2, *shape), dtype=np.uint16)
    grid = None if affine is None else Grid(shape, np.array(affine, dtype=float), "EPSG:32632")
    return ArraySource(values, grid=grid)


class Restless(nn.Module):
    """Two convolutions with real weights, whose float sums depend on how an image is cut into tiles."""

    multiple_of, ndim, scale, channels, halo = 1, 2, (2, 2), 1, (4, 4)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.second = nn.Conv2d(1, 16, 5, padding=2), nn.Conv2d(16, 4, 5, padding=2)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.second(torch.relu(self.first(lr))), 2)


class Boundless(Restless):
    """The same, saying that it sees the whole image: windows are blended."""

    halo = None  # type: ignore[assignment]


def samples(plugins: Plugins, source: Source, enlarger: Enlarger, part: Window | None) -> np.ndarray:
    job = prepare(plugins, source, enlarger, domain="toy", wishes=Wishes(tile=24))
    shape = source.grid.shape if part is None else part.shape
    result = np.full((2, *(n * f for n, f in zip(shape, job.fitted.factors, strict=True))), np.nan)
    for piece in run(dataclasses.replace(job, part=part)):
        result[:, *piece.window.slices] = piece.values
    return result


@st.composite
def windows(draw: st.DrawFn, shape: tuple[int, ...]) -> Window:
    ends = [sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in shape]
    return Window(tuple(a for a, _ in ends), tuple(b for _, b in ends))


@pytest.mark.parametrize("network", [Restless, Boundless])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_window_of_an_image_is_the_crop_of_the_whole(plugins: Plugins, network: type, data: st.DataObject) -> None:
    enlarger = Enlarger("restless", Scale(2, 2), network().eval(), ("row", "column"))
    source = raster()
    window = data.draw(windows(source.grid.shape))
    whole = samples(plugins, source, enlarger, None)
    np.testing.assert_array_equal(samples(plugins, source, enlarger, window), whole[:, *window.upscaled((2, 2)).slices])


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_window_of_a_volume_is_the_crop_of_the_whole(plugins: Plugins, data: st.DataObject) -> None:
    source, scale = raster((14, 11, 9)), Scale(2, 1, 3)
    enlarger = integer_enlarger(scale, ("row", "column", "slice"))
    window = data.draw(windows(source.grid.shape))
    whole = samples(plugins, source, enlarger, None)
    np.testing.assert_array_equal(
        samples(plugins, source, enlarger, window), whole[:, *window.upscaled((2, 1, 3)).slices]
    )


def test_spans_are_rows_columns_and_slices_whatever_the_order_of_axes() -> None:
    source = ArraySource(np.zeros((1, 5, 6, 7)), roles={"slice": 0, "column": 1, "row": 2})
    window = Region.asked("1:3,2:,:4", None).window_on(source)  # type: ignore[union-attr]
    assert (window.start, window.stop) == ((0, 2, 1), (4, 6, 3))


@pytest.mark.parametrize("text", ["", "1:2", "1:2,3", "1:2,3:4,5:6,7:8", "a:b,1:2", "1-2,3-4"])
def test_what_is_no_window_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="START:STOP"):
        Region.asked(text, None)


def test_the_four_numbers_of_gdal_are_translated() -> None:
    with pytest.raises(UsageError, match=r"-srcwin 200 100 50 60 is 100:160,200:250"):
        Region.asked("200,100,50,60", None)


@pytest.mark.parametrize("text", ["0:41,0:5", "5:5,0:5", "7:3,0:5", "-3:5,0:5", "0:5,0:5,0:1"])
def test_a_window_that_is_not_inside_is_refused(text: str) -> None:
    region = Region.asked(text, None)
    with pytest.raises(UsageError, match=r"not inside of|the image has none"):
        region.window_on(raster())  # type: ignore[union-attr]


NORTH_UP = [[0, 10, 500005], [-10, 0, 4999995], [0, 0, 1]]  # rows run south; outer corner at (500000, 5000000)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((500100, 4999700, 500250, 4999900), ((10, 10), (30, 25))),  # on edges: nothing grows
        ((500101, 4999701, 500249, 4999899), ((10, 10), (30, 25))),  # grown outwards
        ((499000, 4000000, 500015, 4999999.9), ((0, 0), (40, 2))),  # cut to the image
    ],
)
def test_a_box_grows_to_whole_samples(box: tuple[float, ...], expected: Any) -> None:
    source = raster(affine=NORTH_UP)
    window = Region.asked(None, box).window_on(source)  # type: ignore[union-attr]
    assert (window.start, window.stop) == expected
    assert "rows" in Region(box=box).told(window, source).text


def test_a_box_finds_its_samples_on_a_rotated_grid() -> None:
    turn = np.deg2rad(30)
    affine = np.array([[np.cos(turn), -np.sin(turn), 100], [np.sin(turn), np.cos(turn), 200], [0, 0, 1]])
    source = raster(affine=affine)
    corners = source.grid.part(Window((10, 20), (15, 30))).corners()
    box = (*corners.min(axis=0), *corners.max(axis=0))
    assert Region(box=box).window_on(source).contains(Window((10, 20), (15, 30)))


@pytest.mark.parametrize("box", ["1,2,3", "3,2,1,4", "a,b,c,d", "1,1,1,2"])
def test_what_is_no_box_is_refused(box: str) -> None:
    with pytest.raises(UsageError, match="XMIN,YMIN,XMAX,YMAX"):
        Region.asked(None, box)


def test_a_box_means_nothing_where_there_is_no_place_and_outside_there_is_nothing() -> None:
    with pytest.raises(UsageError, match="does not say where it lies"):
        Region(box=(0, 0, 5, 5)).window_on(raster())
    with pytest.raises(UsageError, match="outside of the image"):
        Region(box=(0, 0, 5, 5)).window_on(raster(affine=NORTH_UP))
    with pytest.raises(UsageError, match="give one of them"):
        Region.asked("0:1,0:1", "0,0,1,1")


def test_an_item_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    source = raster()
    names = ("grid", "channels", "encoding", "frames", "roles", "fixed_axes", "slab", "extent", "read", "close")
    rigid: Any = SimpleNamespace(**{name: getattr(source, name) for name in names})
    with pytest.raises(UsageError, match="cannot be cut to a window"):
        cut(Item((tmp_path,), "toy"), rigid, Window((0, 0), (2, 2)))
    assert cut(Item((tmp_path,), "toy"), source, Window.whole(source.grid.shape)) is source
