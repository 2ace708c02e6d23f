import os
from pathlib import Path

import pytest

from srkit import files_below


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def relative(root: Path) -> list[tuple[str, str]]:
    return [(path.relative_to(root).as_posix(), folder) for path, folder in files_below(root)]


def test_files_come_in_order_with_their_folders(tmp_path: Path) -> None:
    tree(tmp_path, "b.img", "a.img", "z/deep/c.img", "k/d.img")
    assert relative(tmp_path) == [("a.img", ""), ("b.img", ""), ("k/d.img", "k"), ("z/deep/c.img", "z/deep")]


def test_a_file_as_root_is_yielded_even_if_hidden(tmp_path: Path) -> None:
    tree(tmp_path, ".hidden")
    assert list(files_below(tmp_path / ".hidden")) == [(tmp_path / ".hidden", "")]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, "a", ".b", ".git/c", "d/.e/f")
    assert relative(tmp_path) == [("a", "")]


def test_links_count_only_inside_and_folders_not_at_all(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", "real", "sub/other")
    tree(tmp_path, "outside/file")
    (root / "inside").symlink_to(root / "real")
    (root / "outward").symlink_to(tmp_path / "outside" / "file")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    (root / "nowhere").symlink_to(tmp_path / "missing")
    assert [name for name, _ in relative(root)] == ["inside", "real", "sub/other"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert relative(tmp_path) == []


def test_a_missing_root_has_no_files(tmp_path: Path) -> None:
    assert list(files_below(tmp_path / "missing")) == []
