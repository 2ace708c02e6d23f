import numpy as np
import pytest
import torch
from PIL import Image

from srkit.degrade import apply, margin, parse
from srkit.errors import RecipeError

KINDS = ["area", "bilinear", "bicubic"]
DETOUR = [
    {"name": "blur", "sigma": 1.0, "size": 5},
    {"name": "resize", "grid": "hr", "factor": 0.6, "kind": "bilinear"},
    {"name": "blur", "sigma": 0.7, "size": 3},
    {"name": "resize", "factor": 1.3, "kind": "bicubic"},
    {"name": "resize"},
]


def centroid(image):
    axes = [np.arange(n) + 0.5 for n in image.shape]
    total = image.sum()
    return [float((image.sum(axis=1 - axis) * axes[axis]).sum() / total) / len(axes[axis]) for axis in range(2)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_blob_stays_where_it_is(kind):
    rows, columns = (np.exp(-0.5 * ((np.arange(96) - centre) / 6) ** 2) for centre in (40.3, 61.8))
    hr = torch.from_numpy(np.outer(rows, columns))[None, None]
    chain = [{"name": "resize", "grid": "hr", "factor": 0.7, "kind": kind}, {"name": "resize", "kind": kind}]
    lr = apply(hr, parse(chain), (4, 4))[0, 0].numpy()
    assert lr.shape == (24, 24)
    np.testing.assert_allclose(centroid(lr), centroid(hr[0, 0].numpy()), atol=0.02 / 24)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_area_by_a_whole_factor_is_the_mean(factor):
    hr = torch.rand(1, 2, 24, 36, dtype=torch.double)
    lr = apply(hr, parse([{"name": "resize", "kind": "area"}]), (factor, factor))
    torch.testing.assert_close(lr, apply(hr, parse([{"name": "area"}]), (factor, factor)))


def test_enlarging_agrees_with_pillow():
    picture = np.random.default_rng(0).random((12, 10)).astype(np.float32)
    chain = parse([{"name": "resize", "grid": "hr", "factor": 2, "kind": "bilinear"}, {"name": "resize"}])
    large = chain.steps[0]
    judge = np.asarray(Image.fromarray(picture).resize((20, 24), Image.Resampling.BILINEAR))
    from srkit.degrade.resize import Resize

    mine = Resize(**large.parameters).resized(torch.from_numpy(picture)[None, None], (24, 20))[0, 0]
    np.testing.assert_allclose(mine, judge, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_stays_constant_through_a_detour(kind):
    chain = [{**step, "kind": kind} if step["name"] == "resize" else step for step in DETOUR]
    lr = apply(torch.full((1, 3, 24, 24), 37.0, dtype=torch.double), parse(chain), (2, 2))
    torch.testing.assert_close(lr, torch.full((1, 3, 12, 12), 37.0, dtype=torch.double))


def test_a_window_with_its_margin_gives_the_lr_of_the_whole():
    chain = parse(
        [
            {"name": "blur", "size": 5},
            {"name": "resize", "grid": "hr", "factor": 0.5, "kind": "area"},
            {"name": "blur", "size": 3, "kind": "sinc"},
            {"name": "resize", "factor": 1.5, "kind": "bicubic"},
            {"name": "resize", "kind": "bilinear"},
        ]
    )
    hr = torch.rand(1, 1, 240, 240, dtype=torch.double)
    rows, columns = margin(chain, (4, 4))
    whole = apply(hr, chain, (4, 4))
    window = hr[..., 120 - rows : 120 + 16 + rows, 96 - columns : 96 + 24 + columns]
    lr = apply(window, chain, (4, 4))[..., rows // 4 : rows // 4 + 4, columns // 4 : columns // 4 + 6]
    torch.testing.assert_close(lr, whole[..., 30:34, 24:30])


def test_slices_of_a_volume_keep_their_number():
    hr = torch.rand(1, 1, 5, 16, 16)
    chain = parse([{"name": "resize", "grid": "hr", "factor": 0.8}, {"name": "resize"}])
    lr = apply(hr, chain, (1, 2, 2))
    torch.testing.assert_close(lr[:, :, 3], apply(hr[:, :, 3], chain, (2, 2)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([{"name": "resize", "grid": "hr", "factor": 0.5}], "end it with"),
        ([{"name": "resize", "grid": "hr", "factor": 0.5}, {"name": "bicubic"}], "cannot follow a resize"),
        ([{"name": "resize", "factor": {"from": 0.5, "to": 1}}], "end it with"),
    ],
)
def test_a_detour_must_come_back_to_the_lr_grid(spec, message):
    with pytest.raises(RecipeError, match=message):
        apply(torch.rand(1, 1, 8, 8), parse(spec), (2, 2))


def test_a_resize_needs_rows_and_columns():
    with pytest.raises(RecipeError, match="works on rows and columns"):
        apply(torch.rand(1, 1, 8, 8), parse([{"name": "resize"}]), (2, 2), roles=("slice", "row"))
