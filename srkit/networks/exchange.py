"""A network as an ONNX model: for other programs, and for runtimes other than torch."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from srkit.errors import ModelError
from srkit.networks.fast import FastSRResNet, accelerated

OPSET = 18
INPUT, OUTPUT = "lr", "sr"
LENGTH = 12  # LR samples per axis of the image that is traced; the model takes any


def to_onnx(network: nn.Module) -> bytes:
    """Return `network` in evaluation mode, rewritten to be fast, as an ONNX model of opset 18.

    Its input ``lr`` is float32 ``(N, C, *spatial)`` in network range, with any N and any size, its output ``sr``
    likewise; where the network has a `multiple_of`, sizes are its multiples. `network` is left as it is.

    torch's older exporter is asked: its newer one needs two more packages, and from 10 seconds to minutes where this
    one needs less than one. Raises ModelError for a network that it cannot write.
    """
    plain = accelerated(network)
    if isinstance(plain, FastSRResNet):
        plain.layout = torch.contiguous_format  # ONNX knows none, and its runtimes choose their own
    ndim, multiple = int(getattr(network, "ndim", 2)), int(getattr(network, "multiple_of", 1))
    lr = torch.zeros(1, int(getattr(network, "channels", 1)), *[-(-LENGTH // multiple) * multiple] * ndim)
    axes = {0: "images", **{2 + axis: f"length{axis}" for axis in range(ndim)}}
    written = io.BytesIO()
    try:
        with warnings.catch_warnings(), _stdout_closed():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                plain,
                (lr,),
                written,  # type: ignore[arg-type]  # only the newer exporter wants a path
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: axes, OUTPUT: axes},
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        why = str(error).partition("[")[0].strip().rstrip(".")
        raise ModelError(f"a network of type {type(network).__name__} cannot be written as ONNX: {why}") from error
    return written.getvalue()


@contextlib.contextmanager
def _stdout_closed() -> Iterator[None]:
    """Keep stdout clean: torch's C++ prints the graph that it fails at, past Python's own stream."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
