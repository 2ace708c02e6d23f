from pathlib import Path

import numpy as np
import pytest

from srkit import (
    ArraySink,
    ArraySource,
    Channel,
    Encoding,
    Grid,
    InputError,
    OutputError,
    OutputPlan,
    Provenance,
    Sink,
    Source,
    Window,
)


class KeepingSink(ArraySink):
    saved: np.ndarray | None = None

    def save(self, target: Path, stored: np.ndarray) -> None:
        self.saved = stored


def plan(frames: int = 1) -> OutputPlan:
    encoding = Encoding(np.dtype(np.uint8))
    return OutputPlan(
        Grid.pixels((4, 3)), (Channel("a"), Channel("b")), encoding, frames, (1, 1), Provenance("", "", None, "1")
    )


def test_it_is_a_source_with_sensible_defaults() -> None:
    source = ArraySource(np.zeros((2, 4, 5), np.uint8))
    assert isinstance(source, Source)
    assert source.grid.is_pixel_space
    assert source.roles == {"row": 0, "column": 1}
    assert [c.name for c in source.channels] == ["1", "2"]
    assert ArraySource(np.zeros((1, 4, 5, 6), np.uint8)).roles == {"row": 0, "column": 1, "slice": 2}


def test_windows_are_decoded_with_their_validity() -> None:
    stored = np.arange(20, dtype=np.int16).reshape(1, 4, 5)
    source = ArraySource(stored, encoding=Encoding(stored.dtype, slope=0.5, intercept=10), valid=stored > 6)
    block = source.read(Window((1, 2), (3, 4)))
    np.testing.assert_array_equal(block.values, [[[13.5, 14.0], [16.0, 16.5]]])
    assert block.valid is not None
    np.testing.assert_array_equal(block.valid, [[[True, True], [True, True]]])


def test_windows_of_a_memory_map_are_plain_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(1, 3, 4))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    block = ArraySource(mapped).read(Window((1, 1), (2, 3)))
    np.testing.assert_array_equal(block.values, [[[5.0, 6.0]]])
    assert type(block.values) is np.ndarray


def test_a_closed_source_says_so() -> None:
    source = ArraySource(np.zeros((1, 2, 2)))
    source.close()
    with pytest.raises(InputError, match="closed"):
        source.read(Window.whole((2, 2)))


def test_slabs_are_gathered_and_saved_once(tmp_path: Path) -> None:
    sink = KeepingSink(tmp_path / "out", plan())
    assert isinstance(sink, Sink)
    stored = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    with sink:
        for window in (Window((0, 0), (3, 3)), Window((3, 0), (4, 3))):
            sink.write(window, 0, stored[:, *window.slices], None)
    np.testing.assert_array_equal(sink.saved, stored)


def test_nothing_is_saved_after_an_error(tmp_path: Path) -> None:
    sink = KeepingSink(tmp_path / "out", plan())
    with pytest.raises(ZeroDivisionError), sink:
        raise ZeroDivisionError
    assert sink.saved is None


def test_several_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="one image, not 3"):
        KeepingSink(tmp_path / "out", plan(frames=3))
