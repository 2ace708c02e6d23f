import numpy as np
import pytest

from srkit.evaluation.benchmark import luma


def test_luma_goes_from_16_to_235():
    assert luma(np.array([[[0, 255]]])).ravel().tolist() == pytest.approx([16, 235])
