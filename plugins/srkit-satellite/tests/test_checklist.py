"""Inputs checked against a list of checksums, as coreutils' sha256sum writes it."""

import shutil
import subprocess

import numpy as np
import pytest

from srkit.cli.app import run

pytestmark = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")


@pytest.fixture
def folder(make):
    for name in ("one.tif", "deep/two.tif", "odd \\ name.tif"):
        path = make(name, np.random.default_rng(len(name)).integers(1, 99, (1, 20, 20)).astype(np.uint8), bigtiff="NO")
    root = path.parent
    files = sorted(str(file.relative_to(root)) for file in root.rglob("*.tif"))
    done = subprocess.run(["sha256sum", *files], cwd=root, capture_output=True, text=True, check=True)
    (root / "SHA256SUMS").write_text(done.stdout)
    return root


def upscale(folder, out, *more):
    return run(
        ["upscale", str(folder), "-o", str(out), "--model", "nearest", "--sha256", str(folder / "SHA256SUMS"), *more]
    )


def test_files_that_are_what_the_list_says_are_treated(folder, tmp_path):
    assert upscale(folder, tmp_path / "out") == 0
    assert len(list((tmp_path / "out").rglob("*.tif"))) == 3


def test_a_flipped_bit_and_an_unlisted_file_are_refused_and_the_others_go_on(folder, tmp_path, capsys):
    spoilt = folder / "one.tif"
    content = bytearray(spoilt.read_bytes())
    content[-7] ^= 1  # a sample: GDAL reads it without a word
    spoilt.write_bytes(content)
    shutil.copy(folder / "deep" / "two.tif", folder / "new.tif")
    assert upscale(folder, tmp_path / "out") == 4
    said = capsys.readouterr().out
    assert "one.tif is not what the list of checksums says" in said
    assert "new.tif is not in the list of checksums" in said
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tif")) == ["odd \\ name.tif", "two.tif"]


@pytest.mark.parametrize("text", ["hello\n", "00ff  one.tif\n"])
def test_what_is_no_such_list_is_a_usage_error(folder, tmp_path, capsys, text):
    (folder / "SHA256SUMS").write_text(text)
    assert upscale(folder, tmp_path / "out") == 2
    assert "line 1 is none of a list as sha256sum writes it" in " ".join(capsys.readouterr().err.split())
    (folder / "SHA256SUMS").unlink()
    assert upscale(folder, tmp_path / "out") == 2
