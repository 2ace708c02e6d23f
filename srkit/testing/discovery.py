"""What every discovery must do: know its own by content, and take no harm from anything else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from srkit import plugins as calls
from srkit.domain import Item, Skipped
from srkit.errors import InputError
from srkit.grid import Window
from srkit.image import Source
from srkit.plugins import Plugins
from srkit.testing.examples import Example
from srkit.testing.fixtures import ContractFixtures

MAGIC_LENGTH = 6


def foreign_files(own: bytes) -> dict[str, bytes]:
    """Return contents of other kinds than `own`, by file name; each also without a suffix."""
    noise = np.random.default_rng(0).bytes(4096)
    numbers = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4), }"
    named = {
        "notes.txt": b"measured on Monday\n" * 20,
        "empty.bin": b"",
        "noise.dat": noise,
        "array.npy": numbers.ljust(127) + b"\n" + bytes(32),
        "list.json": b'{"dim": [3, 64, 64]}',
        "archive.zip": b"PK\x03\x04" + noise[:500],
    }
    foreign = {name: content for name, content in named.items() if content[:MAGIC_LENGTH] != own[:MAGIC_LENGTH]}
    return foreign | {Path(name).stem: content for name, content in foreign.items()}


class DiscoverContract(ContractFixtures):
    """Items are found by content and below the root only; junk is nobody's item."""

    def test_example_is_one_item_of_its_domain(self, item: Item, example: Example) -> None:
        assert item.domain == example.domain
        assert item.paths
        assert all(path.is_file() and path.is_relative_to(example.root) for path in item.paths)

    def test_nothing_of_the_example_is_reported_broken(self, plugins: Plugins, example: Example) -> None:
        found = calls.discover(plugins, example.root, example.options_in(plugins), domain=example.domain)
        assert [s.reason for s in found if isinstance(s, Skipped) and s.failed] == []

    def test_output_has_a_name(self, item: Item) -> None:
        assert item.stem or not item.suffix
        assert item.folder == "" or not Path(item.folder).is_absolute()

    def test_discovery_is_repeatable(self, plugins: Plugins, example: Example) -> None:
        assert example.items_at(plugins, example.root) == example.items_at(plugins, example.root)

    def test_item_deeper_in_a_tree_keeps_its_folder(
        self, plugins: Plugins, example: Example, item: Item, tmp_path: Path
    ) -> None:
        shutil.copytree(example.root, tmp_path / "tree" / "côté 2" / "画像")
        items = example.items_at(plugins, tmp_path / "tree")
        assert [Path(i.folder) for i in items] == [Path("côté 2", "画像", item.folder)]

    def test_an_item_is_found_by_the_path_of_its_file_or_folder(
        self, plugins: Plugins, example: Example, item: Item
    ) -> None:
        named = item.path if len(item.paths) == 1 else item.path.parent
        found = example.items_at(plugins, named)
        assert [(i.paths, i.stem, i.suffix) for i in found] == [(item.paths, item.stem, item.suffix)]

    def test_item_is_known_without_its_file_names(
        self, plugins: Plugins, example: Example, item: Item, tmp_path: Path
    ) -> None:
        (tmp_path / "renamed").mkdir()
        for number, path in enumerate(item.paths):
            shutil.copy(path, tmp_path / "renamed" / f"file{number}")
        items = example.items_at(plugins, tmp_path / "renamed")
        expected = [len(item.paths)] if example.by_content else []  # else its name is part of the format
        assert [len(i.paths) for i in items] == expected

    def test_foreign_files_are_no_items(self, plugins: Plugins, example: Example, item: Item, tmp_path: Path) -> None:
        (tmp_path / "junk").mkdir()
        for name, content in foreign_files(item.path.read_bytes()).items():
            (tmp_path / "junk" / name).write_bytes(content)
        assert example.items_at(plugins, tmp_path / "junk") == []

    def test_junk_under_the_items_own_name_is_no_good_item(
        self, plugins: Plugins, example: Example, item: Item, tmp_path: Path
    ) -> None:
        for name, content in foreign_files(item.path.read_bytes()).items():
            folder = tmp_path / "posing" / name.replace(".", "-")
            folder.mkdir(parents=True)
            (folder / item.path.name).write_bytes(content)
        for found in example.items_at(plugins, tmp_path / "posing"):
            _assert_broken(plugins, example, found)

    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
    def test_truncated_item_is_reported_and_never_read_as_whole(
        self, plugins: Plugins, example: Example, item: Item, tmp_path: Path, kept: float
    ) -> None:
        root = tmp_path / "truncated"
        shutil.copytree(example.root, root)
        for path in item.paths:
            copy = root / path.relative_to(example.root)
            copy.write_bytes(copy.read_bytes()[: int(path.stat().st_size * kept)])
        found = calls.discover(plugins, root, example.options_in(plugins), domain=example.domain)
        assert found or kept < 0.5, "a truncated file of a known format is passed over in silence"
        for entry in found:
            if isinstance(entry, Item):
                _assert_broken(plugins, example, entry)
            else:
                assert entry.failed, f"a truncated file is skipped as if it were no image: {entry.reason}"

    def test_links_out_of_the_root_are_not_followed(self, plugins: Plugins, example: Example, tmp_path: Path) -> None:
        root = tmp_path / "links"
        root.mkdir()
        (root / "folder").symlink_to(example.root, target_is_directory=True)
        for path in example.root.rglob("*"):
            if path.is_file():
                (root / path.name).symlink_to(path)
        assert example.items_at(plugins, root) == []

    def test_a_link_to_the_root_itself_does_no_harm(self, plugins: Plugins, example: Example, tmp_path: Path) -> None:
        root = tmp_path / "loop"
        shutil.copytree(example.root, root)
        (root / "again").symlink_to(root, target_is_directory=True)
        (root / "nowhere").symlink_to(tmp_path / "missing")
        assert len(example.items_at(plugins, root)) == 1

    def test_other_things_than_files_do_no_harm(self, plugins: Plugins, example: Example, tmp_path: Path) -> None:
        root = tmp_path / "pipes"
        shutil.copytree(example.root, root)
        os.mkfifo(root / "pipe")
        (root / "empty").mkdir()
        assert len(example.items_at(plugins, root)) == 1


def _assert_broken(plugins: Plugins, example: Example, item: Item) -> None:
    """Fail unless opening or reading `item` raises InputError."""
    with pytest.raises(InputError):
        _read_all(calls.open_source(plugins, item, example.options_in(plugins)[example.domain]))


def _read_all(source: Source) -> None:
    try:
        for frame in range(source.frames):
            source.read(Window.whole(source.grid.shape), frame)
    finally:
        source.close()
