import numpy as np
import pytest
from srkit_photo.normalizer import DepthNormalizer

from srkit import Encoding


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_black_and_white_are_the_ends_of_the_range(dtype: type) -> None:
    normalizer = DepthNormalizer(Encoding(np.dtype(dtype)))
    values = np.array([[0, np.iinfo(dtype).max]], np.float32)
    np.testing.assert_array_equal(normalizer.normalise(values), [[-1, 1]])
    assert normalizer.spec["high"] == np.iinfo(dtype).max


def test_the_same_picture_in_8_and_16_bits_is_the_same_to_a_network() -> None:
    values = np.arange(256, dtype=np.float32)[np.newaxis]
    shallow, deep = (DepthNormalizer(Encoding(np.dtype(d))) for d in (np.uint8, np.uint16))
    np.testing.assert_allclose(deep.normalise(values * 257), shallow.normalise(values), atol=1e-6)


def test_every_16_bit_value_comes_back() -> None:
    normalizer = DepthNormalizer(Encoding(np.dtype(np.uint16)))
    values = np.arange(65536, dtype=np.float32)[np.newaxis]
    np.testing.assert_array_equal(np.rint(normalizer.denormalise(normalizer.normalise(values), values)), values)
