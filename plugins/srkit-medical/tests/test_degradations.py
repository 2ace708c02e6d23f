"""The default degradations put a sample where the grid says that it is."""

from __future__ import annotations

import pytest
import torch
from srkit_medical.degradations import default_degradation

from srkit.degrade import apply
from srkit.grid import Scale


def blob(size: int, centre: float, width: float = 5.0) -> torch.Tensor:
    return torch.exp(-((torch.arange(size, dtype=torch.float64) - centre) ** 2) / (2 * width**2))


@pytest.mark.parametrize("domain", ["mri", "ct", "pet"])
@pytest.mark.parametrize(
    ("scale", "factors"), [(Scale(2, 2), (1, 2, 2)), (Scale(1, 1, 4), (4, 1, 1)), (Scale(2, 3, 2), (2, 2, 3))]
)
def test_centre_of_mass_stays(domain: str, scale: Scale, factors: tuple[int, ...]) -> None:
    sizes, centres = (48, 60, 72), (22.0, 31.0, 35.0)
    axes = [blob(n, c) for n, c in zip(sizes, centres, strict=True)]
    hr = torch.einsum("i,j,k->ijk", *axes)[None, None]
    lr = apply(hr, default_degradation(domain, scale), factors)[0, 0]
    for axis, (factor, centre) in enumerate(zip(factors, centres, strict=True)):
        weight = lr.sum([a for a in range(3) if a != axis])
        place = float((weight * torch.arange(len(weight))).sum() / weight.sum())
        assert (place + 0.5) * factor - 0.5 == pytest.approx(centre, abs=0.02)


@pytest.mark.parametrize("domain", ["mri", "ct", "pet"])
def test_flat_image_stays_as_it_is(domain: str) -> None:
    hr = torch.full((1, 1, 24, 24, 24), -700.0, dtype=torch.float64)
    lr = apply(hr, default_degradation(domain, Scale(2, 2, 3)), (3, 2, 2))
    torch.testing.assert_close(lr, torch.full((1, 1, 8, 12, 12), -700.0, dtype=torch.float64))


def test_thick_ct_slices_are_the_mean_of_thin_ones() -> None:
    hr = torch.rand(1, 1, 12, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lr = apply(hr, default_degradation("ct", Scale(slice=4)), (4, 1, 1))
    torch.testing.assert_close(lr, hr.reshape(1, 1, 3, 4, 6, 6).mean(3))


def test_plane_is_degraded_without_a_slice_axis() -> None:
    lr = apply(torch.ones(1, 1, 16, 16), default_degradation("mri", Scale(2, 2)), (2, 2))
    assert lr.shape == (1, 1, 8, 8)
