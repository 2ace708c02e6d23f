"""README and docs say only what is so: commands parse, Python compiles, recipes load, links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

import srkit
from srkit.cli.app import make_app
from srkit.config import load_recipe
from srkit.errors import SrkitError
from srkit.plugins import domains, load_plugins

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OWN = {"core", "medical", "satellite", "photo"}

pytestmark = pytest.mark.skipif(
    {plugin.name for plugin in load_plugins(environment=os.environ).loaded} != OWN,
    reason="the docs speak of this repository's plugins, all of them and no others",
)


def blocks(page: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if kind == language]


def commands() -> list[tuple[str, str]]:
    lines = [(page, line) for page in PAGES for text in blocks(page, "console") for line in text.splitlines()]
    return [(page, line.removeprefix("$ ")) for page, line in lines if line.startswith("$ srkit ")]


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_are_understood(page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse only: nothing is run."""
    (tmp_path / "npy_plugin.py").write_text(blocks("README.md", "python")[-1])
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.partition(" > ")[0])[1:]
    group = get_command(make_app())
    context = group.make_context("srkit", words)
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        context = group.make_context(name, rest, parent=context)
    assert not context.args


@pytest.mark.parametrize("page", PAGES)
def test_python_compiles_and_uses_public_names(page: str) -> None:
    for text in blocks(page, "python"):
        if text.startswith("srkit_"):
            continue  # a signature of the hook reference
        compile(text, page, "exec")
        for name in re.findall(r"\bsrkit\.([A-Za-z_]\w*)", text):
            assert hasattr(srkit, name) or name == "testing", f"{page} speaks of srkit.{name}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_the_recipe_of_the_how_to_loads(tmp_path: Path) -> None:
    text = blocks("docs/how-to/write-a-recipe.md", "yaml")[0]
    path = tmp_path / "knees-x2.yaml"
    path.write_text(text, encoding="utf-8")
    defaults = {name: domain.training for name, domain in domains(load_plugins()).items()}
    assert load_recipe(path, domain_defaults=defaults).title == "knees-x2"


@pytest.mark.parametrize("number", [1, 2])
def test_parts_of_recipes_of_the_how_to_load(number: int, tmp_path: Path) -> None:
    part = yaml.safe_load(blocks("docs/how-to/write-a-recipe.md", "yaml")[number])
    part.setdefault("domain", "mri")
    path = tmp_path / "part.yaml"
    path.write_text(yaml.safe_dump(part), encoding="utf-8")
    recipe = load_recipe(path)
    if recipe.degradation:
        from srkit.degrade import parse

        assert len(parse(recipe.degradation).steps) == 2


@pytest.mark.parametrize("name", ["mri-fast", "ct-fast", "satellite-fast", "photo-fast"])
def test_recipes_that_the_docs_name_exist(name: str) -> None:
    from srkit.training.recipes.shelf import find_recipe

    try:
        load_recipe(find_recipe(name))
    except SrkitError as error:
        pytest.fail(str(error))


def test_the_command_reference_is_what_the_commands_say() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "make_cli.py"), "--check"], check=False, timeout=120)
    assert done.returncode == 0, "docs/reference/cli.md is out of date; run `make docs`"


def test_the_schema_of_recipes_is_that_of_the_code() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "make_schema.py"), "--check"], check=False, timeout=60)
    assert done.returncode == 0, "configs/recipe.schema.json is out of date; run `make docs`"


def test_environment_variables_of_the_docs_are_those_of_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("srkit/**/*.py"))
    for page in PAGES:
        for name in re.findall(r"\bSRKIT_[A-Z]+\b", (ROOT / page).read_text(encoding="utf-8")):
            assert name in code or name == "SRKIT_DATA", f"{page} speaks of {name}"


@pytest.mark.parametrize("command", ["upscale", "train"])
def test_readme_and_help_say_that_detail_of_a_network_is_not_measured(command: str) -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "remove a lesion or invent one. No output is fit for diagnosis" in readme
    group = get_command(make_app())
    told = f"{group.help} {group.commands[command].help}"  # type: ignore[attr-defined]
    assert "plausible, not measured" in told
    assert "never for diagnosis" in told
