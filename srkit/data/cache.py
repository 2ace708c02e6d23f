"""A cache with a bound in bytes, shared by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from srkit.image import Array


class ArrayCache:
    """Keeps tuples of arrays by key, the least recently used ones leaving first when `limit_bytes` is exceeded.

    An entry above a quarter of the limit is never kept: it would drive out everything else. Two threads that miss
    the same key both compute it, which costs time but never an answer.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._entries: OrderedDict[Hashable, tuple[Array, ...]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes of all arrays kept."""
        return self._held

    def fits(self, size_bytes: int) -> bool:
        """Tell whether an entry of this size would be kept."""
        return 4 * size_bytes <= self._limit

    def get(self, key: Hashable, make: Callable[[], tuple[Array, ...]]) -> tuple[Array, ...]:
        """Return the arrays of `key`, made where they are not there. They are shared: nobody writes into them."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        arrays = make()
        for array in arrays:
            array.setflags(write=False)
        self._keep(key, arrays)
        return arrays

    def _keep(self, key: Hashable, arrays: tuple[Array, ...]) -> None:
        size = _size(arrays)
        with self._lock:
            if key in self._entries or not self.fits(size):
                return
            self._entries[key] = arrays
            self._held += size
            while self._held > self._limit:
                _, oldest = self._entries.popitem(last=False)
                self._held -= _size(oldest)


def _size(arrays: Sequence[Array]) -> int:
    return sum(array.nbytes for array in arrays)
