"""Digital phantoms with known answers: volume, HU, edge, noise and contrast survive what srkit makes of them (S9).

A slab of water with a ball in it is computed from geometry at LR, with the share of the ball in each voxel: what a
scanner without blur or noise would measure. What is known of it holds for every output, whoever made it.
"""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from scipy import ndimage
from srkit_medical.foreground import body_of

from srkit.grid import Scale
from srkit.networks.srresnet import SRResNet
from srkit.upscaling import upscale
from srkit.upscaling.planning.enlarger import Enlarger

SHAPE, SPACING = (26, 24, 20), np.array([1.0, 1.0, 1.5])
CENTRE, RADIUS = np.array([12.3, 11.2, 14.1]), 7.0  # mm from the outer corner
WATER, INSERT = 0.0, 60.0
PARTS = 6  # per axis of a voxel, for the share of the ball in it


def phantom(rng: np.random.Generator | None = None, sigma: float = 0.0) -> np.ndarray:
    """Return HU ``(i, j, k)`` of the ball in water."""
    axes = [(np.arange(n * PARTS) + 0.5) / PARTS * d for n, d in zip(SHAPE, SPACING, strict=True)]
    inside = sum((a - c) ** 2 for a, c in zip(np.meshgrid(*axes, indexing="ij"), CENTRE, strict=True)) < RADIUS**2
    parts = inside.reshape(*(m for n in SHAPE for m in (n, PARTS)))
    share = parts.mean(axis=(1, 3, 5))
    noise = 0.0 if rng is None else rng.normal(0, sigma, SHAPE)
    return (WATER + (INSERT - WATER) * share + noise).astype(np.float32)


def enlarged(folder: Path, values: np.ndarray, model: str | Enlarger, domain: str = "ct") -> np.ndarray:
    """Return what `srkit upscale` makes of a volume at twice the samples along each axis."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = SPACING / 2  # world 0 is the outer corner
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / "in.nii.gz")
    upscale(folder / "in.nii.gz", folder / "out.nii.gz", model=model, scale="2,2,2", domain=domain, overwrite=True)
    image = nibabel.load(folder / "out.nii.gz")
    np.testing.assert_allclose(image.affine @ [-0.5, -0.5, -0.5, 1], [0, 0, 0, 1], atol=1e-5)
    return np.asarray(image.dataobj)


def radii(shape: tuple[int, ...]) -> np.ndarray:
    """Return how far voxel centres are from the ball's centre, mm."""
    step = SPACING * SHAPE / shape
    axes = [(np.arange(n) + 0.5) * d for n, d in zip(shape, step, strict=True)]
    return np.sqrt(sum((a - c) ** 2 for a, c in zip(np.meshgrid(*axes, indexing="ij"), CENTRE, strict=True)))


def edge_width(values: np.ndarray) -> float:
    """Return from 20 % to 80 % of the ball's edge, in mm, of values by their distance from its centre."""
    distance = radii(values.shape)
    shell = (distance > RADIUS - 3) & (distance < RADIUS + 3)
    order = np.argsort(distance[shell])
    far, level = distance[shell][order], values[shell][order]
    smooth = np.convolve(level, np.ones(41) / 41, mode="valid")
    places = far[20:-20]
    top, bottom = (places[np.argmin(np.abs(smooth - share * INSERT))] for share in (0.8, 0.2))
    return float(bottom - top)


@pytest.mark.parametrize("model", ["nearest", "bspline"])
def test_volume_values_and_place_of_a_ball_stay(tmp_path: Path, model: str) -> None:
    values = enlarged(tmp_path, phantom(), model)
    voxel = float(np.prod(SPACING)) / 8
    assert (values > INSERT / 2).sum() * voxel == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.05)
    distance = radii(values.shape)
    assert values[distance < RADIUS - 3].mean() == pytest.approx(INSERT, abs=2)
    assert values[distance > RADIUS + 3].mean() == pytest.approx(WATER, abs=2)
    places = np.argwhere(values > INSERT / 2).mean(axis=0) + 0.5
    np.testing.assert_allclose(places * SPACING / 2, CENTRE, atol=0.1)


def test_an_edge_is_as_wide_as_a_voxel_and_no_wider(tmp_path: Path) -> None:
    for model in ("nearest", "lanczos"):
        values = enlarged(tmp_path, phantom(), model)
        assert 0.3 < edge_width(values) < 1.0
    assert edge_width(ndimage.gaussian_filter(values, 1.5)) > 1.2


@pytest.mark.parametrize("model", ["bicubic", "lanczos"])
def test_interpolation_invents_no_noise_and_costs_no_contrast(tmp_path: Path, model: str) -> None:
    rng = np.random.default_rng(4)
    before = phantom(rng, sigma=10)
    values = enlarged(tmp_path, before, model)
    water = values[:12, :, :]  # LR columns 0 to 5: the ball begins at 5.3 mm
    spectrum = np.abs(np.fft.fftn(water - water.mean())) ** 2
    beyond = np.abs(np.fft.fftfreq(water.shape[1]))[None, :, None] > 0.25  # of SR's sampling: beyond LR's Nyquist
    assert spectrum[np.broadcast_to(beyond, spectrum.shape)].sum() < 0.1 * spectrum.sum()
    assert water.std() < 1.05 * before[:6].std()
    inner, outer = (values[mask] for mask in (radii(values.shape) < RADIUS - 2, radii(values.shape) > RADIUS + 3))
    was_inner, was_outer = (before[mask] for mask in (radii(SHAPE) < RADIUS - 2, radii(SHAPE) > RADIUS + 3))
    contrast = (inner.mean() - outer.mean()) / outer.std()
    assert contrast > 0.95 * (was_inner.mean() - was_outer.mean()) / was_outer.std()


def fresh_model() -> Enlarger:
    """Return a network that adds a little of its own to bicubic interpolation, in three dimensions."""
    torch.manual_seed(1)
    network = SRResNet(ndim=3, channels=1, scale=(2, 2, 2), features=4, blocks=1, skip="bicubic", head_kernel=3).eval()
    spec = {"kind": "percentile", "low": 0.5, "high": 99.5}
    return Enlarger("fresh", Scale(2, 2, 2), network, ("slice", "row", "column"), normalizer=spec)


@pytest.mark.parametrize("made_by", ["bspline", "network"])
def test_noise_around_the_body_stays_noise_and_nothing_new_appears_in_it(tmp_path: Path, made_by: str) -> None:
    rng = np.random.default_rng(9)
    ball = phantom() * 15
    magnitude = np.hypot(ball + rng.normal(0, 12, SHAPE), rng.normal(0, 12, SHAPE)).astype(np.float32)
    values = enlarged(tmp_path, magnitude, fresh_model() if made_by == "network" else made_by, "mri")
    air, was_air = (radii(shape) > RADIUS + 2 for shape in (values.shape, SHAPE))
    assert 0.5 < values[air].std() / magnitude[was_air].std() < 2
    assert values[air].mean() == pytest.approx(magnitude[was_air].mean(), rel=0.1)
    assert values[air].max() < 1.3 * magnitude[was_air].max()
    body, was_body = (body_of(volume[None], None)[0] for volume in (values, magnitude))
    assert not (body & air).any()
    assert body.mean() == pytest.approx(was_body.mean(), rel=0.1)
