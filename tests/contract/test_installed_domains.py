"""The shipped contract, over the examples of every installed plugin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from srkit.plugins import domains, load_plugins
from srkit.testing import DomainContract, Example, installed_examples

MAKERS = installed_examples()


@pytest.mark.parametrize("label", sorted(MAKERS))
class TestInstalledDomain(DomainContract):
    @pytest.fixture
    def example(self, label: str, tmp_path: Path) -> Example:
        root = tmp_path / "input"
        root.mkdir()
        return MAKERS[label](root)


def test_every_installed_domain_brings_an_example(tmp_path: Path) -> None:
    def domain_of(number: int, maker: Callable[[Path], Example]) -> str:
        root = tmp_path / str(number)
        root.mkdir()
        return maker(root).domain

    covered = {domain_of(number, maker) for number, maker in enumerate(MAKERS.values())}
    assert covered == set(domains(load_plugins(environment={})))
