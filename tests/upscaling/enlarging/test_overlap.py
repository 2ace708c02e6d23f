"""Reading and writing beside the network: the same bytes, one thread for the files, and clean ends."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import IntegerNetwork, Mapper, integer_enlarger, save

from srkit.errors import NetworkOutputError, OutputError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, upscale
from srkit.upscaling.enlarging import overlap


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "DEVICES", {"cpu"})
    monkeypatch.setattr(overlap, "LEAST_TILES", 1)
    monkeypatch.setattr(overlap, "LEAST_BYTES", 0)


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    return save(tmp_path / "a.npy", rng.integers(0, 200, (2, 1, 60, 66), dtype=np.int16)[:, 0])


@pytest.fixture
def toy(plugins: Plugins) -> Any:
    return next(plugin.module for plugin in plugins.loaded if plugin.name == "toy_plugin")


def run(plugins: Plugins, path: Path, out: Path, **more: Any) -> bytes:
    enlarger = integer_enlarger(Scale(2, 2))
    upscale(path, out, **{"plugins": plugins, "model": enlarger, "tile": 20, "options": {"toy": {"slab": 7}}, **more})
    return out.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("nodata", [None, 3.0])
def test_the_bytes_are_those_of_working_in_turn(
    plugins: Plugins, tmp_path: Path, image: Path, nodata: float | None, request: pytest.FixtureRequest
) -> None:
    options = {"toy": {"slab": 7, "nodata": nodata}}
    serial = run(plugins, image, tmp_path / "b.npy", options=options)
    before = threading.active_count()
    request.getfixturevalue("always")
    assert run(plugins, image, tmp_path / "c.npy", options=options) == serial
    assert threading.active_count() == before


def test_one_thread_reads_and_writes_and_another_computes(
    plugins: Plugins, tmp_path: Path, image: Path, toy: Any, always: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, set[int]] = {"read": set(), "write": set(), "network": set()}

    class Source(toy.Source):
        def read(self, *arguments: Any) -> Any:
            threads["read"].add(threading.get_ident())
            return super().read(*arguments)

    class Sink(toy.FileSink):
        def write(self, *arguments: Any) -> None:
            threads["write"].add(threading.get_ident())
            super().write(*arguments)

    class Network(IntegerNetwork):
        def forward(self, lr: Any) -> Any:
            if lr.shape[-1] == 20:  # not the trial on a small tile that comes before
                threads["network"].add(threading.get_ident())
            return super().forward(lr)

    monkeypatch.setattr(toy, "FileSink", Sink)
    network = Enlarger("known", Scale(2, 2), Network((2, 2)), ("row", "column"))
    opened: list[Any] = []
    real = toy.Source
    monkeypatch.setattr(toy, "Source", lambda *a, **k: opened.append(Source(*a, **k)) or opened[-1])

    def clear(done: int, total: int, note: str) -> None:
        if done == 1:
            threads["read"].clear()  # those of looking at the item, before

    def stop(done: int, total: int, note: str) -> None:
        clear(done, total, note)
        if done == total:
            during.update({name: set(found) for name, found in threads.items()})

    during: dict[str, set[int]] = {}
    run(plugins, image, tmp_path / "b.npy", model=network, progress=stop)
    assert real is not toy.Source
    assert threads["network"] == {threading.get_ident()}
    assert during["read"] == during["write"]
    assert during["read"].isdisjoint(threads["network"])


@pytest.mark.parametrize("stage", ["read", "network", "write", "close", "progress"])
@pytest.mark.parametrize("kind", ["error", "interrupt"])
def test_a_failure_of_any_stage_ends_all_and_leaves_nothing(
    plugins: Plugins, tmp_path: Path, image: Path, toy: Any, always: None, monkeypatch: pytest.MonkeyPatch,
    stage: str, kind: str,
) -> None:  # fmt: skip
    class FailureError(Exception):
        pass

    calls = 0

    def fail(where: str) -> None:
        nonlocal calls
        calls += where == stage
        if where == stage and calls == (1 if where == "close" else 5):
            if kind == "error":
                raise FailureError
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    class Source(toy.Source):
        def read(self, *arguments: Any) -> Any:
            fail("read")
            return super().read(*arguments)

    class Sink(toy.FileSink):
        def write(self, *arguments: Any) -> None:
            fail("write")
            super().write(*arguments)

        def __exit__(self, error: Any, *more: Any) -> None:
            super().__exit__(error, *more)
            if error is None:
                fail("close")

    network = Mapper(lambda lr: fail("network") or lr)
    monkeypatch.setattr(toy, "Source", Source)
    monkeypatch.setattr(toy, "FileSink", Sink)
    expected: Any = KeyboardInterrupt if kind == "interrupt" else Exception
    with pytest.raises(expected) as caught:
        run(
            plugins,
            image,
            tmp_path / "b.npy",
            model=Enlarger("failing", Scale(2, 2), network, ("row", "column")),
            progress=lambda done, total, note: fail("progress"),
        )
    assert kind == "interrupt" or isinstance(caught.value, FailureError | OutputError) or "Failure" in str(caught.value)
    assert names(tmp_path) == ["a.npy"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "srkit-files"] == []


def test_a_network_that_makes_no_numbers_is_said_in_its_own_words(
    plugins: Plugins, tmp_path: Path, image: Path, always: None
) -> None:
    broken = Enlarger("broken", Scale(2, 2), Mapper(lambda lr: lr / 0), ("row", "column"))
    with pytest.raises(NetworkOutputError, match="no numbers"):
        run(plugins, image, tmp_path / "b.npy", model=broken)
    assert names(tmp_path) == ["a.npy"]


def test_what_was_finished_before_an_interrupt_is_kept(
    plugins: Plugins, tmp_path: Path, image: Path, always: None
) -> None:
    straight = run(plugins, image, tmp_path / "b.npy")

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plugins, image, tmp_path / "c.npy", resume=True, progress=interrupt)
    assert any((tmp_path / ".c.npy.srkit-resume").iterdir())
    assert run(plugins, image, tmp_path / "c.npy", resume=True) == straight


def test_small_items_start_no_thread(
    plugins: Plugins, tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(work: Any) -> Any:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(overlap, "beside", beside)
    run(plugins, image, tmp_path / "b.npy")


def test_results_come_in_order_and_a_tile_ahead() -> None:
    events: list[str] = []

    def numbers() -> Any:
        for number in range(4):
            events.append(f"read {number}")
            yield number

    def work(mapped: Any) -> list[int]:
        found = []
        for result in mapped(lambda number: number * 10, numbers()):
            events.append(f"write {result}")
            found.append(result)
        return found

    assert overlap.beside(work) == [0, 10, 20, 30]
    assert events == ["read 0", "read 1", "write 0", "read 2", "write 10", "read 3", "write 20", "write 30"]
