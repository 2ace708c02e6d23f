"""Items unlike those of training: told, or refused where their numbers mean something else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from upscaling_toys import integer_enlarger

from srkit.arrays import ArraySource
from srkit.channels import ChannelChoice
from srkit.errors import ModelError
from srkit.grid import Grid, Scale
from srkit.image import Channel, Encoding
from srkit.models.info import Seen
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger
from srkit.upscaling.enlarging.engine import prepare
from srkit.upscaling.making.suitability import suitability
from srkit.upscaling.planning.plan import narrowed

RANGE = {"kind": "range", "low": 0, "high": 255}


def found(plugins: Plugins, source: ArraySource, enlarger: Enlarger) -> list[str]:
    return [finding.text for finding in suitability(enlarger, prepare(plugins, source, enlarger, domain="toy"))]


def image(rng: np.random.Generator, *, spacing: float = 10.0, top: int = 256, quantity: str = "") -> ArraySource:
    stored = rng.integers(0, top, (1, 300, 400), dtype=np.uint8)
    grid = Grid((300, 400), np.diag([spacing, spacing, 1.0]), "somewhere")
    return ArraySource(stored, grid=grid, channels=[Channel("band", quantity=quantity)])


def trained(**seen: Any) -> Enlarger:
    return replace(integer_enlarger(Scale(2, 2)), normalizer=RANGE, seen=Seen(**seen))


def test_an_item_like_those_of_training_needs_no_word(plugins: Plugins, rng: np.random.Generator) -> None:
    enlarger = trained(values=(-0.98, 0.98), spacing={"row": (9, 11), "column": (9, 11)}, quantities=("display",))
    assert found(plugins, image(rng, quantity="display"), enlarger) == []
    assert found(plugins, image(rng, spacing=13.1), enlarger) == []
    assert found(plugins, image(rng, spacing=4.5), enlarger) == []  # as training's HR
    assert found(plugins, image(rng), Enlarger.baseline("bicubic", Scale(2, 2))) == []


@pytest.mark.parametrize("spacing", [3.5, 13.3])
def test_samples_a_fifth_larger_or_smaller_are_told(plugins: Plugins, rng: np.random.Generator, spacing: float) -> None:
    (text,) = found(plugins, image(rng, spacing=spacing), trained(spacing={"row": (9, 11), "column": (9, 11)}))
    assert f"rows and columns are {spacing:g} apart instead of 4.5 to 11" in text


def test_numbers_of_eight_bits_in_a_model_of_reflectances_are_told(plugins: Plugins, rng: np.random.Generator) -> None:
    enlarger = replace(trained(values=(-0.9, 0.5)), normalizer={"kind": "range", "low": 0, "high": 10000})
    (text,) = found(plugins, image(rng), enlarger)
    assert "not in the range of training" in text


def test_another_quantity_is_refused_unless_each_item_has_its_own_range(
    plugins: Plugins, rng: np.random.Generator
) -> None:
    enlarger = trained(quantities=("reflectance",))
    source = image(rng, quantity="display")
    with pytest.raises(ModelError, match="is for reflectance, the image holds display"):
        found(plugins, source, enlarger)
    job = prepare(plugins, source, enlarger, domain="toy")
    assert suitability(enlarger, replace(job, normalizer=OwnRange(job.normalizer))) == []


@dataclass
class OwnRange:
    """A normaliser that takes its numbers from the item."""

    inner: Any
    by_item = True

    @property
    def spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.inner.spec
        return spec

    def normalise(self, values: np.ndarray) -> np.ndarray:
        result: np.ndarray = self.inner.normalise(values)
        return result

    def denormalise(self, sr: np.ndarray, interpolated: np.ndarray) -> np.ndarray:
        result: np.ndarray = self.inner.denormalise(sr, interpolated)
        return result


def test_a_model_that_does_not_say_what_it_takes_is_told_of(plugins: Plugins, rng: np.random.Generator) -> None:
    source = ArraySource(rng.integers(0, 256, (2, 20, 20), dtype=np.uint8))
    assert "does not say which channels" in found(plugins, source, integer_enlarger(Scale(2, 2), channels=2))[0]


def test_dropped_channels_leave_the_others_as_they_are(rng: np.random.Generator) -> None:
    names = ("nir", "blue", "alpha", "red")
    channels = [Channel(name, "alpha" if name == "alpha" else "image") for name in names]
    encoding = Encoding(np.dtype(np.uint8), nodata=(1, 2, 3, 4))
    source = ArraySource(rng.integers(0, 256, (4, 8, 8), dtype=np.uint8), channels=channels, encoding=encoding)
    inputs = (Channel("red"), Channel("blue"))
    enlarger = replace(integer_enlarger(Scale(2, 2), channels=2), inputs=inputs, choice=ChannelChoice(extra="drop"))
    chosen, seen = narrowed(enlarger, source)
    assert [channel.name for channel in seen.channels] == ["blue", "alpha", "red"]
    assert seen.encoding.nodata == (2, 3, 4)
    assert chosen.choice.given == ("3", "1")
    assert narrowed(integer_enlarger(Scale(2, 2), channels=2), source)[1] is source
