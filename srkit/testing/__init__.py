"""The plugin author's kit: contract tests to subclass, for pytest.

A subclass of `DomainContract` provides the fixture `example` (one small item) and, unless its plugin is installed,
the fixture `plugins`::

    class TestMine(DomainContract):
        @pytest.fixture
        def example(self, tmp_path: Path) -> Example:
            return make_item(tmp_path)
"""

from srkit.testing.discovery import DiscoverContract
from srkit.testing.domain import DomainContract
from srkit.testing.examples import Example, installed_examples, plugins_with
from srkit.testing.learning import DegradationContract, NormalizerContract, PatchesContract
from srkit.testing.sinks import SinkContract
from srkit.testing.sources import SourceContract

__all__ = [
    "DegradationContract",
    "DiscoverContract",
    "DomainContract",
    "Example",
    "NormalizerContract",
    "PatchesContract",
    "SinkContract",
    "SourceContract",
    "installed_examples",
    "plugins_with",
]
