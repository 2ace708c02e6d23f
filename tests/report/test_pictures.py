from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from srkit.report import picture_of, shared_window


def test_a_picture_survives_its_data_uri() -> None:
    values = np.arange(12.0).reshape(1, 3, 4)
    picture = picture_of(values, ((0.0, 11.0),))
    head, _, code = picture.data_uri.partition(",")
    read = np.asarray(Image.open(BytesIO(b64decode(code))))
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(read, np.rint(values[0] / 11 * 255))


def test_samples_beyond_the_window_are_black_and_white() -> None:
    plane = np.array([[[-5.0, 0.0, 10.0, 99.0, np.nan]]])
    assert picture_of(plane, ((0.0, 10.0),)).pixels.tolist() == [[0, 0, 255, 255, 0]]


def test_three_channels_become_colour_and_five_show_their_first_three() -> None:
    plane = np.stack([np.full((2, 2), float(value)) for value in range(5)])
    pixels = picture_of(plane, ((0.0, 4.0),) * 5).pixels
    assert pixels.shape == (2, 2, 3)
    assert pixels[0, 0].tolist() == [0, 64, 128]


def test_two_channels_show_the_first() -> None:
    assert picture_of(np.zeros((2, 3, 3)), ((0.0, 1.0),) * 2).pixels.shape == (3, 3)


def test_oblong_samples_are_repeated_to_squares() -> None:
    plane = np.array([[[0.0, 1.0]]])
    pixels = picture_of(plane, ((0.0, 1.0),), spacing=(3.0, 1.0)).pixels
    assert pixels.tolist() == [[0, 255]] * 3


def test_the_window_ignores_invalid_samples() -> None:
    values = np.full((1, 10, 10), 5.0)
    values[0, 0] = -9999
    valid = values > -9999
    low, high = shared_window(values, valid)[0]
    assert low == 5.0
    assert high > low


def test_the_window_equals_numpy_percentiles() -> None:
    values = np.random.default_rng(0).normal(size=(2, 50, 50))
    for channel, levels in zip(values, shared_window(values), strict=True):
        assert levels == pytest.approx(tuple(np.percentile(channel, [0.5, 99.5])))
