import weakref
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.grid import Grid, Slab, Window
from srkit.image import Channel, Encoding, OutputPlan, Provenance
from srkit.upscaling.enlarging.slabs import as_written, assemble, slabs_per_frame
from srkit.upscaling.enlarging.stream import Piece

SHAPE = (12, 9, 10)


def plan(frames: int) -> OutputPlan:
    made_by = Provenance("0", "none", None, "1")
    return OutputPlan(Grid.pixels(SHAPE), (Channel("a"),), Encoding(np.dtype(np.int16)), frames, (1, 1, 1), made_by)


def pieces(array: np.ndarray, valid: np.ndarray | None, axis: int, size: int) -> list[Piece]:
    """Cut frames into cubes, ascending along `axis` first."""
    order = [axis, *(a for a in range(3) if a != axis)]
    windows = [Window((0, 0, 0), SHAPE)]
    for a in order:
        cut = Slab(a, size)
        windows = [w.intersection(c) for w in windows for c in cut.windows(SHAPE)]
    return [
        Piece(w, f, array[f][(slice(None), *w.slices)], None if valid is None else valid[f][(slice(None), *w.slices)])
        for f in range(len(array))
        for w in windows
    ]


@given(
    axis=st.integers(0, 2),
    piece=st.integers(1, 12),
    slab=st.integers(1, 13),
    first=st.integers(0, 5),
    some=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_slabs_come_whole_and_in_file_order(axis: int, piece: int, slab: int, first: int, some: bool) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(-99, 99, (2, 1, *SHAPE)).astype(np.float32)
    valid = rng.random((2, 1, *SHAPE)) < 0.9 if some else None
    wanted = Slab(axis, slab)
    windows = [(f, w) for f in range(2) for w in wanted.windows(SHAPE)]
    assert 2 * slabs_per_frame(plan(2), wanted) == len(windows)
    slabs = list(assemble(pieces(array, valid, axis, piece), plan(2), wanted, first=first))
    assert [(s.frame, s.window) for s in slabs] == windows[first:]
    for s in slabs:
        place = (slice(None), *s.window.slices)
        np.testing.assert_array_equal(s.stored, array[s.frame][place].astype(np.int16))
        if valid is not None:
            np.testing.assert_array_equal(s.valid, valid[s.frame][place])
        else:
            assert s.valid is None


def test_validity_may_begin_and_widen_within_a_slab() -> None:
    array = np.zeros((1, 2, 4, 4), np.float32)
    made_by = Provenance("0", "none", None, "1")
    both = OutputPlan(
        Grid.pixels((4, 4)), (Channel("a"), Channel("b")), Encoding(np.dtype(np.uint8)), 1, (1, 1), made_by
    )
    rows = [Window((r, 0), (r + 1, 4)) for r in range(4)]
    valid = [None, np.zeros((1, 1, 4), bool), np.array([[[True] * 4], [[False] * 4]]), None]
    made = [Piece(w, 0, array[0][:, w.slices[0]], v) for w, v in zip(rows, valid, strict=True)]
    (slab,) = assemble(made, both, Slab(0, 4))
    np.testing.assert_array_equal(slab.valid[:, :, 0], [[True, False, True, True], [True, False, False, True]])


def test_what_was_taken_is_let_go_before_more_is_made() -> None:
    taken: list[weakref.ref[np.ndarray]] = []

    def made() -> Iterator[Piece]:
        for row in range(SHAPE[0]):
            assert all(array() is None for array in taken)
            values = np.zeros((1, 1, *SHAPE[1:]), np.float32)
            taken.append(weakref.ref(values))
            yield Piece(Window((row, 0, 0), (row + 1, *SHAPE[1:])), 0, values, None)
            del values

    for slab in assemble(made(), plan(1), Slab(0, 3)):
        assert sum(piece.values.size for piece in as_written(slab, plan(1), 0)) == slab.stored.size
        taken.append(weakref.ref(slab.stored))
        del slab
    assert len(taken) == SHAPE[0] + SHAPE[0] // 3
