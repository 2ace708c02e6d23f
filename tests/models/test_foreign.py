"""Public files of ESRGAN: their three namings give what an RRDBNet written down independently computes."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from srkit.errors import ModelError, OutputError
from srkit.models.file import load_model
from srkit.models.foreign import import_model
from srkit.plugins import Plugins
from srkit.upscaling import upscale

FEATURES, GROWTH, BLOCKS = 6, 4, 2
Name = Callable[[str], str]


def reference(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """ESRGAN's generator (Wang et al. 2018, section 3.1) on images in 0..1, by BasicSR's names, line by line."""

    def conv(name: str, x: Tensor) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)

    def dense(name: str, x: Tensor) -> Tensor:
        x1 = F.leaky_relu(conv(f"{name}.conv1", x), 0.2)
        x2 = F.leaky_relu(conv(f"{name}.conv2", torch.cat((x, x1), 1)), 0.2)
        x3 = F.leaky_relu(conv(f"{name}.conv3", torch.cat((x, x1, x2), 1)), 0.2)
        x4 = F.leaky_relu(conv(f"{name}.conv4", torch.cat((x, x1, x2, x3), 1)), 0.2)
        return x + 0.2 * conv(f"{name}.conv5", torch.cat((x, x1, x2, x3, x4), 1))

    features = trunk = conv("conv_first", x)
    for i in range(BLOCKS):
        trunk = trunk + 0.2 * dense(f"body.{i}.rdb3", dense(f"body.{i}.rdb2", dense(f"body.{i}.rdb1", trunk)))
    features = features + conv("conv_body", trunk)
    for name in ("conv_up1", "conv_up2"):
        doubled = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        features = F.leaky_relu(conv(name, doubled), 0.2)
    return conv("conv_last", F.leaky_relu(conv("conv_hr", features), 0.2))


def weights(channels: int = 3, taken: int | None = None, growth: int = GROWTH) -> dict[str, Tensor]:
    """Random weights by BasicSR's names."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"conv_first": (FEATURES, taken or channels), "conv_last": (channels, FEATURES)}
    for i in range(BLOCKS):
        for j in (1, 2, 3):
            for k in range(1, 6):
                out = growth if k < 5 else FEATURES
                sizes[f"body.{i}.rdb{j}.conv{k}"] = (out, FEATURES + (k - 1) * growth)
    sizes |= dict.fromkeys(("conv_body", "conv_up1", "conv_up2", "conv_hr"), (FEATURES, FEATURES))
    found = {f"{n}.weight": torch.randn(*s, 3, 3, generator=generator) / 8 for n, s in sizes.items()}
    return found | {f"{n}.bias": torch.randn(s[0], generator=generator) / 8 for n, s in sizes.items()}


def as_before(name: str) -> str:
    """The name in ESRGAN's repository, `RRDB_ESRGAN_x4.pth`."""
    plain = {"conv_body": "trunk_conv", "conv_up1": "upconv1", "conv_up2": "upconv2", "conv_hr": "HRconv"}
    layer, _, kind = name.rpartition(".")
    return f"{plain.get(layer, layer.replace('body', 'RRDB_trunk').replace('rdb', 'RDB'))}.{kind}"


def as_first(name: str) -> str:
    """The name in ESRGAN's first files, `RRDB_ESRGAN_x4_old_arch.pth`."""
    places = {
        "conv_first": 0,
        "conv_body": f"1.sub.{BLOCKS}",
        "conv_up1": 3,
        "conv_up2": 6,
        "conv_hr": 8,
        "conv_last": 10,
    }
    layer, _, kind = name.rpartition(".")
    inner = layer.replace("body", "1.sub").replace("rdb", "RDB") + ".0"
    return f"model.{places.get(layer, inner)}.{kind}"


@pytest.fixture
def plugins(bytes_plugins: Plugins) -> Plugins:
    return bytes_plugins


@pytest.mark.parametrize("name", [str, as_before, as_first])
def test_public_weights_compute_what_their_network_does(name: Name, plugins: Plugins, tmp_path: Path) -> None:
    found = weights()
    torch.save({"params_ema": {name(key): tensor for key, tensor in found.items()}}, tmp_path / "public.pth")
    info = import_model(tmp_path / "public.pth", tmp_path / "model.safetensors", plugins, domain="bytes")
    assert (str(info.scale), info.channels, info.parameters["blocks"], info.perceptual) == ("4", 3, BLOCKS, True)
    generator = load_model(tmp_path / "model.safetensors", plugins).generator
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close((generator(2 * image - 1) + 1) / 2, reference(found, image), rtol=1e-5, atol=1e-5)


def test_an_image_is_enlarged_by_public_weights(plugins: Plugins, tmp_path: Path) -> None:
    found = weights()
    save_file(found, tmp_path / "public.safetensors")
    import_model(tmp_path / "public.safetensors", tmp_path / "model.safetensors", plugins, domain="bytes")
    image = np.random.default_rng(0).integers(0, 256, (3, 12, 10), dtype=np.uint8)
    np.save(tmp_path / "image.npy", image)
    report = upscale(
        tmp_path / "image.npy",
        tmp_path / "sr.npy",
        model=tmp_path / "model.safetensors",
        precision="fp32",
        plugins=plugins,
    )
    assert report.exit_code == 0
    padded = np.pad(image / np.float32(255), ((0, 0), (8, 8), (8, 8)), mode="symmetric")
    with torch.inference_mode():
        judge = reference(found, torch.from_numpy(padded)[None])[0, :, 32:-32, 32:-32]
    assert np.abs(np.load(tmp_path / "sr.npy").astype(float) - 255 * judge.clip(0, 1).numpy()).max() < 0.51


def test_pixels_folded_into_channels_are_another_network(
    plugins: Plugins, spandrel: ModuleType, tmp_path: Path
) -> None:
    torch.save(weights(taken=12, growth=32), tmp_path / "x2plus.pth")
    info = import_model(tmp_path / "x2plus.pth", tmp_path / "m.safetensors", plugins, domain="bytes")
    assert (info.network, info.parameters["architecture"], str(info.scale)) == ("spandrel", "ESRGAN", "2")


def test_what_is_no_network_is_refused(plugins: Plugins, spandrel: ModuleType, tmp_path: Path) -> None:
    found = weights()
    torch.save({"body.0.weight": torch.zeros(3, 3, 3, 3)}, tmp_path / "other.pth")
    torch.save({key: tensor for key, tensor in found.items() if key != "conv_hr.bias"}, tmp_path / "part.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"params": Path("code")}, tmp_path / "code.pth")
    for name, words in {
        "other": "of no network that is known",
        "part": "no complete RRDBNet",
        "text": "no plain tensors",
        "code": "no plain tensors",
        "absent": "cannot be read",
    }.items():
        with pytest.raises(ModelError, match=words):
            import_model(tmp_path / f"{name}.pth", tmp_path / "m.safetensors", plugins, domain="bytes")
    assert not (tmp_path / "m.safetensors").exists()


def test_a_file_that_runs_code_is_refused_and_does_not_run(plugins: Plugins, tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"params": {"conv.weight": Code()}}, tmp_path / "code.pth")
    with pytest.raises(ModelError, match="no plain tensors"):
        import_model(tmp_path / "code.pth", tmp_path / "m.safetensors", plugins, domain="bytes")
    assert not (tmp_path / "ran").exists()


def test_a_domain_that_needs_training_data_for_its_range_is_refused(toy_plugins: Plugins, tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "public.pth")
    with pytest.raises(ModelError, match="choose another domain"):
        import_model(tmp_path / "public.pth", tmp_path / "m.safetensors", toy_plugins, domain="toy")


def test_a_model_is_replaced_only_where_that_is_asked_for(plugins: Plugins, tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "public.pth")
    out = tmp_path / "m.safetensors"
    out.write_bytes(b"dear")
    with pytest.raises(OutputError, match="--overwrite"):
        import_model(tmp_path / "public.pth", out, plugins, domain="bytes")
    import_model(tmp_path / "public.pth", out, plugins, domain="bytes", overwrite=True)
    assert load_model(out, plugins).info.name == "public"
