"""Networks that another runtime than torch computes, on the CPU: ONNX Runtime, OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from srkit.errors import MissingRequirementError, ModelError
from srkit.networks.exchange import INPUT, OUTPUT, to_onnx

Runtime = Literal["onnxruntime", "openvino"]
Array = npt.NDArray[np.float32]
Run = Callable[[Array], Array]
BOUND = 1e-5  # of the output's range: how far float32 results may lie from torch's
EDGES = (1, 5, 14)  # LR samples per axis that a match is tried on; tracing saw another length


@dataclass(frozen=True, slots=True)
class _Kind:
    extra: str
    open: Callable[[bytes, str, int], Run]


class RuntimeNetwork(nn.Module):
    """What `network` computes in evaluation mode, computed by `runtime`; its weights are copied.

    Raises MissingRequirementError without the runtime's package, ModelError where it cannot compute the network, or
    where float32 results lie farther than `BOUND` from torch's.
    """

    def __init__(self, network: nn.Module, runtime: Runtime, precision: str = "fp32") -> None:
        super().__init__()
        require(runtime)
        self._run = _opened(to_onnx(network), runtime, precision)
        if precision == "fp32":
            check_match(network, self._run, runtime)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range, float32."""
        return torch.from_numpy(self._run(lr.float().contiguous().numpy()))


def is_runtime(backend: str | None) -> TypeGuard[Runtime]:
    """Tell whether a backend is another runtime than torch."""
    return backend in RUNTIMES


def require(runtime: Runtime) -> None:
    """Raise MissingRequirementError where the runtime is not installed, or not what writes its models."""
    for package in (runtime, "onnx"):
        if find_spec(package) is None:
            extra = _KINDS[runtime].extra
            raise MissingRequirementError(
                f"the package {package} is not installed; install it with `pip install 'srkit[{extra}]'`"
            )


def check_match(network: nn.Module, run: Run, runtime: str) -> float:
    """Return how far `run` lies from `network`, as a share of the range, on random images small and not so small.

    Raises ModelError beyond `BOUND`.
    """
    ndim, multiple = int(getattr(network, "ndim", 2)), int(getattr(network, "multiple_of", 1))
    channels, random = int(getattr(network, "channels", 1)), torch.Generator().manual_seed(1)
    farthest = 0.0
    for images, length in enumerate(EDGES, start=1):
        shape = [multiple * length, *[multiple * (length + 1)] * (ndim - 1)]
        lr = torch.rand((images, channels, *shape), generator=random) * 2 - 1
        with torch.inference_mode():
            wanted = network(lr).numpy()
        found = _tried(run, lr.numpy(), runtime)
        distance = np.abs(found - wanted).max() if found.shape == wanted.shape else np.inf
        scale = max(float(np.ptp(wanted)), float(np.abs(wanted).max()), 1e-6)  # a constant has no range
        farthest = max(farthest, float(distance) / scale)
    if not farthest <= BOUND:
        raise ModelError(
            f"{runtime} strays from torch by {farthest:.2g} of the range with this network, beyond {BOUND:g}; "
            "leave the backend to srkit"
        )
    return farthest


def open_session(model: bytes, runtime: Runtime, precision: str = "fp32") -> Run:
    """Return what maps LR to SR by an ONNX model. Raises MissingRequirementError, ModelError."""
    require(runtime)
    return _opened(model, runtime, precision)


def _opened(model: bytes, runtime: Runtime, precision: str) -> Run:
    try:
        return _KINDS[runtime].open(model, precision, torch.get_num_threads())
    except Exception as error:  # each runtime has exceptions of its own
        raise ModelError(f"{runtime} cannot take this network: {_first_line(error)}") from error


def _tried(run: Run, lr: Array, runtime: str) -> Array:
    try:
        return run(lr)
    except Exception as error:  # each runtime has exceptions of its own
        raise ModelError(f"{runtime} cannot compute this network: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _onnxruntime(model: bytes, precision: str, threads: int) -> Run:
    import onnxruntime

    if precision != "fp32":
        raise ValueError(f"no precision {precision}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # else its threads slow down torch's
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(lr: Array) -> Array:
        result: Array = session.run([OUTPUT], {INPUT: lr})[0]
        return result

    return run


def _openvino(model: bytes, precision: str, threads: int) -> Run:
    import openvino

    core: Any = openvino.Core()
    how = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    request = core.compile_model(core.read_model(model), "CPU", how).create_infer_request()

    def run(lr: Array) -> Array:
        result: Array = request.infer({INPUT: lr})[OUTPUT]
        return result.copy()  # the next tile is written to the same place

    return run


_KINDS: dict[Runtime, _Kind] = {
    "onnxruntime": _Kind("onnx", _onnxruntime),
    "openvino": _Kind("openvino", _openvino),
}
RUNTIMES: tuple[Runtime, ...] = tuple(_KINDS)
