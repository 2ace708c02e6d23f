import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import load_file

from srkit.domain import NetworkFactory
from srkit.errors import ModelError, OutputError
from srkit.grid import Scale
from srkit.image import Channel
from srkit.models.file import ModelInfo, load_model, read_info, save_model
from srkit.models.info import Seen
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins, load_plugins

SHAPE = {"features": 4, "blocks": 1, "head_kernel": 3, "skip": "bicubic"}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(environment={"SRKIT_PLUGINS": ""})


@pytest.fixture
def generator() -> SRResNet:
    torch.manual_seed(0)
    network = SRResNet(ndim=3, channels=2, scale=(4, 2, 2), **SHAPE)
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.05)
    network.train()(torch.rand(2, 2, 4, 4, 4))  # batch statistics of their own
    return network.eval()


@pytest.fixture
def info(generator: SRResNet) -> ModelInfo:
    return ModelInfo(
        name="thick-slices",
        domain="mri",
        network="srresnet",
        parameters=SHAPE,
        scale=Scale(row=2, column=2, slice=4),
        roles=("slice", "row", "column"),
        channels=2,
        inputs=(
            Channel("T1", quantity="signal"),
            Channel("T2 µ", wavelength_nm=665.0, bandwidth_nm=31.0, aliases=("red",)),
        ),
        normalizer={"kind": "range", "low": [0.0, 1.5], "high": [10.0, 20.0]},
        degradation=({"name": "profile", "thickness": 1.25}, {"name": "kspace"}),
        halo=generator.halo,
        perceptual=False,
        training={"steps": 10},
        seen=Seen((-1.0, 1.5), {"row": (0.5, 1.0)}, ("signal",)),
        card="# Card\n",
    )


def test_a_model_comes_back_as_it_was_saved(
    tmp_path: Path, plugins: Plugins, generator: SRResNet, info: ModelInfo
) -> None:
    path = tmp_path / "deep" / "model.safetensors"
    digest = save_model(path, generator, info)
    model = load_model(path, plugins)
    assert model.info == info
    assert model.sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.path == path
    lr = torch.rand(1, 2, 3, 5, 4)
    torch.testing.assert_close(model.generator(lr), generator(lr), rtol=0, atol=0)


def test_a_loaded_generator_is_frozen_and_in_evaluation_mode(
    tmp_path: Path, plugins: Plugins, generator: SRResNet, info: ModelInfo
) -> None:
    save_model(tmp_path / "m.safetensors", generator.train(), info)
    loaded = load_model(tmp_path / "m.safetensors", plugins).generator
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_float16_halves_the_file_and_loads_as_float32(
    tmp_path: Path, plugins: Plugins, generator: SRResNet, info: ModelInfo
) -> None:
    save_model(tmp_path / "full.safetensors", generator, info)
    save_model(tmp_path / "half.safetensors", generator, info, storage="float16")
    model = load_model(tmp_path / "half.safetensors", plugins)
    assert {p.dtype for p in model.generator.parameters()} == {torch.float32}
    weights = sum(p.numel() for p in generator.parameters())
    saved = (tmp_path / "full.safetensors").stat().st_size - (tmp_path / "half.safetensors").stat().st_size
    assert saved == pytest.approx(2 * weights, rel=0.1)
    lr = torch.rand(1, 2, 3, 5, 4)
    torch.testing.assert_close(model.generator(lr), generator(lr), rtol=0, atol=5e-3)


def test_the_same_model_makes_the_same_bytes(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> None:
    shuffled = replace(info, parameters=dict(reversed(SHAPE.items())))
    assert save_model(tmp_path / "a", generator, info) == save_model(tmp_path / "b", generator, shuffled)


def test_other_readers_of_safetensors_read_the_weights(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> None:
    save_model(tmp_path / "m.safetensors", generator, info)
    tensors = load_file(tmp_path / "m.safetensors")
    assert tensors.keys() == generator.state_dict().keys()


def test_nothing_is_left_behind_where_saving_fails(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> None:
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(OutputError, match=r"model\.safetensors cannot be written: Is a directory"):
        save_model(tmp_path / "model.safetensors", generator, info)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_saved(
    tmp_path: Path, generator: SRResNet, info: ModelInfo, value: float
) -> None:
    generator.last.weight.data[0, 0] = value
    with pytest.raises(ModelError, match=r"last\.weight"):
        save_model(tmp_path / "m.safetensors", generator, info)
    assert list(tmp_path.iterdir()) == []


def test_weights_too_large_for_float16_are_not_saved_as_such(
    tmp_path: Path, generator: SRResNet, info: ModelInfo
) -> None:
    generator.last.weight.data[0, 0] = 1e6
    with pytest.raises(ModelError, match="too large for float16"):
        save_model(tmp_path / "m.safetensors", generator, info, storage="float16")


def test_an_infinite_figure_of_training_does_not_lose_the_model(
    tmp_path: Path, generator: SRResNet, info: ModelInfo
) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, generator, replace(info, training={"val": [{"psnr": float("inf")}]}))
    assert read_info(path).training == {"val": [{"psnr": "inf"}]}


def test_a_normaliser_that_is_no_number_is_not_saved(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> None:
    with pytest.raises(ModelError, match="not plain JSON"):
        save_model(tmp_path / "m.safetensors", generator, replace(info, normalizer={"low": float("nan")}))


@pytest.mark.parametrize(
    "wrong",
    [{"channels": 1}, {"scale": Scale(2, 2, 2)}, {"roles": ("row", "column")}, {"halo": (1, 1, 1)}, {"halo": None}],
)
def test_an_info_that_contradicts_its_generator_is_not_saved(
    tmp_path: Path, generator: SRResNet, info: ModelInfo, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong)) if "roles" not in wrong else "ndim"):
        save_model(tmp_path / "m.safetensors", generator, replace(info, **wrong))


def test_the_header_alone_tells_what_a_model_is(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, generator, info)
    assert read_info(path) == info
    assert info.network_scale == (4, 2, 2)


# --- what is wrong with a file -------------------------------------------------------------------------------------


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Rewrite the description in the header of a model file."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    description = json.loads(header["__metadata__"]["srkit"])
    change(description)
    header["__metadata__"]["srkit"] = json.dumps(description)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    return path


@pytest.fixture
def saved(tmp_path: Path, generator: SRResNet, info: ModelInfo) -> Path:
    save_model(tmp_path / "m.safetensors", generator, info)
    return tmp_path / "m.safetensors"


def test_an_edited_file_that_is_right_still_loads(saved: Path, plugins: Plugins) -> None:
    assert load_model(edited(saved, lambda d: d.update(name="renamed")), plugins).info.name == "renamed"


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("format", 3, "update srkit"),
        ("format", "one", "damaged"),
        ("network", "srresne", "did you mean 'srresnet'"),
        ("network", "vgg", "needs the network 'vgg'"),
        ("scale", [2, 2], "scale"),
        ("scale", [2, 0, 4], "valid 'scale'"),
        ("scale", [2, 2, 2], "tensor|scale"),
        ("roles", ["slice", "row", "colum"], "valid 'roles'"),
        ("roles", ["row", "row", "column"], "valid 'roles'"),
        ("roles", ["row", "column"], "axis that its network does not have|contradicts"),
        ("channels", 0, "valid 'channels'"),
        ("channels", True, "valid 'channels'"),
        ("channels", 3, "contradicts itself"),
        ("inputs", [{"name": "T1"}], "contradicts itself"),
        ("inputs", [{"name": "T1"}, {"name": 2}], "valid 'inputs'"),
        ("inputs", [{"name": "T1"}, {"name": "T2", "wavelength_nm": "red"}], "valid 'inputs'"),
        ("seen", {"values": [1]}, "valid 'seen'"),
        ("halo", [1, 1, 1], "claims halo"),
        ("halo", [1, 1], "contradicts itself"),
        ("parameters", [], "valid 'parameters'"),
        ("parameters", {"features": 10**9, "blocks": 1}, "cannot be built"),
        ("parameters", {"features": 10**6, "blocks": 1}, "tensor"),
        ("parameters", {"featurs": 4}, "refuses the parameters"),
        ("parameters", {"upsampling": "magic"}, "refuses the parameters"),
        ("perceptual", "no", "valid 'perceptual'"),
        ("card", 5, "valid 'card'"),
    ],
)
def test_a_wrong_description_is_refused_with_a_reason(
    saved: Path, plugins: Plugins, entry: str, value: object, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load_model(edited(saved, lambda d: d.__setitem__(entry, value)), plugins)


def test_a_file_of_the_first_form_is_read_with_the_names_of_its_channels(saved: Path, plugins: Plugins) -> None:
    def older(description: dict[str, Any]) -> None:
        description["format"] = 1
        description["channel_names"] = [channel["name"] for channel in description.pop("inputs")]
        del description["seen"]

    found = load_model(edited(saved, older), plugins).info
    assert found.inputs == (Channel("T1"), Channel("T2 µ"))
    assert found.seen == Seen()


@pytest.mark.parametrize("entry", ["name", "halo", "normalizer", "training"])
def test_an_incomplete_description_is_refused(saved: Path, plugins: Plugins, entry: str) -> None:
    with pytest.raises(ModelError, match=entry):
        load_model(edited(saved, lambda d: d.pop(entry)), plugins)


@pytest.mark.parametrize("length", [0, 5, 40, 2000, -100])
def test_a_truncated_file_is_refused(saved: Path, plugins: Plugins, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(ModelError, match=r"m\.safetensors"):
        load_model(saved, plugins)


@pytest.mark.parametrize("content", [b"\x80\x04pickle", b"text, and more text", b"\xff" * 64, b"[]      " * 4])
def test_a_foreign_file_is_refused(tmp_path: Path, plugins: Plugins, content: bytes) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="foreign"):
        load_model(path, plugins)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path, plugins: Plugins) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(ModelError, match="cannot be read"):
            load_model(path, plugins)


def test_weights_without_a_description_are_refused(tmp_path: Path, plugins: Plugins) -> None:
    save_numpy({"weight": np.zeros(3, np.float32)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="no description"):
        load_model(tmp_path / "w.safetensors", plugins)


def test_weights_that_are_no_numbers_are_refused(saved: Path, plugins: Plugins) -> None:
    data = bytearray(saved.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    last = max((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"][1])
    assert header[last]["dtype"] == "F32"
    saved.write_bytes(data)
    with pytest.raises(ModelError, match=last):
        load_model(saved, plugins)


def test_a_network_that_keeps_its_promise_badly_is_found_out(
    saved: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    def liar(**parameters: Any) -> SRResNet:
        network = SRResNet(**parameters)
        network.halo = (0, 0, 0)
        return network

    monkeypatch.setattr("srkit.plugins.networks", lambda _: {"srresnet": NetworkFactory("srresnet", "generator", liar)})
    with pytest.raises(ModelError, match="halo"):
        load_model(saved, plugins)
