"""What a run writes down about the source that it was made with."""

import os
import subprocess

import pytest

from srkit.training.keeping.run_folder import environment, git_state


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A checkout with one file `module.py`, and a function that calls git there."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def call(*words):
        who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    call("init", "-q")
    (tmp_path / "module.py").write_text("a = 1")
    call("add", "module.py")
    call("commit", "-q", "-m", "Begin")
    return call


def test_commit_and_changes_are_told(git, tmp_path):
    commit = git("rev-parse", "HEAD").strip()
    assert git_state(tmp_path) == {"commit": commit, "changed": False}
    (tmp_path / "module.py").write_text("a = 2")
    assert git_state(tmp_path) == {"commit": commit, "changed": True}


def test_what_is_merely_installed_below_a_checkout_is_not_of_it(git, tmp_path):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "module.py").write_text("a = 1")
    assert git_state(tmp_path / "site-packages") is None


def test_without_a_checkout_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None


def test_the_environment_holds_versions_and_the_state_of_the_source(toy_plugins):
    found = environment(toy_plugins)
    assert {"srkit", "python", "packages", "git", "plugins"} <= set(found)
