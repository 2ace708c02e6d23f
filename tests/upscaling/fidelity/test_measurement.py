"""The figures of agreement, against plain numpy on the whole image."""

from collections.abc import Iterator

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.degrade import parse
from srkit.errors import OutputError
from srkit.evaluation.spectral import sam
from srkit.grid import Slab, Window
from srkit.image import Array, BoolArray, Channel
from srkit.networks.interpolation import Interpolation
from srkit.upscaling.enlarging.stream import Piece, seen_from
from srkit.upscaling.fidelity import measurement
from srkit.upscaling.fidelity.agreement import Agreement, ChannelAgreement
from srkit.upscaling.fidelity.measurement import Measurement, gathered
from srkit.upscaling.fidelity.observation import Observation
from srkit.upscaling.fidelity.ratios import ratios_of

AREA = [{"name": "area"}]


def observation(steps: list = AREA, origin: str = "model") -> Observation:
    return Observation(parse(steps), (2, 2), ("row", "column"), origin)


def scene(rng: np.random.Generator, channels: int = 2, size: int = 40) -> Array:
    rows, columns = np.indices((size, size)) / size
    waves = 4000 + 2000 * np.sin(9 * rows + 4 * columns) * np.cos(7 * columns)
    return np.rint(waves + rng.normal(0, 40, (channels, size, size))).astype(np.float32)


def grown(values: Array) -> Array:
    return values.repeat(2, 1).repeat(2, 2)


def pieces(sr: Array, valid: BoolArray | None, size: int) -> Iterator[Piece]:
    for window in Slab(0, size).windows(sr.shape[1:]):
        inner = (slice(None), *window.slices)
        yield Piece(window, 0, sr[inner], None if valid is None else valid[inner])


def agreement(
    sr: Array, lr: Array, seen: Observation, valid: BoolArray | None = None, *, slab: int = 16, dtype: type = np.uint16
) -> Agreement:
    source = ArraySource(lr.astype(dtype), valid=valid)
    wide = None if valid is None else grown(valid)
    return gathered(pieces(sr, wide, slab), source, seen, range(len(lr)), 0)


def test_nearest_agrees_exactly_with_the_box_mean(rng: np.random.Generator) -> None:
    lr = scene(rng)
    found = agreement(grown(lr), lr, observation())
    for channel in found.channels:
        assert (channel.bias, channel.rmse, channel.largest, channel.relative) == (0, 0, 0, 0)
    assert found.samples == lr.size
    assert found.spectral_angle_deg == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("slab", [2, 5, 16, 999])
@pytest.mark.parametrize("steps", [AREA, [{"name": "gaussian", "mtf": 0.3}]], ids=["box mean", "mtf"])
def test_figures_are_those_of_the_whole_image(
    slab: int, steps: list, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "THIN_SAMPLES", 64)
    lr, sr, seen = scene(rng), scene(rng, size=80), observation(steps)
    found = agreement(sr, lr, seen, slab=slab)
    again = seen.degraded(sr.astype(np.float64), None)[0]
    difference = again - lr
    for index, channel in enumerate(found.channels):
        rmse = np.sqrt((difference[index] ** 2).mean())
        assert channel.bias == pytest.approx(difference[index].mean(), abs=1e-3)
        assert channel.rmse == pytest.approx(rmse, rel=1e-5)
        assert channel.largest == pytest.approx(np.abs(difference[index]).max(), rel=1e-5)
        assert channel.relative == pytest.approx(rmse / lr[index].std(dtype=np.float64), rel=1e-5)
        assert channel.relative_bias == pytest.approx(difference[index].mean() / lr[index].mean(), abs=1e-6)
    assert found.spectral_angle_deg == pytest.approx(sam(again, lr.astype(np.float64)), rel=1e-4)


def test_the_share_beyond_the_input_is_that_of_the_whole_image(rng: np.random.Generator) -> None:
    import torch

    lr, sr = scene(rng), scene(rng, size=80)
    back = Interpolation("bicubic", (2, 2))(torch.from_numpy(observation().degraded(sr, None)[0])[None])[0].numpy()
    expected = np.linalg.norm(sr - back) / np.linalg.norm(sr)
    assert agreement(sr, lr, observation()).null_space_share == pytest.approx(expected, rel=1e-5)


def test_invalid_samples_have_no_influence(rng: np.random.Generator) -> None:
    lr, sr = scene(rng), scene(rng, size=80)
    valid = rng.random((1, 40, 40)) > 0.2
    found = [
        agreement(
            np.where(grown(valid), sr, np.float32(rubbish)), np.where(valid, lr, rubbish), observation(steps), valid
        )
        for rubbish in (0, 65535)
        for steps in (AREA, [{"name": "gaussian", "mtf": 0.3}])
    ]
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert found[0].samples == 2 * valid.sum()


def test_validity_of_each_channel_counts_for_itself(rng: np.random.Generator) -> None:
    lr = scene(rng)
    valid = np.stack([np.ones((40, 40), np.bool_), np.indices((40, 40))[0] < 10])
    found = agreement(np.where(grown(valid), grown(lr), 0), np.where(valid, lr, 9), observation(), valid)
    assert [channel.rmse for channel in found.channels] == [0, 0]
    assert found.samples == 1600 + 400
    assert found.spectral_angle_deg == pytest.approx(0, abs=1e-5)


def test_a_wrong_model_is_found_out_and_told_of(rng: np.random.Generator) -> None:
    lr = scene(rng)
    shifted = agreement(np.roll(grown(lr), 6, axis=1) * 1.1, lr, observation())
    texts = [finding.text for finding in shifted.findings()]
    assert shifted.relative > 0.2
    assert [finding.level for finding in shifted.findings()] == ["warning"] * len(texts)
    assert "--consistency" in texts[0]
    assert any("1 by 10" in text for text in texts)
    with pytest.raises(OutputError, match="more than the limit"):
        shifted.check(0.2)
    shifted.check(None)


def test_interpolations_are_measured_and_not_warned_of(rng: np.random.Generator) -> None:
    lr = scene(rng)
    assert not agreement(grown(lr) * 2, lr, observation(origin="box mean")).findings()


def test_what_agrees_is_not_warned_of(rng: np.random.Generator) -> None:
    lr = scene(rng)
    found = agreement(grown(lr), lr, observation())
    assert not found.findings()
    found.check(0.0)


def test_two_materials_that_change_places_are_told_by_their_spectra() -> None:
    """Left grass, right bare soil; red and near infrared."""
    lr = np.zeros((2, 20, 20), np.float32)
    lr[:, :, :10], lr[:, :, 10:] = np.array([300, 4000])[:, None, None], np.array([2500, 3000])[:, None, None]
    wrong = agreement(grown(lr[::-1]), lr, observation())
    angles = [np.degrees(np.arctan2(4000, 300) - np.arctan2(300, 4000)), np.degrees(np.arctan2(3000, 2500)) * 2 - 90]
    assert wrong.spectral_angle_deg == pytest.approx(np.mean(angles), rel=1e-5)
    assert any("spectra" in finding.text for finding in wrong.findings())


def test_a_flat_or_empty_input_has_no_relative_error() -> None:
    flat = np.full((1, 8, 8), 7, np.float32)
    (channel,) = agreement(grown(flat), flat, observation()).channels
    assert channel.relative is None
    nothing = agreement(grown(flat), flat, observation(), np.zeros((1, 8, 8), np.bool_))
    assert nothing.samples == 0
    assert nothing.relative == 0
    zeros = np.zeros((1, 8, 8), np.float32)
    assert agreement(grown(zeros), zeros, observation()).null_space_share is None


def test_figures_are_plain_and_short() -> None:
    channel = ChannelAgreement("red", 1 / 3, 2 / 3, 1.0, 0.1234567, None)
    found = Agreement(({"name": "area"},), "model", (channel,), 9, 1 / 7).as_json()
    assert found["channels"][0]["bias"] == 0.333333
    assert found["degradation"] == [{"name": "area"}]
    assert found["null_space_share"] == 0.142857


def test_blocks_cover_the_input_once_and_see_only_what_they_need(rng: np.random.Generator) -> None:
    source = ArraySource(scene(rng, size=300))
    measured = Measurement(source, observation(), [0, 1])
    output = grown(scene(rng, size=300))
    whole = Piece(Window.whole((600, 600)), 0, output, None)
    blocks = list(seen_from([whole], source.grid.upscaled((2, 2)), measured, 0, 2**12))
    assert len(blocks) > 1
    assert sum(block.size for block, _ in blocks) == 300 * 300
    assert all(piece.window == measured.needs(block) for block, piece in blocks)
    assert measured.needs(Window((20, 0), (30, 300))) == Window((36, 0), (64, 600))


@pytest.mark.parametrize(
    "steps",
    [
        [{"name": "kspace", "window": "hamming"}],
        [{"name": "kspace", "window": "hamming", "axes": ["row"]}, {"name": "area"}],
        [{"name": "gaussian", "mtf": [0.3, 0.2]}],
    ],
    ids=["whole axes", "one whole axis", "each channel its own"],
)
def test_blocks_have_the_figures_of_the_whole(
    steps: list, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lr, sr = scene(rng, size=40), scene(rng, size=80)
    seen = observation(steps)
    whole = agreement(sr, lr, seen, slab=999)
    monkeypatch.setattr(measurement, "THIN_SAMPLES", 16)
    parts = agreement(sr, lr, seen, slab=2)
    assert parts.channels[1].rmse == pytest.approx(whole.channels[1].rmse, rel=1e-5)
    assert parts.null_space_share == pytest.approx(whole.null_space_share, rel=1e-5)
    assert parts.departing_share == whole.departing_share


def test_detail_that_the_input_does_not_hint_at_is_counted(rng: np.random.Generator) -> None:
    """Two spots on a scene, one of them where the input varies as much itself."""
    rows, columns = np.indices((40, 40))
    lr = np.stack([np.where(columns < 20, 1000, 1000 + 3000 * ((rows + columns) % 2))]).astype(np.float32)
    sr = observation().interpolated(lr)[0]
    assert agreement(sr, lr, observation()).departing_share == 0
    sr[:, 20, 10] += 2000
    sr[:, 20, 60] += 2000
    found = agreement(sr, lr, observation())
    assert found.departing_share == 1 / 1600
    assert "1 of" not in found.sentence()


def test_departures_below_a_stored_step_or_a_hundredth_of_the_spread_are_none(rng: np.random.Generator) -> None:
    lr = np.zeros((1, 40, 40), np.float32)
    lr[:, :, 20:] = 1000
    sr = observation().interpolated(lr)[0]
    sr[:, 10, 5] += 4
    assert agreement(sr, lr, observation(), dtype=np.float32).departing_share == 0
    sr[:, 10, 5] += 40
    assert agreement(sr, lr, observation(), dtype=np.float32).departing_share == 1 / 1600


def test_ndvi_is_compared_where_red_and_near_infrared_are_known(rng: np.random.Generator) -> None:
    """Grass whose near infrared the output makes darker: the shift of the index is that of two divisions."""
    channels = (Channel("B4", wavelength_nm=665), Channel("B8", wavelength_nm=842), Channel("B8A", wavelength_nm=865))
    lr = np.stack([np.full((8, 8), value, np.float32) for value in (300, 4000, 4000)])
    sr = grown(lr)
    sr[1] *= 0.8
    found = gathered(
        pieces(sr, None, 8), ArraySource(lr.astype(np.uint16), channels=channels), observation(), range(3), 0
    )
    assert found.ratios == {"NDVI": pytest.approx(2900 / 3500 - 3700 / 4300)}
    assert "NDVI" in found.sentence()
    assert any("NDVI" in finding.text for finding in found.findings())
    assert agreement(sr, lr, observation()).ratios == {}


@pytest.mark.parametrize(
    ("channels", "pair"),
    [
        ((Channel("a", aliases=("red",)), Channel("nir")), {"NDVI": (1, 0)}),
        ((Channel("blue"), Channel("red"), Channel("a", aliases=("x", "nir"))), {"NDVI": (2, 1)}),
        ((Channel("a", wavelength_nm=705), Channel("b", wavelength_nm=842)), {}),
        ((Channel("red"), Channel("green")), {}),
        ((Channel("red"), Channel("red"), Channel("nir")), {}),
    ],
)
def test_ratios_are_made_of_known_channels_alone(channels: tuple[Channel, ...], pair: dict) -> None:
    assert ratios_of(channels) == pair


def test_garbage_on_invalid_samples_enters_no_arithmetic(rng: np.random.Generator) -> None:
    lr, sr = scene(rng), scene(rng, size=80)
    valid = np.ones((1, 40, 40), np.bool_)
    valid[:, 5:30, 7:9] = False
    found = []
    for rubbish in (0, 3e38, np.nan, np.inf):
        dirty = np.where(grown(valid), sr, np.float32(rubbish)), np.where(valid, lr, np.float32(rubbish))
        found.append(agreement(*dirty, observation(), valid, dtype=np.float32))
    assert found[0] == found[1] == found[2] == found[3]
