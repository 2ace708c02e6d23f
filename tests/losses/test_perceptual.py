import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from srkit.errors import MissingRequirementError, RecipeError
from srkit.losses.perceptual import PerceptualLoss, stlpips_loss, stvgg16_loss, vgg19_loss
from srkit.losses.stlpips import stlpips
from srkit.losses.weights import STLPIPS_WHEEL, STVGG16_FILES, STVGG16_MEMBER

Loss = Callable[..., PerceptualLoss]


@pytest.fixture
def make(tmp_path: Path, torchvision_state: Callable[[], dict[str, Tensor]]) -> Loss:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    return lambda **choices: vgg19_loss(**{"layers": "relu2_2", "weights": tmp_path / "vgg.pth", **choices})


def grey_mean(loss: PerceptualLoss, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.stack(
        [loss(a[None, None].expand(1, 3, -1, -1), b[None, None].expand(1, 3, -1, -1)) for a, b in pairs]
    ).mean()


def test_one_channel_is_a_grey_image(make: Loss) -> None:
    sr, hr = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(make()(sr, hr), grey_mean(make(), [(sr[0, 0], hr[0, 0])]))


def test_many_channels_are_a_grey_image_each(make: Loss) -> None:
    sr, hr = torch.rand(1, 5, 8, 8), torch.rand(1, 5, 8, 8)
    torch.testing.assert_close(make()(sr, hr), grey_mean(make(), list(zip(sr[0], hr[0], strict=True))))


def test_three_channels_can_be_grey_images_too(make: Loss) -> None:
    sr, hr = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    each = make(bands="each")(sr, hr)
    torch.testing.assert_close(each, grey_mean(make(), list(zip(sr[0], hr[0], strict=True))))
    assert not torch.allclose(each, make()(sr, hr))


def test_a_volume_is_judged_by_its_planes_along_three_axes(make: Loss) -> None:
    sr, hr = torch.rand(1, 1, 4, 6, 8), torch.rand(1, 1, 4, 6, 8)
    a, b = sr[0, 0], hr[0, 0]
    stacks = [
        grey_mean(make(), [(a[i], b[i]) for i in range(4)]),
        grey_mean(make(), [(a[:, i], b[:, i]) for i in range(6)]),
        grey_mean(make(), [(a[:, :, i], b[:, :, i]) for i in range(8)]),
    ]
    torch.testing.assert_close(make()(sr, hr), torch.stack(stacks).mean())
    torch.testing.assert_close(make(normals=["slice"])(sr, hr), stacks[0])


def test_layers_are_weighed_and_summed(make: Loss) -> None:
    sr, hr = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    both = make(layers={"relu2_2": 0.5, "relu1_1": 2.0})(sr, hr)
    torch.testing.assert_close(both, 0.5 * make()(sr, hr) + 2 * make(layers="relu1_1")(sr, hr))


def test_equal_images_cost_nothing(make: Loss) -> None:
    image = torch.rand(1, 1, 8, 8)
    assert float(make()(image, image)) == 0


def test_planes_too_small_for_the_layer_are_refused(make: Loss) -> None:
    with pytest.raises(RecipeError, match="too small"):
        make(layers="relu3_4")(torch.rand(1, 1, 3, 64), torch.rand(1, 1, 3, 64))


def read(path: Path) -> Tensor:
    picture = np.asarray(Image.open(path).convert("RGB")).astype("float32")
    return torch.from_numpy(picture.transpose(2, 0, 1)[None] / 127.5 - 1)


@pytest.mark.parametrize(("name", "distance"), [("ex_p0.png", 0.27250), ("ex_p1.png", 0.06592)])
def test_st_lpips_gives_the_distances_of_its_reference_implementation(
    real_weights: Path, name: str, distance: float
) -> None:
    pictures = read(real_weights / "ref" / name), read(real_weights / "ref" / "ex_ref.png")
    with torch.no_grad():
        found = stlpips(real_weights / STVGG16_FILES[0])(*pictures)
    assert float(found) == pytest.approx(distance, abs=1e-5)


def authors_state() -> dict[str, Tensor]:
    """Random weights of ST-LPIPS's VGG16 up to block 3, by its authors' names."""
    generator, state = torch.Generator().manual_seed(0), {}
    for block, (places, width, before) in enumerate(
        (((0, 2), 64, 3), ((6, 8), 128, 64), ((12, 14, 16), 256, 128)), start=1
    ):
        for place in places:
            taken = before if place == places[0] else width
            state[f"net.slice{block}.{place}.weight"] = torch.randn(width, taken, 3, 3, generator=generator) / 30
            state[f"net.slice{block}.{place}.bias"] = torch.zeros(width)
        state[f"lin{block - 1}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=generator)
    return state


def test_st_lpips_as_a_loss_finds_the_wheel_of_its_authors(nowhere: Path) -> None:
    content = io.BytesIO()
    torch.save(authors_state(), content)
    with zipfile.ZipFile(nowhere / STLPIPS_WHEEL, "w") as wheel:
        wheel.writestr(STVGG16_MEMBER, content.getvalue())
    loss = stlpips_loss()
    sr, hr = (torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert float(loss(sr, hr)) > 0
    assert float(loss(hr, hr)) == 0


def test_st_lpips_as_a_loss_tells_what_a_file_lacks(tmp_path: Path) -> None:
    torch.save({key: of for key, of in authors_state().items() if not key.startswith("lin1")}, tmp_path / "bare.pth")
    with pytest.raises(MissingRequirementError, match=r"bare\.pth lacks lin2\.weight"):
        stlpips_loss(weights=tmp_path / "bare.pth")


def test_st_lpips_as_a_loss_names_itself_where_it_has_no_weights(nowhere: Path) -> None:
    with pytest.raises(MissingRequirementError, match="the loss 'stlpips' needs"):
        stlpips_loss()


def test_st_lpips_as_a_loss_is_its_mean_over_pictures(real_weights: Path) -> None:
    pictures = [read(real_weights / "ref" / name) for name in ("ex_p0.png", "ex_p1.png", "ex_ref.png")]
    sr, hr = torch.cat(pictures[:2]), pictures[2].expand(2, -1, -1, -1)
    loss = stlpips_loss(weights=real_weights / STVGG16_FILES[0])
    assert float(loss(sr, hr)) == pytest.approx((0.27250 + 0.06592) / 2, abs=1e-5)


def test_st_lpips_as_a_loss_has_a_gradient_where_the_network_sees_nothing(real_weights: Path) -> None:
    loss = stlpips_loss(weights=real_weights / STVGG16_FILES[0])
    loss.distance.features.convolutions["relu3_3"].bias.fill_(-1e6)  # no activation anywhere
    sr = torch.rand(1, 1, 32, 32, requires_grad=True)
    loss(sr, torch.rand(1, 1, 32, 32)).backward()
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()


def test_st_lpips_as_a_loss_refuses_what_it_does_not_know(real_weights: Path) -> None:
    with pytest.raises(RecipeError, match="layers"):
        stlpips_loss(weights=real_weights / STVGG16_FILES[0], layers="relu3_3")


@pytest.mark.parametrize(("layer", "share"), [("relu1_2", 0.27), ("relu2_2", 0.09), ("relu3_3", 0.08)])
def test_the_st_vgg16_activations_are_as_sparse_as_measured(real_weights: Path, layer: str, share: float) -> None:
    loss = stvgg16_loss(layers=layer, weights=real_weights / STVGG16_FILES[0])
    activations = loss.features(read(real_weights / "ref" / "ex_ref.png"))[layer]
    assert float((activations > 0).float().mean()) == pytest.approx(share, abs=0.006)


def test_the_st_vgg16_loss_prefers_a_warp_to_a_blur(real_weights: Path) -> None:
    """Unlike the mean squared error, which has it the other way round on the reference pictures."""
    loss = stvgg16_loss(weights=real_weights / STVGG16_FILES[0])
    blurred, warped, hr = (read(real_weights / "ref" / name) for name in ("ex_p0.png", "ex_p1.png", "ex_ref.png"))
    assert loss(warped, hr) < loss(blurred, hr)
    assert F.mse_loss(warped, hr) > F.mse_loss(blurred, hr)


def test_the_st_vgg16_weights_are_found_where_srkit_data_points(
    real_weights: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRKIT_DATA", str(real_weights.parent))
    volume = torch.rand(1, 1, 8, 8, 8, requires_grad=True)
    stvgg16_loss(layers="relu2_2")(volume, torch.rand(1, 1, 8, 8, 8)).backward()
    assert float(volume.grad.abs().sum()) > 0
