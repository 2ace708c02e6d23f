"""SIGTERM, which batch systems send: nothing half done stays behind, and others never saw it in the making."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

HALTING = """
import os, time, srkit
@srkit.hookimpl(wrapper=True)
def srkit_create(domain, target, source, plan):
    sink = yield
    write = sink.write
    def slowly(*arguments):
        write(*arguments)
        os.write(1, b"w")
        for _ in range(6000):  # a signal may reach another thread, which interrupts no call of this one
            time.sleep(0.1)
    if not os.environ.get("GO"):
        sink.write = slowly
    return sink
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a folder with two NIfTI volumes and a DICOM series."""
    folder = tmp_path / "in"
    (folder / "series").mkdir(parents=True)
    for name in ("a.nii", "b.nii"):
        nibabel.save(nibabel.Nifti1Image(np.arange(600, dtype=np.int16).reshape(10, 12, 5), np.eye(4)), folder / name)
    for k in range(4):
        dataset = dcmread(str(get_testdata_file("MR_small.dcm")))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
        dataset.ImagePositionPatient = [0, 0, 5 * k]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.save_as(folder / "series" / f"{k}.dcm")
    return folder


def command(tmp_path: Path, source: Path, *more: str) -> list[str | Path]:
    """Return a command line whose sinks halt after their first slab."""
    plugin = tmp_path / "halting.py"
    plugin.write_text(HALTING)
    run = [sys.executable, "-m", "srkit", "--plugin", plugin, "upscale", source, "--out", tmp_path / "made" / "out"]
    return [*run, "--model", "nearest", "--scale", "2", "--domain", "mri", *more]


def others_may_read(path: Path, root: Path) -> bool:
    """Tell whether somebody else could open `path`: each folder below `root` lets them in, and the file too."""
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents if root in folder.parents)


def in_the_making(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and "srkit-manifest" not in path.name)


@pytest.mark.parametrize(("source", "resume"), [("a.nii", False), ("series", True)])
def test_a_terminated_run_ends_as_an_interrupted_one(archive: Path, tmp_path: Path, source: str, resume: bool) -> None:
    if source == "a.nii":
        (archive / "b.nii").unlink()
    line = command(tmp_path, archive / source, *(["--resume"] if resume else []))
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=0o022) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.read(1) == "w"
        made = list(in_the_making(tmp_path / "made"))
        assert made
        assert not any(others_may_read(path, tmp_path) for path in made)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=100) == 130
        assert "interrupted; " in (said := run.stderr.read())
        assert "--resume" in said
    left = list(in_the_making(tmp_path / "made"))
    assert bool(left) == resume
    assert not any(others_may_read(path, tmp_path) for path in left)
    again = subprocess.run(
        line, env={**os.environ, "GO": "1"}, capture_output=True, text=True, check=False, umask=0o022
    )
    assert again.returncode == 0, again.stderr
    done = list(in_the_making(tmp_path / "made"))
    assert len(done) == (1 if source == "a.nii" else 4)
    assert all(others_may_read(path, tmp_path) for path in done)
    assert not any(".srkit-" in str(path) for path in done)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["parent", "group", "killed"])
def test_workers_are_terminated_with_the_run_and_clean_up(archive: Path, tmp_path: Path, how: str) -> None:
    line = command(tmp_path, archive, "--workers", "2", "--no-manifest")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as run:
        assert run.stdout is not None
        assert run.stdout.read(2) == b"ww"
        number = signal.SIGKILL if how == "killed" else signal.SIGTERM
        (os.killpg if how == "group" else os.kill)(run.pid, number)
        assert run.wait(timeout=100) == (-signal.SIGKILL if how == "killed" else 130)
        run.stdout.read()  # until the last worker ended, by itself: one that was killed would have left its folder
    assert not list(in_the_making(tmp_path / "made"))
