import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from srkit import OutputError, files_below
from srkit.files import copy_whole, is_private_address, write_whole


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """Let files grow no larger than `size`: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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


def test_a_file_is_written_whole_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "file", b"first")
    write_whole(tmp_path / "new" / "file", b"second")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("file", b"second")]


def test_a_file_that_cannot_be_written_is_told_in_words_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with limited_file_size(1000), pytest.raises(OutputError, match=r"file cannot be written: File too large; free"):
        write_whole(tmp_path / "file", bytes(5000))
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "file" / "below", b"")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_an_address_with_a_user_or_a_query_may_be_secret() -> None:
    for place in ("https://a:b@example.org/x.tif", "http:/example.org/x.tif?sig=1", "/vsicurl/https://me@h/x.tif"):
        assert is_private_address(Path(place))
    for place in ("https://example.org/x@2.tif", "/data/a@b?.tif", "scene.tif"):
        assert not is_private_address(Path(place))


def test_a_copy_is_whole_or_absent(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.write_bytes(os.urandom(5000))
    with original.open("rb") as file:
        copy_whole(file, tmp_path / "deep" / "copy")
    assert (tmp_path / "deep" / "copy").read_bytes() == original.read_bytes()
    with original.open("rb") as file, limited_file_size(2000), pytest.raises(OutputError, match="cannot be written"):
        copy_whole(file, tmp_path / "deep" / "other")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]
