"""The fixtures that all contracts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from srkit import plugins as calls
from srkit.domain import Item
from srkit.image import Source
from srkit.plugins import Plugins, load_plugins
from srkit.testing.examples import Example


class ContractFixtures:
    """Fixtures from an example to its opened source; `example` must be given, `plugins` may be."""

    @pytest.fixture
    def example(self, tmp_path: Path) -> Example:
        """Make one small item below `tmp_path`."""
        raise NotImplementedError("give the contract a fixture `example` that returns an srkit.testing.Example")

    @pytest.fixture
    def plugins(self) -> Plugins:
        """Return the plugins at work; all that are installed by default."""
        return load_plugins(environment={})

    @pytest.fixture
    def item(self, plugins: Plugins, example: Example) -> Item:
        """Return the only item of the example."""
        items = example.items_at(plugins, example.root)
        assert len(items) == 1, f"the example holds {len(items)} items of {example.domain!r}, not one"
        return items[0]

    @pytest.fixture
    def source(self, plugins: Plugins, example: Example, item: Item) -> Iterator[Source]:
        """Yield the item, opened."""
        source = calls.open_source(plugins, item, example.options_in(plugins)[example.domain])
        yield source
        source.close()
