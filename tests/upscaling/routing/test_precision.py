import numpy as np
import pytest
import torch

from srkit.errors import UsageError
from srkit.image import Encoding
from srkit.upscaling.routing import precision
from srkit.upscaling.routing.precision import choose_precision

GOOD = {"rms": 0.05, "p999": 0.2}
UINT16 = Encoding(np.dtype(np.uint16))


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


@pytest.mark.usefixtures("bf16")
@pytest.mark.parametrize("wish", [None, "auto"])
@pytest.mark.parametrize(
    ("deviation", "dtype", "chosen"),
    [
        (GOOD, "u1", "bf16"),
        (GOOD, "i2", "bf16"),
        ({**GOOD, "rms": 0.051}, "u1", "fp32"),
        ({**GOOD, "p999": 0.21}, "u1", "fp32"),
        ({"rms": 0.01}, "u1", "fp32"),
        (None, "u1", "fp32"),
        (GOOD, "f4", "fp32"),
        (GOOD, "u4", "fp32"),
    ],
)
def test_auto_takes_bf16_only_where_model_and_data_allow(
    wish: str | None, deviation: dict[str, float] | None, dtype: str, chosen: str
) -> None:
    assert choose_precision(wish, "cpu", Encoding(np.dtype(dtype)), deviation)[0] == chosen


def test_auto_takes_fp32_where_bf16_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert choose_precision("auto", "cpu", UINT16, GOOD) == ("fp32", "this processor has no bf16 of its own")


def test_a_wish_is_followed() -> None:
    assert choose_precision("bf16", "cpu", UINT16, None)[0] == "bf16"
    assert choose_precision("fp32", "cpu", UINT16, GOOD)[0] == "fp32"


@pytest.mark.usefixtures("bf16")
def test_the_reason_has_the_numbers() -> None:
    assert "0.3 % of the range" in choose_precision("auto", "cpu", UINT16, {"rms": 0.3, "p999": 0.9})[1]


def test_an_unknown_precision_is_refused_with_those_known() -> None:
    with pytest.raises(UsageError, match=r"no precision 'fp16'.*auto, fp32, bf16"):
        choose_precision("fp16", "cpu", UINT16, None)
    assert precision.LIMITS == GOOD
