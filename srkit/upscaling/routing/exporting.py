"""A model as an ONNX file, checked against the model before it appears."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srkit import __version__
from srkit.errors import OutputError
from srkit.files import write_whole
from srkit.models.file import Model
from srkit.models.info import info_to_json
from srkit.networks.exchange import OPSET, to_onnx
from srkit.upscaling.routing.runtimes import check_match, open_session, require

KEY = "srkit"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, its opset and ends, and how far it lies from torch, as a share of the range.

    Ends are ``(images, channels, *LR samples)`` and what becomes of it, with names for what may be any number;
    samples are multiples of `multiple_of`.
    """

    path: Path
    opset: int
    input: tuple[str, ...]
    output: tuple[str, ...]
    multiple_of: int
    deviation: float


def export_onnx(model: Model, path: Path, *, overwrite: bool = False) -> Exported:
    """Write the generator of `model` as ONNX, what the model says of itself as its metadata.

    The file takes and gives float32 in network range, images of any size: to normalise values, to fill what is
    invalid and to cut tiles is left to who runs it, and the metadata's ``normalizer``, ``halo`` and ``multiple_of``
    say how. ONNX Runtime has given torch's values with it, within a hundred-thousandth of the range, on random images
    down to one sample.

    Raises MissingRequirementError without onnx and onnxruntime; ModelError where the network cannot be written, or
    does not match; OutputError where `path` is there and not to be replaced, or cannot be written.
    """
    path = Path(path)
    require("onnxruntime")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already; give --overwrite to replace it, or another name")
    data = _described(to_onnx(model.generator), model)
    deviation = check_match(model.generator, open_session(data, "onnxruntime"), "onnxruntime")
    write_whole(path, data)
    generator = model.generator
    lengths = [f"length{axis}" for axis in range(len(model.info.network_scale))]
    enlarged = [f"{s}*{name}" for s, name in zip(model.info.network_scale, lengths, strict=True)]
    ends = [("images", str(model.info.channels), *sizes) for sizes in (lengths, enlarged)]
    return Exported(path, OPSET, ends[0], ends[1], int(getattr(generator, "multiple_of", 1)), deviation)


def _described(data: bytes, model: Model) -> bytes:
    """Return the ONNX model with names, and with what the model's file says."""
    import onnx

    proto: Any = onnx.load_model_from_string(data)
    proto.producer_name, proto.producer_version = "srkit", __version__
    proto.graph.name = model.info.name
    halo = getattr(model.generator, "halo", None)
    entries = {
        KEY: info_to_json(model.info),
        "sha256": model.sha256,
        "halo": json.dumps(None if halo is None else list(halo)),
        "multiple_of": json.dumps(int(getattr(model.generator, "multiple_of", 1))),
    }
    onnx.helper.set_model_props(proto, entries)
    onnx.checker.check_model(proto, full_check=True)
    result: bytes = proto.SerializeToString(deterministic=True)
    return result
