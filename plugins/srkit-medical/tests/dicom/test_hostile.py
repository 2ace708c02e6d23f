"""Files with bytes changed at random, cut short or nested beyond sense: each costs itself, never the run."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import srkit

Make = Callable[..., Path]
SEQUENCE = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


def damaged(seed: int) -> bytes:
    """Return a slice whose header has one to ten bytes of noise, and every fourth a sudden end."""
    chance = random.Random(seed)
    data = bytearray(Path(str(get_testdata_file("MR_small.dcm"))).read_bytes())
    for _ in range(chance.choice((1, 3, 10))):
        data[chance.randrange(132, 2500)] = chance.randrange(256)
    return bytes(data[: chance.randrange(140, len(data))] if seed % 4 == 0 else data)


def nested(depth: int) -> bytes:
    """Return a slice whose header holds sequences within sequences, none of which ends."""
    data = Path(str(get_testdata_file("MR_small.dcm"))).read_bytes()
    place = data.index(b"\x10\x00\x10\x00PN")
    return data[:place] + SEQUENCE * depth + data[place:]


def odd_length() -> bytes:
    """Return a slice whose Rows are said to take one byte."""
    data = Path(str(get_testdata_file("MR_small.dcm"))).read_bytes()
    place = data.index(b"\x28\x00\x10\x00US") + 6
    return data[:place] + b"\x01\x00" + data[place + 2 : place + 3] + data[place + 4 :]


@pytest.mark.parametrize("seed", [0, 1000])
def test_noise_in_headers_costs_the_file_alone(make: Make, tmp_path: Path, seed: int) -> None:
    make("in/sound")
    for number in range(40):
        (tmp_path / "in" / f"{number}").mkdir()
        (tmp_path / "in" / f"{number}" / "a.dcm").write_bytes(damaged(seed + number))
    report = srkit.upscale(tmp_path / "in", tmp_path / "out", scale=2, model="nearest", domain="mri")
    assert len(list((tmp_path / "out" / "sound").glob("*.dcm"))) == 6
    assert all(result.reason for result in report.results if result.status == "failed")
    assert not any("plugin" in result.reason for result in report.results)


@pytest.mark.parametrize("data", [nested(20_000), odd_length()], ids=["nested", "odd length"])
def test_a_header_beyond_sense_costs_the_file_alone(make: Make, tmp_path: Path, data: bytes) -> None:
    make("in/sound")
    (tmp_path / "in" / "bad").mkdir()
    (tmp_path / "in" / "bad" / "a.dcm").write_bytes(data)
    report = srkit.upscale(tmp_path / "in", tmp_path / "out", scale=2, model="nearest", domain="mri")
    assert sorted(result.status for result in report.results) == ["done", "failed"]
    assert report.exit_code == 4
