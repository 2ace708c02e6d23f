from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from srkit.grid import Grid, Role, Slab, Window
from srkit.image import Array, Block, BoolArray, Channel, Encoding
from srkit.plugins import Plugins, load_plugins


@dataclass
class ArraySource:
    """Serves frames ``(C, *spatial)`` from memory."""

    images: list[Array]
    validity: BoolArray | None = None
    roles: dict[Role, int] = field(default_factory=lambda: {"row": 0, "column": 1})
    fixed_axes: dict[int, str] = field(default_factory=dict)
    channel_roles: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        image = self.images[0]
        self.grid = Grid.pixels(image.shape[1:])
        roles = self.channel_roles or ("image",) * len(image)
        self.channels = tuple(Channel(str(i), role) for i, role in enumerate(roles))
        self.encoding = Encoding(image.dtype)
        self.frames = len(self.images)
        self.slab = Slab(0, 3)
        self.extent = Window.whole(image.shape[1:])

    def read(self, window: Window, frame: int = 0) -> Block:
        box = (slice(None), *window.slices)
        return Block(self.images[frame][box], None if self.validity is None else self.validity[box])

    def close(self) -> None:
        pass


@pytest.fixture
def source() -> Callable[..., ArraySource]:
    return lambda *images, **facts: ArraySource([np.asarray(image) for image in images], **facts)


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """Return the core's own plugin alone."""
    return load_plugins(environment={"SRKIT_PLUGINS": ""})
