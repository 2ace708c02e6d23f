"""The trial of routes: kept per kind of machine, decides between ways that a processor is able to go."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from srkit.image import Encoding
from srkit.networks.srresnet import SRResNet
from srkit.upscaling.routing import backend, trial
from srkit.upscaling.routing.backend import choose_backend, precision_for
from srkit.upscaling.routing.trial import speeds

GOOD = {"rms": 0.01, "p999": 0.1}
UINT8 = Encoding(np.dtype(np.uint8))
ALL = ["fp32 rewritten", "fp32 fused", "bf16 rewritten", "bf16 fused"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, on a machine that can go every way (bf16 may be emulated), tried as briefly as can be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    for module in (trial, backend):
        monkeypatch.setattr(module, "fusing_works", lambda ndim, dtype: True)
    yield tmp_path / "srkit" / "trials.json"
    trial._known.cache_clear()


def keep(cache: Path, found: dict[str, float]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({trial._kind(ALL): found}))
    trial._known.cache_clear()


def test_what_was_tried_is_kept_and_not_tried_again(cache: Path) -> None:
    weights = torch.random.get_rng_state()
    found = dict(speeds())
    assert torch.equal(torch.random.get_rng_state(), weights)
    assert list(found) == ALL
    assert found["fp32 rewritten"] == 1.0
    assert min(found.values()) > 0
    keep(cache, {**found, "bf16 fused": 77.0})
    assert speeds()["bf16 fused"] == 77.0


def test_a_broken_cache_is_made_anew(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text('{"cut off')
    assert list(speeds()) == ALL
    assert list(json.loads(cache.read_text()).values()) == [speeds()]


def test_where_nothing_can_be_kept_nothing_is_tried(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.write_text("a file where the folder would be")
    monkeypatch.setattr(trial, "_tried", lambda ways: pytest.fail("tried"))
    assert speeds() == {}
    assert precision_for(None, None, "cpu", UINT8, GOOD)[0] == "bf16"


def test_bfloat16_that_is_no_faster_is_not_taken(cache: Path) -> None:
    keep(cache, {**dict.fromkeys(ALL, 1.0), "bf16 fused": 0.8})
    assert precision_for(None, None, "cpu", UINT8, GOOD) == ("fp32", "bf16 is only 0.8 times as fast here as fp32")
    assert precision_for("bf16", None, "cpu", UINT8, GOOD)[0] == "bf16"
    keep(cache, {**dict.fromkeys(ALL, 1.0), "bf16 fused": 1.9})
    precision, why = precision_for("auto", None, "cpu", UINT8, GOOD)
    assert (precision, "(1.9 times as fast when tried here)" in why) == ("bf16", True)


def test_fused_convolutions_that_are_slower_are_not_taken(cache: Path) -> None:
    network = SRResNet(channels=1, features=8, blocks=1, scale=2)
    keep(cache, {**dict.fromkeys(ALL, 1.0), "fp32 fused": 0.5})
    assert choose_backend(None, "cpu", "fp32", network)[0] == "rewritten"
    keep(cache, dict.fromkeys(ALL, 1.0))
    assert choose_backend(None, "cpu", "fp32", network)[0] == "fused"
