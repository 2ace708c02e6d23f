"""Every family as an ONNX model, images and volumes of any number and size; ONNX Runtime is the judge."""

import numpy as np
import onnxruntime
import pytest
import torch

from srkit import plugins as verbs
from srkit.networks.exchange import to_onnx
from srkit.plugins import Plugins

SMALL = {
    "srresnet": {"features": 4, "blocks": 1, "head_kernel": 3},
    "srresnet-lite": {"features": 4, "blocks": 1},
    "srresnet-gc": {"features": 4, "blocks": 1, "head_kernel": 3},
    "rrdb": {"features": 4, "growth": 2, "blocks": 1},
    "compact": {"features": 4, "blocks": 1},
    "span": {"features": 4, "blocks": 2},
    "attention": {"features": 4, "heads": 2, "window": 4, "blocks": 2},
    "srcnn": {"features": 4, "mapping": 4},
    "srresnet-25d": {"features": 4, "blocks": 1, "head_kernel": 3},
}
CASES = [(name, ndim) for name in SMALL for ndim in (2, 3) if (name, ndim) != ("srresnet-25d", 2)]


FROM_FILES = {"spandrel"}
"""Tried by tests/models/test_recognition.py."""


def test_all_families_are_tried_here(toy_plugins: Plugins) -> None:
    known = {name for name, factory in verbs.networks(toy_plugins).items() if factory.kind == "generator"}
    assert known == set(SMALL) | FROM_FILES


@pytest.mark.parametrize(("name", "ndim"), CASES)
def test_a_family_computes_the_same_in_another_runtime(name: str, ndim: int, toy_plugins: Plugins) -> None:
    torch.manual_seed(0)
    scale = (1, 2, 2) if name == "srresnet-25d" else 2
    network = verbs.networks(toy_plugins)[name].build(ndim=ndim, channels=2, scale=scale, **SMALL[name]).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.2)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(network), options)
    for shape in ((2, 2, *(8, 12, 16)[:ndim]), (1, 2, *(4,) * ndim)):
        lr = torch.rand(shape) * 2 - 1
        with torch.inference_mode():
            judge = network(lr).numpy()
        (sr,) = session.run(None, {"lr": lr.numpy()})
        np.testing.assert_allclose(sr, judge, atol=1e-5 * max(1.0, float(np.abs(judge).max())))
