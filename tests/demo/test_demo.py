"""The demonstration with small samples of an array domain: what `srkit demo` does on real ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srkit import Sample
from srkit.demo import demo_page, demonstrate, run
from srkit.demo.collection import collect_samples, item_at, open_at, write_degraded
from srkit.demo.views import plane_of
from srkit.errors import InputError, MissingRequirementError, UsageError
from srkit.grid import Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.report import write_page
from srkit.testing import plugins_with

PLUGIN = """
import numpy as np
import srkit

@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("npy", "NumPy arrays")]

@srkit.hookimpl
def srkit_discover(root):
    for path, folder in srkit.files_below(root):
        if path.suffix == ".npy":
            yield srkit.Item((path,), "npy", folder=folder, stem=path.stem, suffix=".npy")

@srkit.hookimpl
def srkit_open(domain, item):
    return srkit.ArraySource(np.load(item.path)[np.newaxis]) if domain == "npy" else None

@srkit.hookimpl
def srkit_create(domain, target, plan):
    return Sink(target, plan) if domain == "npy" else None

class Sink(srkit.ArraySink):
    def save(self, target, stored):
        with target.open("wb") as file:
            np.save(file, stored[0])
"""


def scene(seed: int) -> np.ndarray:
    rows, columns = np.mgrid[:64, :48]
    waves = [np.sin(rows / a + columns / b + c) for a, b, c in np.random.default_rng(seed).uniform(1, 6, (6, 3))]
    return np.asarray(120 + 18 * np.sum(waves, axis=0), np.uint8)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("SRKIT_MODELS", raising=False)
    path = tmp_path / "npy_plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return plugins_with(path)


def make_samples(folder: Path) -> Sequence[Sample]:
    train, single = folder / "train", folder / "single"
    train.mkdir(parents=True)
    single.mkdir()
    for seed in range(3):
        np.save(train / f"s{seed}.npy", scene(seed))
    (train / "split.csv").write_text("path,split\ns0.npy,train\ns1.npy,train\ns2.npy,val\n")
    np.save(single / "held.npy", scene(9))
    (single / "broken.npy").write_bytes(b"no array")
    return (
        Sample("Waves to train on", "npy", train, "train", "Made here."),
        Sample("Waves held out", "npy", single / "held.npy", "reference", "Made here <too>."),
        Sample("Waves again", "npy", single / "held.npy", "upscale", "Made here.", rows_up=True),
        Sample("Plain waves", "npy", single / "held.npy", "interpolate", "Made here."),
        Sample("Not an image", "npy", single / "broken.npy", "inspect", "Broken."),
    )


def test_all_samples_are_shown_and_measured(tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("out")  # relative, as in `make demo`
    result = demonstrate(out, steps=2, plugins=plugins, makers=[make_samples])
    assert [shown.result.status for shown in result.shown] == ["done"] * 3
    assert [shown.result.model for shown in result.shown] == ["demo-npy-x2", "demo-npy-x2", "bicubic"]
    assert [sample.title for sample, _ in result.tables] == ["Waves held out", "Plain waves"]
    assert set(result.tables[0][1].models) == {"demo-npy-x2", "nearest", "bicubic", "bspline", "lanczos"}
    assert result.inspected[0][2].startswith("refused")

    write_page(out / "index.html", demo_page(result))
    page = (out / "index.html").read_text(encoding="utf-8")
    for text in (
        "The scene is interpolated",
        "overdoes it",
        "Waves held out",
        "Made here &lt;too&gt;.",
        "of the same volume",
        "bspline",
        "Not an image",
    ):
        assert text in page
    assert page.count('type="range"') == 3
    assert page.count("(trained here)") == 1


def test_a_model_at_hand_is_used_and_shown_beside_the_one_trained_here(
    tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRKIT_MODELS", str(tmp_path / "shelf"))
    shape: dict[str, Any] = {"features": 4, "blocks": 1, "head_kernel": 3, "skip": "bicubic"}
    network = SRResNet(channels=1, scale=2, **shape)
    info = ModelInfo(
        "npy-x2",
        "npy",
        "srresnet",
        Scale(2, 2),
        ("row", "column"),
        1,
        shape,
        normalizer={"kind": "range", "low": 0, "high": 255},
        halo=network.halo,
    )
    (tmp_path / "shelf").mkdir()
    save_model(tmp_path / "shelf" / "npy-x2.safetensors", network, info)
    result = demonstrate(tmp_path / "out", steps=2, plugins=plugins, makers=[make_samples])
    assert [shown.result.model for shown in result.shown] == ["demo-npy-x2", "npy-x2", "npy-x2"]
    assert [name for name, _ in result.shown[0].beside] == ["bspline", "npy-x2"]
    assert [table.models[:2] for _, table in result.tables] == [("demo-npy-x2", "npy-x2"), ("npy-x2", "bspline")]
    write_page(tmp_path / "out" / "index.html", demo_page(result))
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "output of npy-x2" in page
    assert "What npy-x2 learnt from" in page
    assert "The scene is interpolated" not in page
    assert "overdoes it" not in page  # which is said of the model trained here
    assert page.count("(trained here)") == 1


def test_training_takes_as_many_steps_as_the_machine_can(
    tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.001)
    monkeypatch.setattr(run, "FEWEST", 3)
    result = demonstrate(tmp_path / "out", plugins=plugins, makers=[lambda folder: make_samples(folder)[:1]])
    assert result.training is not None
    assert result.training.steps == 3


def test_an_earlier_demonstration_goes_only_when_told(tmp_path: Path, plugins: Plugins) -> None:
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    (out / "data" / "old.txt").write_text("old")
    with pytest.raises(UsageError, match="--overwrite"):
        demonstrate(out, plugins=plugins, makers=[])
    with pytest.raises(MissingRequirementError):
        demonstrate(out, overwrite=True, plugins=plugins, makers=[])
    assert not (out / "data").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, plugins: Plugins) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds .*, which is not of a demonstration"):
        demonstrate(tmp_path, overwrite=True, plugins=plugins, makers=[make_samples])
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_no_samples_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingRequirementError, match="srkit-medical"):
        collect_samples(tmp_path, [])


def test_a_degraded_item_covers_the_same_extent(tmp_path: Path, plugins: Plugins) -> None:
    sample = make_samples(tmp_path / "data")[1]
    target = write_degraded(plugins, sample, tmp_path / "coarse" / "held.npy", Scale(2, 2))
    coarse = np.load(target)
    assert coarse.shape == (32, 24)
    assert coarse.dtype == np.uint8
    means = np.load(sample.path).reshape(32, 2, 24, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), means.ravel())[0, 1] > 0.99


def test_a_domain_without_items_is_an_error(tmp_path: Path, plugins: Plugins) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no item"):
        item_at(plugins, tmp_path / "empty", "npy")


def test_views_of_input_and_output_show_the_same_extent(tmp_path: Path, plugins: Plugins) -> None:
    coarse = np.arange(401 * 7, dtype=np.uint16).reshape(401, 7)
    np.save(tmp_path / "coarse.npy", coarse)
    np.save(tmp_path / "fine.npy", coarse.repeat(2, axis=0).repeat(2, axis=1))
    small = plane_of(plugins, tmp_path / "coarse.npy", "npy")
    large = plane_of(plugins, tmp_path / "fine.npy", "npy", scale=2)
    np.testing.assert_array_equal(large.values, small.values.repeat(2, axis=1).repeat(2, axis=2))
    turned = plane_of(plugins, tmp_path / "coarse.npy", "npy", rows_up=True)
    np.testing.assert_array_equal(turned.values, small.values[:, ::-1])


def test_a_volume_is_shown_by_its_middle_slice(tmp_path: Path, plugins: Plugins) -> None:
    volume = np.random.default_rng(0).integers(0, 255, (6, 8, 5), dtype=np.uint8)
    np.save(tmp_path / "volume.npy", volume)
    source = open_at(plugins, tmp_path / "volume.npy", "npy")
    axis = source.roles["slice"]
    plane = plane_of(plugins, tmp_path / "volume.npy", "npy")
    np.testing.assert_array_equal(plane.values[0], volume.take(volume.shape[axis] // 2, axis=axis))
