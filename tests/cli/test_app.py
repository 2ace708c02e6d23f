import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

import srkit
from srkit.cli.app import COMMANDS

Run = Callable[..., Result]

HEAVY = ("torch", "monai", "rasterio", "nibabel", "pydicom", "osgeo", "scipy", "tifffile", "SimpleITK")
LOOK = f"""
import sys
sys.argv = ["srkit", *sys.argv[1:]]
from srkit.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules], code)
"""


def loaded_by(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["upscale", "--help"], ["plugins", "list"]])
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(*arguments) == "LOADED [] 0"


def test_importing_srkit_loads_nothing_heavy() -> None:
    code = f"import srkit, sys; print([n for n in {(*HEAVY, 'typer', 'rich')!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_help_takes_less_than_a_second() -> None:
    """In time of the processor. It takes a fifth of one; a bound as tight as that failed on busy machines."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "srkit", "--help"], capture_output=True, check=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 1


def test_help_names_every_command(run: Run) -> None:
    text = run("--help").stdout
    for command in (*COMMANDS, "models", "plugins"):
        assert command in text


@pytest.mark.parametrize("command", [*COMMANDS, "models list", "models show", "plugins list"])
def test_every_command_has_help(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: srkit" in result.stdout


def test_version_is_the_packages_own(run: Run) -> None:
    assert run("--version").stdout.strip() == f"srkit {srkit.__version__}"


@pytest.mark.parametrize("arguments", [["no-such-command"], ["upscale"], ["upscale", "--no-such-option"]])
def test_misuse_ends_with_2_and_no_traceback(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_plugin_file_that_is_not_there_is_misuse(run: Run, tmp_path: Path) -> None:
    result = run("plugins", "list", plugin=tmp_path / "absent.py")
    assert result.exit_code == 2
    assert "absent.py" in result.stderr


def test_a_plugin_file_that_raises_ends_with_5_and_one_sentence(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('boom')")
    result = run("upscale", "x", "--out", "y", plugin=broken)
    assert result.exit_code == 5
    assert result.stderr.count("\n") == 1
    assert "broken.py" in result.stderr


def test_debug_shows_the_traceback(run: Run, plugin_file: Path, tmp_path: Path) -> None:
    result = run("--debug", "upscale", tmp_path / "absent.npy", "--out", tmp_path / "out.npy")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_a_bug_is_called_a_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("srkit.cli.plugins.plugin_facts", broken)
    result = run("plugins", "list")
    assert result.exit_code == 1
    assert "a bug in srkit" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert "secret" not in result.output


@pytest.mark.parametrize(("command", "hint"), [("train", "--resume"), ("plugins", "again")])
def test_an_interrupt_ends_with_130_and_says_how_to_go_on(
    command: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from srkit.cli.failures import exit_code_of

    assert exit_code_of(KeyboardInterrupt(), debug=False, command=command) == 130
    assert hint in capsys.readouterr().err


def test_plugins_list_shows_who_is_at_work(run: Run) -> None:
    answer = json.loads(run("plugins", "list", "--json").stdout)
    assert [plugin["name"] for plugin in answer["loaded"]] == ["core", "npy_plugin"]
    assert answer["loaded"][1]["domains"] == ["npy", "other"]
    assert "npy_plugin" in run("plugins", "list").stdout


def test_doctor_shows_who_answers_each_verb(run: Run) -> None:
    result = run("doctor", "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert facts["verbs"]["srkit_open"] == ["npy_plugin"]
    assert facts["verbs"]["srkit_networks"] == ["core"]
    assert facts["srkit"] == srkit.__version__
    assert "srkit_open" in run("doctor").stdout


def test_doctor_reports_a_domain_with_two_owners(run: Run, plugin_file: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.py"
    second.write_text(plugin_file.read_text())
    result = run("--plugin", second, "doctor", "--json")
    assert result.exit_code == 5
    assert "owned by two plugins" in json.loads(result.stdout)["problems"][0]


def test_models_list_is_empty_but_says_where_to_put_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SRKIT_MODELS", str(tmp_path / "mine"))
    assert str(tmp_path / "mine") in run("models", "list").stdout
    assert json.loads(run("models", "list", "--json").stdout)["models"] == []


def test_an_unknown_model_ends_with_3(run: Run) -> None:
    result = run("models", "show", "absent")
    assert result.exit_code == 3
    assert "absent" in result.stderr
