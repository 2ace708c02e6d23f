"""Tests of training compute with one thread: that is as fast for tiny networks, and the same everywhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, and then as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def logged() -> Callable[..., list[Any]]:
    """Return a function that reads a run's log: its lines, or what those that have `key` have there."""

    def read(run: Path, key: str | None = None, *, name: str = "log.jsonl") -> list[Any]:
        lines = [json.loads(line) for line in (run / name).read_text().splitlines()]
        return lines if key is None else [line[key] for line in lines if key in line]

    return read


@pytest.fixture(scope="session")
def stop_at() -> Callable[[int], Callable[[int, int, str], None]]:
    """Return a function that makes a progress callable, which presses Ctrl-C after so many steps."""

    def stopping(step: int) -> Callable[[int, int, str], None]:
        def progress(done: int, total: int, note: str) -> None:
            if done == step:
                raise KeyboardInterrupt

        return progress

    return stopping
