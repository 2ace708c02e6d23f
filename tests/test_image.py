import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from srkit import Channel, Encoding, Provenance, working_dtype

INTEGERS = ["u1", "i1", "u2", "i2", "u4", "i4"]
few = settings(max_examples=40, deadline=None)


def encoding(dtype: str, **more: object) -> Encoding:
    return Encoding(np.dtype(dtype), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [*INTEGERS, ">u2", ">i2", ">i4"])
def test_every_stored_integer_survives_decoding_and_encoding(dtype: str) -> None:
    info = np.iinfo(dtype)
    near_ends = [info.min, info.min + 1, 0, 1, info.max - 1, info.max]
    stored = np.array([[*near_ends, *range(100)]]).astype(dtype)
    again = encoding(dtype).encode(encoding(dtype).decode(stored))
    assert again.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(again, stored)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@few
@given(slope=st.floats(1e-3, 1e3), intercept=st.floats(-1e4, 1e4), seed=st.integers(0, 999))
def test_scaled_integers_survive(dtype: str, slope: float, intercept: float, seed: int) -> None:
    info = np.iinfo(dtype)
    stored = np.random.default_rng(seed).integers(info.min, info.max, (1, 50), dtype=dtype, endpoint=True)
    scaled = encoding(dtype, slope=slope, intercept=intercept)
    values = stored.astype(np.float64) * slope + intercept
    decoded = scaled.decode(stored)
    np.testing.assert_allclose(decoded, values, rtol=1e-6, atol=1e-6 * np.abs(values).max())
    allowed = 0 if abs(intercept) <= 1e3 * slope else int(np.abs(values).max() * 2**-24 / slope) + 1
    assert np.abs(scaled.encode(decoded).astype(int) - stored).max() <= allowed


@pytest.mark.parametrize("dtype", INTEGERS)
def test_overshoot_is_clipped_and_never_wraps(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.array([[float(info.min) - 1e3, float(info.max) + 1e3, -np.inf, np.inf]])
    np.testing.assert_array_equal(encoding(dtype).encode(values), [[info.min, info.max, info.min, info.max]])


def test_finite_values_stay_finite_in_narrow_floats() -> None:
    stored = Encoding(np.dtype("float16")).encode(np.array([[1e9, -1e9, 65519.9, np.inf, np.nan, 1.5]], np.float32))
    assert stored.dtype == np.float16
    np.testing.assert_array_equal(stored, np.array([[65504, -65504, 65504, np.inf, np.nan, 1.5]], np.float16))


def test_bits_bound_the_stored_values() -> None:
    values = np.array([[-9e4, 9e4]])
    np.testing.assert_array_equal(encoding("u2", bits=12).encode(values), [[0, 4095]])
    np.testing.assert_array_equal(encoding("i2", bits=12).encode(values), [[-2048, 2047]])


def test_rounding_is_half_to_even() -> None:
    values = np.array([[-1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, 2.5001]])
    np.testing.assert_array_equal(encoding("i2").encode(values), [[-2, 0, 0, 2, 2, 2, 3]])


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("end", ["low", "zero", "high"])
def test_valid_samples_are_moved_off_nodata_by_one(dtype: str, end: str) -> None:
    info = np.iinfo(dtype)
    nodata = {"low": info.min, "zero": 0, "high": info.max}[end]
    stored = encoding(dtype, nodata=(float(nodata),)).encode(np.array([[float(nodata), 7.0]]))
    assert abs(int(stored[0, 0]) - int(nodata)) == 1
    assert stored[0, 1] == 7


def test_invalid_samples_keep_nodata_channel_by_channel() -> None:
    values = np.array([[0.0, 0.0, 5.0], [9.0, 9.0, 0.0]])
    valid = np.array([[True, False, True], [False, True, True]])
    stored = encoding("u1", nodata=(0.0, 9.0)).encode(values, valid)
    np.testing.assert_array_equal(stored, [[1, 0, 5], [9, 8, 0]])


def test_one_mask_serves_all_channels() -> None:
    values = np.zeros((2, 2))
    stored = encoding("u1", nodata=(0.0, 0.0)).encode(values, np.array([[True, False]]))
    np.testing.assert_array_equal(stored, [[1, 0], [1, 0]])


def test_nodata_that_the_type_cannot_hold_moves_nothing() -> None:
    values = np.array([[0.0, 255.0]])
    np.testing.assert_array_equal(encoding("u1", nodata=(-9999.0,)).encode(values), [[0, 255]])


@pytest.mark.parametrize("nodata", [0.0, -9999.0, 3.4e38])
def test_floats_move_off_nodata_by_the_smallest_step(nodata: float) -> None:
    exact = np.float32(nodata)
    stored = encoding("f4", nodata=(float(exact),)).encode(np.array([[exact, 1.0]], np.float32))
    assert stored[0, 0] != exact
    assert abs(float(stored[0, 0]) - float(exact)) <= 1e-6 * max(abs(float(exact)), 1e-30)


def test_fractional_nodata_is_no_value_of_an_integer_type() -> None:
    np.testing.assert_array_equal(encoding("u1", nodata=(2.5,)).encode(np.array([[2.0, 3.0]])), [[2, 3]])


def test_not_a_number_becomes_nodata_where_invalid() -> None:
    values, valid = np.array([[np.nan, 4.0]]), np.array([[False, True]])
    np.testing.assert_array_equal(encoding("i2", nodata=(-9.0,)).encode(values, valid), [[-9, 4]])
    np.testing.assert_array_equal(encoding("i2").encode(values, valid), [[0, 4]])


@pytest.mark.parametrize("valid", [None, np.array([[True, True]])])
def test_not_a_number_on_a_valid_sample_is_an_error_for_integers(valid: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="not a number"):
        encoding("i2").encode(np.array([[np.nan, 4.0]]), valid)


def test_not_a_number_survives_in_floats() -> None:
    stored = encoding("f4", nodata=(np.nan,)).encode(np.array([[np.nan, 1.5]], np.float32))
    np.testing.assert_array_equal(stored, [[np.nan, 1.5]])


@few
@given(hnp.arrays(np.float32, (1, 20), elements=st.floats(width=32, allow_nan=True)))
def test_float32_survives_bit_by_bit(stored: np.ndarray) -> None:
    again = encoding("f4").encode(encoding("f4").decode(stored))
    np.testing.assert_array_equal(again, stored)


def test_masks_are_stored_as_masks() -> None:
    stored = np.array([[True, False]])
    again = encoding("?").encode(encoding("?").decode(stored))
    assert again.dtype == np.bool_
    np.testing.assert_array_equal(again, stored)


def test_encoding_leaves_its_input_as_it_was() -> None:
    values = np.array([[0.0, np.nan, 3.0]])
    before = values.copy()
    encoding("u1", nodata=(0.0,)).encode(values, np.array([[True, False, True]]))
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [("u1", "f4"), ("i2", "f4"), ("?", "f4"), ("f2", "f4"), ("f4", "f4"), (">u2", "f4"), ("u4", "f8"), ("f8", "f8")],
)
def test_working_type_holds_every_stored_value(stored: str, expected: str) -> None:
    assert working_dtype(stored) == np.dtype(expected)


@pytest.mark.parametrize("stored", ["i8", "u8", "c8", "U3", "O"])
def test_types_that_no_float_holds_are_refused(stored: str) -> None:
    with pytest.raises(TypeError, match="no float type holds"):
        working_dtype(stored)


def test_big_endian_floats_are_worked_on_in_native_order() -> None:
    decoded = encoding(">f4").decode(np.array([[1.5]], ">f4"))
    assert decoded.dtype == np.dtype(np.float32)
    assert decoded.dtype.isnative


def test_provenance_is_one_ascii_sentence() -> None:
    text = Provenance("0.1.0", "mri-x2", "ab" * 32, "2").sentence()
    assert text.isascii()
    assert "mri-x2 abababababab" in text
    assert "x2" in text
    assert len(text) <= 80


def test_provenance_names_a_runtime_other_than_torch() -> None:
    route = {"device": "cpu", "precision": "fp32"}
    assert "computed" not in Provenance("0.1.0", "mri-x2", None, "2", route).sentence()
    text = Provenance("0.1.0", "mri-x2", None, "2", {**route, "backend": "onnxruntime"}).sentence()
    assert "model mri-x2, computed by onnxruntime" in text


def test_channels_are_images_unless_they_say_otherwise() -> None:
    assert Channel("red").role == "image"


@few
@given(
    hnp.arrays(np.float32, (2, 12), elements=st.floats(-5, 260, width=32)),
    hnp.arrays(np.bool_, (1, 12)),
    st.sampled_from([(0.0, 255.0), (255.0, 254.0), (0.0, 1.0), (3.0, 2.0), (7.0, 7.0)]),
)
def test_valid_samples_are_neither_nodata_nor_reserved(values: np.ndarray, valid: np.ndarray, marks: tuple) -> None:
    nodata, reserved = marks
    stored = encoding("u1", nodata=(nodata, None), reserved=(reserved, None)).encode(values, valid)
    good = stored[0][valid[0]]
    assert not np.isin(good, marks).any()
    plain = encoding("u1").encode(values)
    np.testing.assert_array_equal(stored[:, ~valid[0]], plain[:, ~valid[0]])
    np.testing.assert_array_equal(stored[1], plain[1])
    assert np.abs(good.astype(int) - plain[0][valid[0]]).max(initial=0) <= 2


def test_chosen_channels_keep_their_own_marks() -> None:
    chosen = encoding("u2", nodata=(0.0, 1.0, None), reserved=(9.0, None, 8.0)).of_channels([2, 0])
    assert (chosen.nodata, chosen.reserved) == ((None, 0.0), (8.0, 9.0))
    assert encoding("u2").of_channels([1]) == encoding("u2")


@pytest.mark.parametrize("bits", [None, 12])
@pytest.mark.parametrize("slope", [1.0, -0.5])
def test_samples_that_a_type_cannot_hold_are_counted(bits, slope):
    encoding = Encoding(np.dtype(np.int16), slope=slope, intercept=3.0, bits=bits)
    values = np.random.default_rng(2).normal(0, 20_000 if bits is None else 1_500, (1, 40, 40)).astype(np.float32)
    wide = np.rint((values.astype(np.float64) - 3.0) / slope)
    lost = wide != encoding.encode(values)
    assert lost.any()
    assert encoding.beyond(values) == lost.sum()
    valid = np.zeros_like(lost)
    valid[:, :20] = True
    assert encoding.beyond(values, valid) == lost[:, :20].sum()
    assert Encoding(np.dtype(np.float32)).beyond(values) == 0
