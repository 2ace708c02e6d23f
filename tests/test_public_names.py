import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import srkit
import srkit.testing

HEAVY = {
    "torch", "monai", "rasterio", "osgeo", "pydicom", "nibabel", "scipy", "PIL", "tifffile", "imagecodecs",
    "safetensors", "rich", "typer", "pydantic", "yaml",
}  # fmt: skip
ROOT = Path(__file__).parents[1]


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh process has loaded after running `code`."""
    report = "import sys, json; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_srkit_loads_nothing_heavy() -> None:
    assert loaded_after("import srkit") & HEAVY == set()


def test_the_values_of_the_contract_load_nothing_heavy() -> None:
    code = "from srkit import Grid, Scale, Encoding, Item, hookimpl, ArraySource, ArraySink, files_below, InputError"
    assert loaded_after(code) & HEAVY == set()


def test_loading_all_plugins_loads_nothing_heavy() -> None:
    code = "from srkit.plugins import load_plugins, domains; domains(load_plugins(environment={}))"
    assert loaded_after(code) & HEAVY == set()


@pytest.mark.parametrize("name", srkit.__all__)
def test_public_name_can_be_had(name: str) -> None:
    assert getattr(srkit, name) is not None


def test_public_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse((ROOT / "srkit" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen | {"__version__"} == set(srkit.__all__)


def test_public_names_are_listed_by_dir() -> None:
    assert dir(srkit) == sorted(srkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Gird'"):
        _ = srkit.Gird


@pytest.mark.parametrize("name", srkit.testing.__all__)
def test_name_of_the_testing_kit_can_be_had(name: str) -> None:
    assert getattr(srkit.testing, name) is not None


def test_contracts_do_not_hide_each_other() -> None:
    kits = srkit.testing.DomainContract.__mro__[1:]
    names = [name for kit in kits for name in vars(kit) if name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)
