"""Public networks as models, judged by what ncnn's own layers compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ncnn_layers import SINGLE, File, rrdb, span

from srkit.errors import InputError, ModelError
from srkit.grid import Scale
from srkit.models.file import ModelInfo, load_model
from srkit.plugins import Plugins


def info(channels: int, scale: int) -> ModelInfo:
    normalizer = {"kind": "range", "low": 0, "high": 1000}
    return ModelInfo("public", "toy", "", Scale(scale, scale), ("row", "column"), channels, normalizer=normalizer)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("build", [span, rrdb, lambda path: span(path, scale=4, blocks=3, flag=SINGLE)])
def test_a_converted_model_computes_what_the_layers_of_its_file_do(
    build: Callable[[Path], File], channels: int, tmp_path: Path, plugins: Plugins
) -> None:
    from conversion import convert

    file = build(tmp_path / "public.param")
    values = torch.rand(1, channels, 30, 26, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    judge = file.judge(values.clamp(0, 1).expand(1, 3, 30, 26))
    wanted = judge.clamp(0, 1)
    assert float((wanted == judge).float().mean()) > 0.1, "nearly all is cut off: nothing is compared"
    out = tmp_path / "public.safetensors"
    convert(file.write(), out, info(channels, judge.shape[-1] // 26), plugins)
    with torch.inference_mode():
        found = (load_model(out, plugins).generator(values * 2 - 1) + 1) / 2
    torch.testing.assert_close(found, wanted if channels == 3 else wanted.mean(dim=1, keepdim=True), rtol=0, atol=1e-4)


def test_a_file_that_is_not_as_it_must_be_is_refused(tmp_path: Path, plugins: Plugins) -> None:
    from conversion import convert

    out = tmp_path / "out.safetensors"
    param = span(tmp_path / "public.param").write()
    with pytest.raises(ModelError, match="enlarges by 2"):
        convert(param, out, info(1, 4), plugins)
    binary, text = param.with_suffix(".bin"), param.read_text()
    whole = binary.read_bytes()
    for bad in (whole[:-4], whole + b"\0\0\0\0"):
        binary.write_bytes(bad)
        with pytest.raises(InputError, match="more or less"):
            convert(param, out, info(1, 2), plugins)
    binary.write_bytes(whole)
    param.write_text(text.replace("Sigmoid", "TanH"))
    with pytest.raises(InputError, match="not known here"):
        convert(param, out, info(1, 2), plugins)
    param.write_text("ncnn")
    with pytest.raises(InputError, match=r"cannot be read|no text"):
        convert(param, out, info(1, 2), plugins)
    assert not out.exists()
