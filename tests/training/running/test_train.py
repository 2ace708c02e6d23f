import json
import resource
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from srkit.config import Recipe
from srkit.data.split import NAMES
from srkit.errors import DivergedError, OutputError, RecipeError, SrkitWarning, UsageError
from srkit.models.file import load_model, read_info
from srkit.training import resolve_recipe, train

SHORT = ("phases.0.steps=6", "log_every=1", "validate_every=0", "samples_every=0", "checkpoint_every=2")
SRGAN = """
domain: toy
discriminator: {name: vgg, parameters: {features: 2, dense: 4, pooled: 1}}
losses: {pixel: {kind: l1}, adversarial: {kind: adversarial}}
phases:
  - {name: content, steps: 4, learning_rate: 1e-3, losses: {pixel: 1}}
  - {name: adversarial, steps: 4, learning_rate: [[0, 1e-3], [2, 1e-4]], losses: {pixel: 1, adversarial: 0.1}}
"""


@pytest.fixture
def recipe(toy_plugins):
    return resolve_recipe(toy_plugins, domain="toy", overrides=SHORT)


@pytest.fixture
def srgan(toy_plugins, tmp_path) -> Recipe:
    path = tmp_path / "srgan.yaml"
    path.write_text(SRGAN)
    return resolve_recipe(toy_plugins, path, overrides=SHORT[1:])


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_a_run_leaves_all_that_it_promises(recipe, toy_plugins, toy_data, tmp_path, logged):
    wanted = recipe.model_copy(update={"validate_every": 3, "samples_every": 6})
    result = train(wanted, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    names = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*")}
    expected = {"recipe.yaml", "environment.json", "split.json", "log.jsonl", "model.safetensors", "best.safetensors"}
    assert expected <= names
    assert "checkpoints/step_000000006.safetensors" in names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert (result.steps, result.total, result.interrupted) == (6, 6, False)
    lines = logged(tmp_path / "run")
    assert [line["step"] for line in lines if "losses" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "validation" in line] == [3, 6]
    assert set(result.metrics) == {"psnr", "ssim"}
    assert set(result.baselines) == {"bicubic", "bspline"}
    with Image.open(tmp_path / "run" / "samples" / "step_000000006.png") as picture:
        assert picture.size[0] > 3 * 40


def test_the_trained_model_can_be_loaded_and_says_what_it_is(recipe, toy_plugins, toy_data, tmp_path):
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    model = load_model(result.model, toy_plugins)
    assert (model.info.domain, str(model.info.scale), model.info.roles) == ("toy", "2", ("row", "column"))
    assert (model.info.channels, model.info.perceptual) == (1, False)
    assert model.info.normalizer["low"] == [0]
    assert model.generator(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    ("given", "recorded"), [(None, [{"name": "bicubic"}]), (({"name": "area"},), [{"name": "area"}])]
)
def test_the_model_says_how_its_lr_was_made_even_where_the_domain_chose(
    recipe, toy_plugins, toy_data, tmp_path, given, recorded
):
    wanted = recipe.model_copy(update={"degradation": given})
    result = train(wanted, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert [dict(step) for step in read_info(result.model).degradation] == recorded
    again = train(None, out=tmp_path / "run", resume=True, plugins=toy_plugins)
    assert [dict(step) for step in read_info(again.model).degradation] == recorded


def test_the_card_says_what_its_figures_refer_to(recipe, toy_plugins, toy_data, tmp_path):
    result = train(
        recipe.model_copy(update={"validate_every": 6}), data=toy_data, out=tmp_path / "run", plugins=toy_plugins
    )
    card = read_info(result.model).card
    assert "data range 255 (times the slope) for 8-bit samples, else highest minus lowest valid HR value" in card
    assert "- bicubic: PSNR" in card
    assert "never for diagnosis" in card


def test_no_path_of_the_user_is_in_the_model(recipe, toy_plugins, toy_data, tmp_path):
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert str(tmp_path).encode() not in result.model.read_bytes()


@pytest.mark.parametrize("stop", [1, 2, 4, 5, 7])
def test_an_interrupted_run_goes_on_bit_by_bit(srgan, toy_plugins, toy_data, tmp_path, stop, stop_at):
    train(srgan, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    first = train(srgan, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, progress=stop_at(stop))
    assert (first.interrupted, first.steps) == (True, stop)
    second = train(None, out=tmp_path / "parts", resume=True, plugins=toy_plugins)
    assert (second.interrupted, second.steps) == (False, 8)
    assert_same_bits(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


def test_what_was_never_saved_is_done_again_to_the_same_bits(srgan, toy_plugins, toy_data, tmp_path, logged, stop_at):
    train(srgan, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    train(srgan, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, progress=stop_at(7))
    for lost in ("step_000000007", "step_000000006"):
        (tmp_path / "parts" / "checkpoints" / f"{lost}.safetensors").unlink()
    train(srgan, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, resume=True)
    assert_same_bits(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))
    steps = logged(tmp_path / "parts", "step")
    assert steps == list(range(9))


def test_the_number_of_workers_changes_nothing(recipe, toy_plugins, toy_data, tmp_path):
    busy = recipe.model_copy(update={"data": recipe.data.model_copy(update={"workers": 3})})
    train(recipe, data=toy_data, out=tmp_path / "alone", plugins=toy_plugins)
    train(busy, data=toy_data, out=tmp_path / "busy", plugins=toy_plugins)
    assert_same_bits(weights_of(tmp_path / "alone"), weights_of(tmp_path / "busy"))


def test_a_damaged_checkpoint_costs_only_itself(recipe, toy_plugins, toy_data, tmp_path, caplog, stop_at):
    train(recipe, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    train(recipe, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, progress=stop_at(5))
    newest = tmp_path / "parts" / "checkpoints" / "step_000000005.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    train(None, out=tmp_path / "parts", plugins=toy_plugins, resume=True)
    assert "step_000000005" in caplog.text
    assert_same_bits(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


def test_a_finished_run_resumes_to_itself_and_can_be_prolonged(recipe, toy_plugins, toy_data, tmp_path):
    longer = resolve_recipe(toy_plugins, domain="toy", overrides=(*SHORT, "phases.0.steps=8"))
    train(longer, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    train(recipe, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins)
    assert train(None, out=tmp_path / "parts", plugins=toy_plugins, resume=True).steps == 6
    assert train(longer, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, resume=True).steps == 8
    assert_same_bits(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


def test_a_second_phase_begins_with_the_weights_of_the_first(srgan, toy_plugins, toy_data, tmp_path, stop_at):
    alone = srgan.model_copy(update={"phases": srgan.phases[:1]})
    train(alone, data=toy_data, out=tmp_path / "alone", plugins=toy_plugins)
    train(srgan, data=toy_data, out=tmp_path / "both", plugins=toy_plugins, progress=stop_at(4))
    assert_same_bits(weights_of(tmp_path / "alone"), weights_of(tmp_path / "both"))
    finished = train(None, out=tmp_path / "both", plugins=toy_plugins, resume=True)
    assert read_info(finished.model).perceptual
    assert not read_info(tmp_path / "alone" / "model.safetensors").perceptual


def test_an_adversarial_phase_trains_its_discriminator(srgan, toy_plugins, toy_data, tmp_path, logged):
    train(srgan, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    first = load_file(tmp_path / "run" / "checkpoints" / "step_000000006.safetensors")
    last = load_file(tmp_path / "run" / "checkpoints" / "step_000000008.safetensors")
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], last[name])}
    assert {"generator", "discriminator", "optimizer"} <= changed
    lines = logged(tmp_path / "run")
    assert set(lines[-1]["losses"]) == {"pixel", "adversarial", "discriminator"}
    assert lines[-1]["learning_rate"] == 1e-4


def test_training_leaves_the_global_random_state_alone(recipe, toy_plugins, toy_data, tmp_path):
    before = torch.get_rng_state()
    train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert torch.equal(before, torch.get_rng_state())


def test_a_folder_with_a_run_is_not_overwritten(recipe, toy_plugins, toy_data, tmp_path):
    train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    with pytest.raises(UsageError, match="--resume"):
        train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)


def test_a_run_that_failed_before_its_first_step_does_not_block_its_folder(toy_plugins, toy_data, tmp_path):
    for override, complete in (("network.parameters.featurs=3", False), ("seed=1", True)):
        recipe = resolve_recipe(toy_plugins, domain="toy", overrides=(*SHORT, override))
        if complete:
            assert train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins).steps == 6
        else:
            with pytest.raises(RecipeError, match="featurs"):
                train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)


def test_a_run_cannot_go_on_with_another_recipe(recipe, toy_plugins, toy_data, tmp_path):
    train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    with pytest.raises(RecipeError, match=r"differs from that of the run .* at seed"):
        train(recipe.model_copy(update={"seed": 9}), out=tmp_path / "run", plugins=toy_plugins, resume=True)


def test_without_a_run_there_is_nothing_to_resume(toy_plugins, tmp_path):
    with pytest.raises(RecipeError, match="no run to resume"):
        train(None, out=tmp_path / "run", plugins=toy_plugins, resume=True)


def test_a_loss_that_is_no_number_stops_the_run(toy_plugins, toy_data, tmp_path):
    wild = resolve_recipe(
        toy_plugins, domain="toy", overrides=(*SHORT, "losses.pixel.kind=mse", "phases.0.learning_rate=1e6")
    )
    with pytest.raises(DivergedError, match=r"lower learning rate|no numbers"):
        train(wild, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)


def test_a_corrupt_item_is_left_out_and_counted(recipe, toy_plugins, toy_data, tmp_path):
    (toy_data / "s7_broken.npy").write_bytes(b"no array")
    (toy_data / "s8_empty.npy").touch()
    with pytest.warns(SrkitWarning, match="left out") as caught:
        result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert result.left_out == 2
    assert {str(entry.message).split(".npy")[0][-6:] for entry in caught} == {"broken", "_empty"}


def test_a_full_disk_is_told_in_words(recipe, toy_plugins, toy_data, tmp_path):
    log = tmp_path / "run" / "log.jsonl"

    def fill_the_disk(done, total, note):
        log.unlink()
        log.symlink_to("/dev/full")

    with pytest.raises(OutputError, match=r"run: there is no more room \(No space left .*go on with --resume"):
        train(recipe, data=toy_data, out=log.parent, plugins=toy_plugins, progress=fill_the_disk)


def test_a_checkpoint_that_finds_no_room_is_told_in_the_same_words(toy_plugins, toy_data, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=(*SHORT, "log_every=0"))
    try:
        with pytest.raises(OutputError, match=r"run: there is no more room \(File too large\).*go on with --resume"):
            train(
                recipe,
                data=toy_data,
                out=tmp_path / "run",
                plugins=toy_plugins,
                progress=lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard)),
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    result = train(None, out=tmp_path / "run", plugins=toy_plugins, resume=True)
    assert (result.steps, result.interrupted) == (6, False)


def test_data_without_an_item_of_the_domain_are_named(recipe, toy_plugins, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").write_text("nothing to see")
    with pytest.raises(RecipeError, match=r"nothing to train on: no item of domain 'toy' in .*notes"):
        train(recipe, data=tmp_path / "notes", out=tmp_path / "run", plugins=toy_plugins)


def test_no_subject_is_in_two_splits(recipe, toy_plugins, save_array, tmp_path):
    for number in range(5):
        for visit in range(3):
            path = save_array(f"p{number}_visit{visit}", (20, 20))
    train(recipe, data=path.parent, out=tmp_path / "run", plugins=toy_plugins)
    content = json.loads((tmp_path / "run" / "split.json").read_text())
    groups = [{part["item"]["stem"].split("_")[0] for part in content[name]} for name in NAMES]
    assert all(groups)
    assert len(set.union(*groups)) == sum(len(group) for group in groups)


def test_a_volume_trains_planes_and_a_single_one_holds_out_slabs(recipe, toy_plugins, save_array, tmp_path):
    path = save_array("v_volume", (30, 24, 24))
    wanted = recipe.model_copy(update={"validate_every": 6})
    result = train(wanted, data=path, out=tmp_path / "run", plugins=toy_plugins)
    assert "slabs of one item" in result.split
    assert np.isfinite(result.metrics["psnr"])


def test_a_volume_network_sharpens_along_slices(toy_plugins, save_array, tmp_path):
    for number in range(3):
        path = save_array(f"v{number}_volume", (24, 20, 20))
    overrides = (*SHORT, "scale=[1,1,4]", "data.patch=[16,8,8]", "validate_every=6", "samples_every=6")
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=overrides)
    result = train(recipe, data=path.parent, out=tmp_path / "run", plugins=toy_plugins)
    info = read_info(result.model)
    assert (info.roles, str(info.scale)) == (("slice", "row", "column"), "1,1,4")


def test_a_network_of_one_channel_is_trained_on_every_band(toy_plugins, save_array, tmp_path):
    save_array("a_bands", (2, 30, 30))
    save_array("b_bands", (3, 30, 30))
    path = save_array("c_bands", (3, 30, 30))
    overrides = (*SHORT, "validate_every=6")
    with pytest.raises(RecipeError, match=r"has 2, .* has 3"):
        train(
            resolve_recipe(toy_plugins, domain="toy", overrides=overrides),
            data=path.parent,
            out=tmp_path / "refused",
            plugins=toy_plugins,
        )
    chosen = resolve_recipe(toy_plugins, domain="toy", overrides=(*overrides, "network.parameters.channels=1"))
    result = train(chosen, data=path.parent, out=tmp_path / "run", plugins=toy_plugins)
    assert read_info(result.model).channels == 1
    assert np.isfinite(result.metrics["psnr"])


def test_training_works_outside_of_the_main_thread(recipe, toy_plugins, toy_data, tmp_path):
    results = []
    arguments = {"data": toy_data, "out": tmp_path / "run", "plugins": toy_plugins}
    worker = threading.Thread(target=lambda: results.append(train(recipe, **arguments)))
    worker.start()
    worker.join()
    assert results[0].steps == 6


def test_bfloat16_learns_too(recipe, toy_plugins, toy_data, tmp_path):
    half = recipe.model_copy(update={"precision": "bf16"})
    result = train(half, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in weights_of(tmp_path / "run").values())
    assert result.steps == 6
