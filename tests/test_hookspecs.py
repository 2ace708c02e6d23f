import ast
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from srkit import hookspecs, plugins

ROOT = Path(__file__).parents[1]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("srkit_"))
COLLECTING = {"srkit_domains", "srkit_discover", "srkit_networks", "srkit_losses", "srkit_metrics", "srkit_models"}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_hooks", ROOT / "docs" / "make_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def calls_by_function(path: Path) -> dict[str, set[str]]:
    """Return the names of hooks that each public function of a module mentions, in itself or in what it calls."""
    functions = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}

    def mentioned(name: str, seen: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Constant) and node.value in HOOKS:
                found.add(str(node.value))
            if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
                found |= mentioned(node.id, seen | {node.id})
        return found

    return {name: mentioned(name, frozenset({name})) for name in functions if not name.startswith("_")}


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_documented_and_typed(hook: str) -> None:
    spec = getattr(hookspecs, hook)
    signature = inspect.signature(spec)
    assert inspect.getdoc(spec)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_a_typed_caller(hook: str) -> None:
    callers = [name for name, hooks in calls_by_function(Path(plugins.__file__)).items() if hook in hooks]
    assert callers
    assert all(inspect.signature(getattr(plugins, name)).return_annotation != "Any" for name in callers)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_says_whether_the_first_answer_wins(hook: str) -> None:
    assert getattr(hookspecs, hook).srkit_spec["firstresult"] is (hook not in COLLECTING)


@pytest.mark.parametrize("hook", sorted(set(HOOKS) - COLLECTING))
def test_a_verb_about_an_item_begins_with_the_domain(hook: str) -> None:
    assert next(iter(inspect.signature(getattr(hookspecs, hook)).parameters)) == "domain"


def test_reference_is_what_the_code_says(generator: ModuleType) -> None:
    written = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert written == generator.page(), "run `python docs/make_hooks.py`"


@pytest.mark.parametrize("hook", HOOKS)
def test_reference_names_every_argument(hook: str) -> None:
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    section = text.split(f"## {hook}\n")[1].split("\n## ")[0]
    for parameter in inspect.signature(getattr(hookspecs, hook)).parameters.values():
        assert f"{parameter.name}:" in section


def test_no_other_module_touches_the_hooks() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "srkit").rglob("*.py")
        if path.name not in ("loading.py", "plugins.py") and "manager.hook" in path.read_text(encoding="utf-8")
    ]
    assert offenders == []
