"""Fine-tuning begins with a model's weights, as far as they fit, and says which."""

import json

import pytest
import torch

from srkit.errors import ModelError, RecipeError
from srkit.models.file import load_model, read_info
from srkit.networks.compact import Compact
from srkit.networks.srresnet import SRResNet
from srkit.training import resolve_origins, train
from srkit.training.learning.transfer import transfer

SMALL = {"features": 8, "blocks": 2, "head_kernel": 3, "skip": "bicubic"}
QUICK = ["phases.0.steps=2", "validate_every=0", "samples_every=0"]


def network(channels=1, scale=2, seed=0, **parameters):
    torch.manual_seed(seed)
    return SRResNet(ndim=2, channels=channels, scale=scale, **{**SMALL, **parameters}).eval()


def test_the_same_network_takes_all():
    old, new = network(), network(seed=1)
    found = transfer(old.state_dict(), 1, new)
    assert (found.adapted, found.fresh) == ((), ())
    assert all(torch.equal(a, b) for a, b in zip(old.state_dict().values(), new.state_dict().values(), strict=True))


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 4), (4, 6)])
def test_an_image_that_is_the_same_in_all_channels_gets_the_same_answer(before, after):
    old, new = network(before), network(after, seed=1)
    found = transfer(old.state_dict(), before, new)
    assert found.fresh == ()
    assert len(found.adapted) >= 2
    grey = torch.rand(1, 1, 9, 11)
    with torch.no_grad():
        wanted = old(grey.expand(-1, before, -1, -1)).mean(dim=1, keepdim=True)
        given = new(grey.expand(-1, after, -1, -1))
    torch.testing.assert_close(given, wanted.expand_as(given), atol=1e-5, rtol=1e-5)


def test_a_last_layer_of_several_samples_a_channel_is_adapted_too():
    torch.manual_seed(0)
    old, new = (Compact(ndim=2, channels=n, scale=2, features=8, blocks=1).eval() for n in (1, 2))
    found = transfer(old.state_dict(), 1, new)
    assert found.fresh == ()
    lr = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(new(lr.expand(-1, 2, -1, -1))[:, :1], old(lr), atol=1e-5, rtol=1e-5)


def test_an_enlarging_stage_of_another_scale_begins_anew():
    old, new = network(scale=2), network(scale=3, seed=1)
    found = transfer(old.state_dict(), 1, new)
    assert found.fresh
    assert all(name.startswith("stages.") for name in found.fresh)
    assert "begun anew: stages." in found.sentence()
    assert torch.equal(*(net.state_dict()["head.0.weight"] for net in (old, new)))


def test_a_network_that_has_nothing_of_the_model_is_refused():
    with pytest.raises(RecipeError, match="no layer of the model"):
        transfer(network().state_dict(), 1, network(features=12))


def test_a_run_that_begins_with_a_model_takes_its_network_and_says_so(toy_plugins, toy_data, tmp_path):
    changes = [f"network={{name: srresnet, parameters: {json.dumps(SMALL)}}}", *QUICK]
    first = resolve_origins(toy_plugins, domain="toy", overrides=[*changes, "scale=4"]).recipe
    model = train(first, data=toy_data, out=tmp_path / "first", plugins=toy_plugins).model

    second = resolve_origins(toy_plugins, overrides=[*QUICK, "phases.0.learning_rate=1e-30"], model=model)
    assert second.recipe.network == first.network
    assert (second.recipe.domain, second.recipe.scale) == ("toy", (4, 4, 1))
    tuned = train(second.recipe, data=toy_data, out=tmp_path / "second", plugins=toy_plugins).model
    before, after = (load_model(path, toy_plugins).generator.state_dict() for path in (model, tuned))
    for name, tensor in before.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(after[name], tensor)
    info = read_info(tuned)
    assert info.training["from"]["model"] == read_info(model).name
    assert "tensors kept" in info.training["from"]["weights"]
    assert "Begun with the weights of toy-x4" in info.card
    assert str(tmp_path) not in json.dumps(info.training)


def test_a_run_goes_on_without_the_model_that_it_began_with(toy_plugins, toy_data, tmp_path, stop_at):
    changes = [f"network={{name: srresnet, parameters: {json.dumps(SMALL)}}}", *QUICK]
    first = resolve_origins(toy_plugins, domain="toy", overrides=changes).recipe
    model = train(first, data=toy_data, out=tmp_path / "first", plugins=toy_plugins).model
    recipe = resolve_origins(toy_plugins, overrides=[*QUICK, "phases.0.steps=4"], model=model).recipe
    whole = train(recipe, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins).model
    train(recipe, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, progress=stop_at(2))
    model.unlink()
    parts = train(None, out=tmp_path / "parts", plugins=toy_plugins, resume=True).model
    assert whole.read_bytes() == parts.read_bytes()


def test_a_model_that_is_not_there_is_named(toy_plugins):
    with pytest.raises(ModelError, match="nowhere"):
        resolve_origins(toy_plugins, domain="toy", model="nowhere")
