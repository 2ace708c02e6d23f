"""The contracts catch the faults that they are there for."""

import re
from pathlib import Path

import numpy as np
import pytest

from srkit import ArraySource, Block, Window
from srkit import plugins as calls
from srkit.errors import PluginError
from srkit.image import Source
from srkit.testing import DiscoverContract, Example, SinkContract, SourceContract, plugins_with
from srkit.testing.outputs import make_output, plan_for

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plugin.md"
FOUND = re.search(r"<!-- plugin: npy -->\n```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.S | re.M)
PLUGIN = FOUND[1] if FOUND else ""


class Shifted(ArraySource):
    """Reads one row too far, as a reader that mixes corners and centres does."""

    def read(self, window: Window, frame: int = 0) -> Block:
        rows = self.grid.shape[0]
        return (
            super().read(window)
            if window.start[0] == 0 or window.stop[0] == rows
            else super().read(window.shifted((1, 0)))
        )


class Shared(ArraySource):
    """Hands out its own memory."""

    def __init__(self, stored: np.ndarray) -> None:
        super().__init__(stored)
        self.values = stored.astype(np.float32)

    def read(self, window: Window, frame: int = 0) -> Block:
        return Block(self.values[:, *window.slices])


class Squeezed(ArraySource):
    """Drops axes of length one."""

    def read(self, window: Window, frame: int = 0) -> Block:
        return Block(super().read(window).values.squeeze())


def stored() -> np.ndarray:
    return np.arange(99, dtype=np.uint16).reshape(1, 9, 11)


@pytest.mark.parametrize(
    ("source", "test"),
    [
        (Shifted(stored()), "test_part_equals_crop_of_whole_in_every_frame"),
        (Shared(stored()), "test_changing_what_was_read_does_not_change_the_source"),
        (Squeezed(stored()), "test_one_sample_can_be_read"),
        (ArraySource(stored(), roles={"row": 0, "column": 0}), "test_roles_name_different_axes_of_the_grid"),
    ],
)
def test_a_faulty_source_fails_and_a_good_one_passes(source: Source, test: str) -> None:
    getattr(SourceContract(), test)(ArraySource(stored()))
    with pytest.raises(AssertionError):
        getattr(SourceContract(), test)(source)


def example_with(tmp_path: Path, text: str) -> tuple[Example, calls.Plugins]:
    (tmp_path / "npy_plugin.py").write_text(text, encoding="utf-8")
    (tmp_path / "input").mkdir()
    np.save(tmp_path / "input" / "image.npy", stored()[0])
    return Example("npy", tmp_path / "input"), plugins_with(tmp_path / "npy_plugin.py")


def test_a_sink_that_writes_something_else_fails(tmp_path: Path) -> None:
    example, plugins = example_with(tmp_path, PLUGIN.replace("stored[0])", "stored[0] + 1)"))
    (item,) = example.items_at(plugins, example.root)
    source = calls.open_source(plugins, item, {})
    target = make_output(plugins, example, item, source, tmp_path / "staging")
    reopened = calls.open_source(plugins, example.items_at(plugins, target.parent)[0], {})
    with pytest.raises(AssertionError):
        SinkContract().test_samples_are_those_that_were_written(
            plugins, example, source, reopened, plan_for(source, example, plugins), tmp_path
        )


def test_a_discovery_by_name_alone_fails(tmp_path: Path) -> None:
    by_name = re.sub(r"if file\.read\(6\) == .*:", 'if path.suffix == ".npy":', PLUGIN)
    example, plugins = example_with(tmp_path, by_name)
    (item,) = example.items_at(plugins, example.root)
    with pytest.raises(AssertionError):
        DiscoverContract().test_item_is_known_without_its_file_names(plugins, example, item, tmp_path)


def test_a_discovery_that_follows_links_fails(tmp_path: Path) -> None:
    loose = PLUGIN.replace("srkit.files_below(root)", "((p, '') for p in sorted(root.rglob('*')) if p.is_file())")
    example, plugins = example_with(tmp_path, loose)
    with pytest.raises(AssertionError):
        DiscoverContract().test_links_out_of_the_root_are_not_followed(plugins, example, tmp_path)


def test_a_plugin_that_cannot_be_loaded_is_an_error() -> None:
    with pytest.raises(PluginError, match="no_such_module"):
        plugins_with("no_such_module")
