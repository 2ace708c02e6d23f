import subprocess
import sys

from srkit import plugins as calls
from srkit.config import load_recipe
from srkit.plugins import Plugins


def test_plugin_is_found_by_its_entry_point() -> None:
    assert "photo" in calls.domains(calls.load_plugins(environment={"SRKIT_PLUGINS": "photo"}))


def test_plugin_loads_no_codec_and_no_torch() -> None:
    code = (
        "import sys, srkit_photo.plugin; print(sorted({'PIL', 'tifffile', 'imagecodecs', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_defaults_make_a_recipe(plugins: Plugins) -> None:
    recipe = load_recipe(None, domain="photo", domain_defaults={"photo": calls.domains(plugins)["photo"].training})
    assert recipe.normalizer == {"kind": "depth"}
    assert recipe.scale == (2, 2, 1)


def test_other_domains_are_not_answered(plugins: Plugins) -> None:
    hooks = plugins.manager.get_plugin("tested")
    assert hooks.srkit_open("mri", None) is None
    assert hooks.srkit_inspect("mri", None) is None
    assert hooks.srkit_create("mri", None, None, None) is None
    assert hooks.srkit_verify("mri", None, None, None) is None
    assert hooks.srkit_normalizer("mri", {"kind": "depth"}, None) is None
    assert hooks.srkit_fit_normalizer("photo", {"kind": "range"}) is None
