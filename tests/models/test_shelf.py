from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from srkit.domain import Domain, ModelEntry
from srkit.errors import ModelError
from srkit.grid import Scale
from srkit.hookspecs import hookimpl
from srkit.models.file import ModelInfo, save_model
from srkit.models.shelf import find_model, list_models, shelf_folders
from srkit.networks.srresnet import SRResNet
from srkit.plugins import LoadedPlugin, Plugins, load_plugins

Put = Callable[..., Path]


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    return folder


@pytest.fixture
def plugins(shipped: Path) -> Plugins:
    result = load_plugins(environment={"SRKIT_PLUGINS": ""})

    class Toys:
        @hookimpl
        def srkit_domains(self) -> list[Domain]:
            return [Domain("careful", "Careful"), Domain("pretty", "Pretty", fidelity_first=False)]

        @hookimpl
        def srkit_models(self) -> list[ModelEntry]:
            return [ModelEntry(path) for path in sorted(shipped.glob("*.safetensors"))]

    toys = Toys()
    result.manager.register(toys, "toys")
    result.loaded.append(LoadedPlugin("toys", "test", "0", toys))
    return result


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data" / "srkit" / "models"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("SRKIT_MODELS", raising=False)
    return folder


@pytest.fixture
def put() -> Put:
    def write(folder: Path, name: str, **claims: Any) -> Path:
        scale = claims.pop("scale", Scale(2, 2))
        channels = claims.pop("channels", 1)
        roles = claims.pop("roles", ("row", "column"))
        parameters = {"features": 2, "blocks": 0, "head_kernel": 1}
        network = SRResNet(channels=channels, scale=[scale.of(role) for role in roles], **parameters)
        info = ModelInfo(
            **{
                "name": name,
                "domain": "careful",
                "network": "srresnet",
                "parameters": parameters,
                "scale": scale,
                "roles": roles,
                "channels": channels,
                "halo": network.halo,
                **claims,
            }
        )
        save_model(folder / f"{name}.safetensors", network, info)
        return folder / f"{name}.safetensors"

    return write


def find(plugins: Plugins, **wanted: Any) -> str:
    given = {"name": None, "domain": "careful", "scale": Scale(2, 2), "channels": 1, **wanted}
    return find_model(plugins, **given).info.name


def test_folders_come_from_the_environment() -> None:
    folders = shelf_folders({"SRKIT_MODELS": "/a:/b", "XDG_DATA_HOME": "/data"})
    assert folders == [Path("/a"), Path("/b"), Path("/data/srkit/models")]


def test_the_shelf_lists_folders_then_the_users_then_plugins(
    plugins: Plugins, shelf: Path, shipped: Path, tmp_path: Path, put: Put
) -> None:
    put(shipped, "from-plugin")
    put(shelf, "mine")
    put(tmp_path, "here")
    entries = list_models(plugins, [tmp_path])
    assert [(e.name, e.origin) for e in entries] == [("here", "user"), ("mine", "user"), ("from-plugin", "plugin")]


def test_a_broken_file_is_listed_with_its_problem(plugins: Plugins, shelf: Path, put: Put) -> None:
    (shelf / "broken.safetensors").write_bytes(b"no model")
    put(shelf, "whole")
    broken, whole = list_models(plugins)
    assert (broken.name, broken.info) == ("broken", None)
    assert "not a model file" in broken.problem
    assert whole.problem == ""
    assert find(plugins) == "whole"


def test_an_empty_shelf_says_how_to_get_a_model(plugins: Plugins, shelf: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find(plugins)
    for advice in ("srkit train --domain careful", "--model FILE", "--model bicubic"):
        assert advice in str(caught.value)


def test_where_no_model_fits_those_of_the_domain_are_told(plugins: Plugins, shelf: Path, put: Put) -> None:
    put(shelf, "pretty-x2", domain="pretty")
    with pytest.raises(ModelError, match=r"at scale 3 with 1 channel\(s\) \(at hand: none for careful\)"):
        find(plugins, scale=Scale(3, 3))
    put(shelf, "a-x2")
    put(shelf, "b-slices", scale=Scale(1, 1, 4), roles=("slice", "column"))
    put(shelf, "c-x4", scale=Scale(4, 4), channels=3, perceptual=True)
    told = r"\(at hand: a-x2 \(x2\), b-slices \(x1,1,4\), c-x4 \(x4, 3 channels, for looks\)\)"
    with pytest.raises(ModelError, match=told):
        find(plugins, scale=Scale(3, 3))


def test_the_default_fits_domain_scale_and_channels(plugins: Plugins, shelf: Path, put: Put) -> None:
    put(shelf, "a-pretty", domain="pretty")
    put(shelf, "b-times-4", scale=Scale(4, 4))
    put(shelf, "c-colour", channels=3)
    put(shelf, "d-right")
    assert find(plugins) == "d-right"
    assert find(plugins, channels=3) == "c-colour"
    assert find(plugins, scale=Scale(4, 4)) == "b-times-4"
    assert find(plugins, scale=None) == "d-right"
    assert find(plugins, domain="pretty") == "a-pretty"


def test_without_a_scale_the_smallest_in_plane_model_is_taken(plugins: Plugins, shelf: Path, put: Put) -> None:
    put(shelf, "a-slices", scale=Scale(1, 1, 4), roles=("slice", "column"))
    put(shelf, "b-times-4", scale=Scale(4, 4))
    put(shelf, "c-times-3", scale=Scale(3, 3))
    assert find(plugins, scale=None) == "c-times-3"


def test_the_users_models_come_before_those_of_plugins(plugins: Plugins, shelf: Path, shipped: Path, put: Put) -> None:
    put(shipped, "a-shipped")
    put(shelf, "z-mine")
    assert find(plugins) == "z-mine"


def test_perceptual_models_are_chosen_by_default_only_where_looks_may_count(
    plugins: Plugins, shelf: Path, put: Put
) -> None:
    put(shelf, "careful-looks", perceptual=True)
    put(shelf, "pretty-looks", perceptual=True, domain="pretty")
    with pytest.raises(ModelError, match="no model at hand"):
        find(plugins)
    assert find(plugins, name="careful-looks") == "careful-looks"
    assert find(plugins, domain="pretty") == "pretty-looks"
    put(shelf, "z-fidelity", domain="pretty")
    assert find(plugins, domain="pretty") == "z-fidelity"


def test_a_model_is_named_by_path_or_by_name(plugins: Plugins, shelf: Path, tmp_path: Path, put: Put) -> None:
    path = put(tmp_path, "elsewhere")
    put(shelf, "a-first")
    put(shelf, "b-second")
    assert find(plugins, name=str(path)) == "elsewhere"
    assert find(plugins, name="b-second") == "b-second"


def test_of_several_scales_by_one_name_the_fitting_one_is_taken(
    plugins: Plugins, shelf: Path, shipped: Path, put: Put
) -> None:
    put(shelf, "same")
    put(shipped, "same", scale=Scale(4, 4))
    assert find_model(plugins, name="same", domain="careful", scale=Scale(4, 4), channels=1).info.scale == Scale(4, 4)


def test_a_misspelt_interpolation_gets_a_hint(plugins: Plugins, shelf: Path) -> None:
    with pytest.raises(ModelError, match=r"no model named 'bicubc'.*did you mean 'bicubic'"):
        find_model(plugins, name="bicubc", domain="mri", scale=None, channels=1)


def test_an_unknown_name_gets_a_hint(plugins: Plugins, shelf: Path, put: Put) -> None:
    put(shelf, "sharp")
    with pytest.raises(ModelError, match=r"did you mean 'sharp'.*srkit models list"):
        find(plugins, name="shap")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [({"scale": Scale(4, 4)}, "enlarges by 2, not by 4"), ({"channels": 3}, r"is for 2 channel\(s\), the item has 3")],
)
def test_a_named_model_that_does_not_fit_is_refused(
    plugins: Plugins, shelf: Path, put: Put, wanted: dict[str, Any], message: str
) -> None:
    put(shelf, "named", channels=2)
    with pytest.raises(ModelError, match=message):
        find(plugins, name="named", **{"channels": 2, **wanted})


def test_a_model_of_one_channel_will_do_for_many_where_none_is_for_them(
    plugins: Plugins, shelf: Path, put: Put
) -> None:
    path = put(shelf, "each-alone")
    assert find(plugins, channels=4) == "each-alone"
    assert find(plugins, name=str(path), channels=4) == "each-alone"
    put(shelf, "for-four", channels=4)
    assert find(plugins, channels=4) == "for-four"
    assert find(plugins, name="each-alone", channels=4) == "each-alone"
