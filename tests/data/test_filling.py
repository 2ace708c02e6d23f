import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.data.filling import fill_invalid


@given(seed=st.integers(0, 99), rows=st.integers(1, 20), columns=st.integers(1, 20), share=st.floats(0.05, 1.0))
@settings(max_examples=40, deadline=None)
def test_valid_samples_stay_and_filled_ones_lie_between_them(seed, rows, columns, share):
    rng = np.random.default_rng(seed)
    values = rng.normal(100, 20, (2, rows, columns)).astype(np.float32)
    valid = rng.random((1, rows, columns)) < share
    values[:, ~valid[0]] = np.nan
    filled = fill_invalid(values, valid)
    np.testing.assert_array_equal(filled[:, valid[0]], values[:, valid[0]])
    assert np.isfinite(filled).all()
    if valid.any():
        low, high = np.nanmin(values, axis=(1, 2), keepdims=True), np.nanmax(values, axis=(1, 2), keepdims=True)
        assert (filled >= low - 1e-3).all()
        assert (filled <= high + 1e-3).all()
    assert filled.dtype == values.dtype


def test_a_constant_stays_constant():
    values = np.full((1, 16, 16), 5000.0)
    values[:, 3:9, 2:14] = -1
    np.testing.assert_allclose(fill_invalid(values, values > 0), 5000.0)
