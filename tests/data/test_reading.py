import numpy as np

from srkit.arrays import ArraySource
from srkit.data.cache import ArrayCache
from srkit.data.reading import CachedSource, pad_to
from srkit.grid import Window


def test_padding_an_array_is_its_mirror():
    array = np.arange(12.0).reshape(1, 3, 4)
    expected = np.pad(array, [(0, 0), (2, 1), (0, 3)], mode="symmetric")
    np.testing.assert_array_equal(pad_to(array, Window((-2, 0), (4, 7))), expected)
    np.testing.assert_array_equal(pad_to(array, Window((1, 1), (3, 2))), array[:, 1:3, 1:2])


class Counting(ArraySource):
    reads = 0

    def read(self, window, frame=0):
        self.reads += 1
        return super().read(window, frame)


def test_a_small_item_is_read_once():
    source = Counting(np.arange(100, dtype=np.int16).reshape(1, 10, 10))
    cached = CachedSource(source, ArrayCache(10_000), "item")
    parts = [cached.read(Window((i, 0), (i + 1, 10))).values for i in range(10)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), np.arange(100).reshape(1, 10, 10))
    assert source.reads == 1


def test_an_item_larger_than_the_cache_is_read_by_windows():
    source = Counting(np.zeros((1, 10, 10), np.int16))
    cached = CachedSource(source, ArrayCache(100), "item")
    assert cached.read(Window((0, 0), (2, 2))).values.shape == (1, 2, 2)
    assert cached.read(Window((0, 0), (2, 2))).values.shape == (1, 2, 2)
    assert source.reads == 2


def test_the_cache_keeps_within_its_bound_and_forgets_the_oldest():
    cache = ArrayCache(1000)
    made = []

    def make(key):
        return cache.get(key, lambda: (made.append(key), (np.zeros(200, np.uint8),))[1])

    for key in "abcdeaf":
        make(key)
    assert cache.held_bytes == 1000
    make("a")
    make("b")
    assert made == ["a", "b", "c", "d", "e", "f", "b"]
