import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from srkit.errors import ModelError, UsageError
from srkit.evaluation import evaluate
from srkit.grid import Scale
from srkit.models.file import load_model, save_model
from srkit.training import resolve_recipe, train

AREA = [{"name": "area"}]
metrics = pytest.importorskip("skimage.metrics")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model(toy_plugins, toy_data, tmp_path):
    overrides = ("phases.0.steps=2", "validate_every=0", "samples_every=0")
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=overrides)
    return train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins).model


def box_means(hr, factors):
    shape = [part for n, s in zip(hr.shape, factors, strict=True) for part in (n // s, s)]
    return hr.reshape(shape).mean(axis=tuple(range(1, len(shape), 2)))


def test_the_baselines_agree_with_scipy_and_scikit_image(save_array, toy_plugins):
    path = save_array("a_image", (36, 44))
    table = evaluate(path, scale=Scale(2, 2), degradation=AREA, plugins=toy_plugins)
    hr = np.load(path).astype(float)
    lr = np.rint(box_means(hr, (2, 2)))
    sr = np.rint(ndimage.zoom(lr, 2, order=3, mode="reflect", grid_mode=True)).clip(0, 65535)
    row = next(row for row in table.rows if row.model == "bspline")
    assert row.data_range == hr.max() - hr.min()
    assert row.metrics["psnr"] == pytest.approx(metrics.peak_signal_noise_ratio(hr, sr, data_range=row.data_range))
    expected = metrics.structural_similarity(
        hr, sr, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=row.data_range
    )
    assert row.metrics["ssim"] == pytest.approx(expected, abs=1e-6)
    assert row.metrics["mse"] == pytest.approx(np.mean((hr - sr) ** 2))


def test_hr_is_cropped_to_a_multiple_of_the_scale(save_array, toy_plugins):
    path = save_array("a_image", (37, 46))
    whole = np.load(path)
    np.save(path.with_name("b_image.npy"), whole[:36, :45])
    table = evaluate(path.parent, scale=Scale(3, 3), degradation=AREA, plugins=toy_plugins)
    a, b = table.values("bicubic", "mse")
    assert a == b


def test_a_volume_is_enlarged_along_slices(save_array, toy_plugins):
    path = save_array("a_volume", (24, 20, 22))
    table = evaluate(path, scale=Scale(1, 1, 4), degradation=[{"name": "profile"}], plugins=toy_plugins)
    assert all(math.isfinite(row.metrics["psnr"]) for row in table.rows)


def test_a_volume_in_plane_equals_its_planes(save_array, toy_plugins):
    path = save_array("a_volume", (3, 24, 24))
    for index, plane in enumerate(np.load(path)):
        np.save(path.with_name(f"p{index}_image.npy"), plane)
    table = evaluate(path.parent, scale=Scale(2, 2), degradation=AREA, plugins=toy_plugins)
    volume, *planes = table.values("bicubic", "mse")
    assert volume == pytest.approx(np.mean(planes))


def test_models_and_baselines_stand_in_one_table(model, toy_data, toy_plugins):
    table = evaluate(toy_data, models=[str(model)], plugins=toy_plugins)
    assert table.models == ("toy-x2", "nearest", "bicubic", "bspline", "lanczos")
    assert len(table.rows) == 5 * 6
    content = json.loads(table.to_json())
    told = {"mean", "low", "high", "sd", "median", "worst", "subjects", "items"}
    assert set(content["summary"]["toy-x2"]["psnr"]) == told
    assert content["summary"]["bicubic"]["psnr"]["mean"] == pytest.approx(np.mean(table.values("bicubic", "psnr")))
    assert table.summary("bicubic", "mse")["worst"] == max(table.values("bicubic", "mse"))


def test_items_that_a_model_was_trained_on_are_told_of(model, toy_data, toy_plugins, save_array, tmp_path):
    split = json.loads((model.parent / "split.json").read_text())
    train_paths = {Path(part["item"]["paths"][0]) for part in split["train"]}
    renamed = toy_data / "z9_renamed.npy"
    shutil.copy(sorted(train_paths)[0], renamed)
    table = evaluate(toy_data, models=[str(model)], plugins=toy_plugins)
    seen = {Path(row.item) for row in table.rows if row.trained_on}
    assert seen == train_paths | {renamed}
    assert {row.model for row in table.rows if row.trained_on} == {table.models[0]}
    assert table.trained_on == {table.models[0]: len(seen)}
    rows = table.as_dict()["rows"]
    assert sum(row.get("trained_on", False) for row in rows) == len(seen)
    elsewhere = tmp_path / "model.safetensors"
    shutil.copy(model, elsewhere)
    assert evaluate(toy_data, models=[str(elsewhere)], plugins=toy_plugins).trained_on == {}


def test_invalid_samples_do_not_count(save_array, toy_plugins):
    path = save_array("a_image", (40, 40))
    spoiled = np.load(path)
    spoiled[:, 30:] = 60000  # nodata of the toy domain
    np.save(path.with_name("b_image.npy"), spoiled)
    table = evaluate(path.parent, scale=Scale(2, 2), degradation=AREA, plugins=toy_plugins)
    whole, part = table.values("bicubic", "psnr")
    assert math.isfinite(part)
    assert abs(whole - part) < 6


def test_a_broken_item_is_named_and_the_others_are_done(save_array, toy_plugins):
    path = save_array("a_image")
    path.with_name("b_image.npy").write_bytes(b"no array")
    table = evaluate(path.parent, scale=Scale(2, 2), plugins=toy_plugins)
    assert [entry.item for entry in table.skipped] == [str(path.with_name("b_image.npy"))]
    assert table.exit_code == 4
    assert len(table.rows) == 4


def test_visits_of_a_subject_are_one_number(save_array, toy_plugins):
    for name in ("anna_1", "anna_2", "ben_1"):
        path = save_array(name, (24, 24))
    table = evaluate(path.parent, scale=Scale(2, 2), degradation=AREA, plugins=toy_plugins)
    assert {row.item.split("/")[-1]: row.subject for row in table.rows} == {
        "anna_1.npy": "1",
        "anna_2.npy": "1",
        "ben_1.npy": "2",
    }
    a, b, c = table.values("bicubic", "psnr")
    assert table.means["bicubic"]["psnr"] == pytest.approx(((a + b) / 2 + c) / 2)
    low, high = (table.summary("bicubic", "psnr")[name] for name in ("low", "high"))
    assert low <= table.means["bicubic"]["psnr"] <= high
    assert "anna" not in json.dumps([row["subject"] for row in table.as_dict()["rows"]])


def test_a_model_of_another_scale_is_refused(model, toy_data, toy_plugins):
    with pytest.raises(ModelError, match="4"):
        evaluate(toy_data, models=[str(model)], scale=Scale(4, 4), plugins=toy_plugins)


def test_an_empty_folder_is_a_usage_error(tmp_path, toy_plugins):
    with pytest.raises(UsageError, match="no item"):
        evaluate(tmp_path, plugins=toy_plugins)
    with pytest.raises(UsageError, match="nothing at"):
        evaluate(tmp_path / "none", plugins=toy_plugins)


def test_progress_is_told(toy_data, toy_plugins):
    told = []
    evaluate(toy_data, plugins=toy_plugins, progress=lambda *call: told.append(call))
    assert [done for done, _, _ in told] == list(range(7))


def test_figures_of_each_channel_stand_beside_those_of_all(save_array, toy_plugins):
    path = save_array("a_bands", (2, 40, 40))
    table = evaluate(path, scale=Scale(4, 4), degradation=AREA, plugins=toy_plugins)
    row = next(row for row in table.rows if row.model == "bicubic")
    assert set(row.channels) == {"band 0", "band 1"}
    assert np.mean([found["mse"] for found in row.channels.values()]) == pytest.approx(row.metrics["mse"])
    assert math.isnan(row.channels["band 0"]["ergas"])
    assert row.metrics["ergas"] > 0
    content = next(row for row in json.loads(table.to_json())["rows"] if row["model"] == "bicubic")
    assert content["channels"]["band 1"]["uiqi"] == pytest.approx(row.channels["band 1"]["uiqi"])
    assert content["channels"]["band 1"]["sam"] is None


def test_the_linear_optimum_is_made_for_the_degradation_of_the_table(save_array, toy_plugins):
    path = save_array("a_image", (48, 48))
    blur = [{"name": "gaussian", "sigma": 0.5}]
    table = evaluate(path, models=["wiener"], scale=Scale(2, 2), degradation=blur, plugins=toy_plugins)
    assert table.models[0] == "wiener"
    assert table.values("wiener", "psnr")[0] > max(table.values(kind, "psnr")[0] for kind in table.models[1:])


def test_a_gain_is_of_subjects_and_has_a_best_and_a_worst(save_array, toy_plugins):
    for name in ("anna_1", "anna_2", "ben_1"):
        path = save_array(name, (24, 24))
    table = evaluate(path.parent, scale=2, degradation=AREA, plugins=toy_plugins)
    a, b, c = (x - y for x, y in zip(table.values("bicubic", "mse"), table.values("nearest", "mse"), strict=True))
    found = table.gain("bicubic", "nearest", "mse")
    assert (found["subjects"], found["mean"]) == (2, pytest.approx(((a + b) / 2 + c) / 2))
    assert (found["best"], found["worst"]) == (min((a + b) / 2, c), max((a + b) / 2, c))


def test_detail_beyond_the_input_is_told_on_request_and_of_models_for_looks(model, toy_data, toy_plugins, tmp_path):
    item = sorted(toy_data.glob("*.npy"))[0]
    plain = evaluate(item, models=model, plugins=toy_plugins)
    assert "unsupported" not in plain.metrics
    asked = evaluate(item, models=[model, "wiener"], metrics=["added"], plugins=toy_plugins)
    assert asked.means["wiener"]["unsupported"] == pytest.approx(1, abs=0.2)
    assert asked.higher_is_better["added"] is False
    loaded = load_model(model, toy_plugins)
    save_model(tmp_path / "looks.safetensors", loaded.generator, replace(loaded.info, perceptual=True))
    looks = evaluate(item, models=tmp_path / "looks.safetensors", plugins=toy_plugins)
    assert {"unsupported", "added"} < set(looks.metrics)
    assert looks.means["bicubic"]["added"] < 0.5


def test_a_model_of_one_channel_is_measured_on_items_of_several(model, save_array, toy_plugins):
    path = save_array("a_bands", (3, 24, 24))
    table = evaluate(path, models=model, plugins=toy_plugins)
    assert table.models[0] == "toy-x2"
    assert math.isfinite(table.values("toy-x2", "sam")[0])
