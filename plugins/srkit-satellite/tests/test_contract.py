"""The core's contract tests, over every example of this domain."""

import pytest
from srkit_satellite.examples import EXAMPLES

from srkit.testing import DomainContract, plugins_with


class TestContract(DomainContract):
    @pytest.fixture(params=EXAMPLES)
    def example(self, request, tmp_path):
        root = tmp_path / "example"
        root.mkdir()
        return EXAMPLES[request.param](root)

    @pytest.fixture
    def plugins(self):
        return plugins_with("srkit_satellite.plugin")
