"""Whole runs of two processes, made by company.py: the same as one process with the doubled batch."""

import pytest
import torch
from safetensors.torch import load_file

from srkit.errors import RecipeError
from srkit.models.file import load_model, read_info
from srkit.training.keeping.run_folder import RunFolder, continued_recipe


@pytest.fixture(scope="module")
def runs(company):
    """The folders of two runs: two processes of 2 images each, and one process of 4."""
    return company / "runs" / "two", company / "runs" / "one"


def test_the_curves_are_those_of_one_process_with_the_doubled_batch(runs, logged):
    two, one = runs
    assert len(logged(two, "losses")) == 4
    torch.testing.assert_close(logged(two, "losses"), logged(one, "losses"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(logged(two, "validation"), logged(one, "validation"), rtol=1e-4, atol=1e-4)


def test_the_models_answer_alike_and_tell_how_many_made_them(runs, toy_plugins):
    image = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        sr = [load_model(run / "model.safetensors", toy_plugins).generator.eval()(image) for run in runs]
    torch.testing.assert_close(*sr, rtol=1e-4, atol=1e-4)
    assert [read_info(run / "model.safetensors").training.get("processes") for run in runs] == [2, None]


def test_one_process_writes_what_a_run_leaves(runs):
    two, one = ({path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} for root in runs)
    events = [{path for path in found if path.startswith("tensorboard/")} for found in (two, one)]
    assert two - events[0] == one - events[1]
    assert [len(found) for found in events] == [1, 1]


def test_a_run_goes_on_with_another_number_of_processes(company, runs, logged):
    parts = company / "runs" / "parts"
    torch.testing.assert_close(logged(parts, "losses"), logged(runs[1], "losses"), rtol=1e-5, atol=1e-6)


def test_shared_weights_learn_the_same_also_beyond_a_stop(company, runs, toy_plugins, logged):
    """The first two steps in one run, the others after `--resume`: optimiser and running mean are shared out too."""
    sharded = company / "runs" / "sharded"
    torch.testing.assert_close(logged(sharded, "losses"), logged(runs[1], "losses"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(logged(sharded, "validation"), logged(runs[1], "validation"), rtol=1e-4, atol=1e-4)
    saved, one = (load_file(run / "checkpoints" / "step_000000004.safetensors") for run in (sharded, runs[1]))
    assert {name: tensor.shape for name, tensor in saved.items()} == {name: one[name].shape for name in one}
    torch.testing.assert_close(
        load_file(sharded / "model.safetensors"), load_file(runs[1] / "model.safetensors"), rtol=1e-3, atol=1e-4
    )


def test_all_go_back_together_from_a_step_that_nobody_looked_at(company, logged):
    """Step 3 is no number, which is found out amid step 4."""
    astray = company / "runs" / "astray"
    assert [line["step"] for line in logged(astray) if "event" in line] == [2]
    last = load_file(astray / "checkpoints" / "step_000000004.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in last.values() if tensor.is_floating_point())


def test_a_number_of_processes_that_cannot_share_the_images_of_a_step_is_refused(runs):
    with pytest.raises(RecipeError, match="the run takes 4 images a step, which 3 processes cannot share equally"):
        continued_recipe(RunFolder(runs[0]), None, 3)
