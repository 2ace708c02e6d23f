"""Series that were mixed or made consistent say so, and are other series."""

from collections.abc import Callable
from pathlib import Path

from pydicom import dcmread

import srkit


def test_every_way_of_making_has_an_identity_and_a_sentence(make: Callable[..., Path], tmp_path: Path) -> None:
    folder, found = make(), {}
    for name, ways in {"plain": {}, "mixed": {"strength": 0.5}, "agreeing": {"consistency": True}}.items():
        srkit.upscale(folder, tmp_path / name, model="nearest", **ways)
        found[name] = dcmread(next(path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()))
    assert len({dataset.SeriesInstanceUID for dataset in found.values()}) == 3
    assert "strength 0.5" in found["mixed"].DerivationDescription
    assert "consistent in 6 rounds" in found["agreeing"].DerivationDescription
