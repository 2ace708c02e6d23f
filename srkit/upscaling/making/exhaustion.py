"""What is done when memory runs out: the item is begun again, with tiles of half the length."""

from __future__ import annotations

import gc
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from srkit.domain import Finding
from srkit.errors import OutOfMemoryError
from srkit.upscaling.making.journal import MARK
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.production import Product
from srkit.upscaling.making.staging import hidden_path

_log = logging.getLogger(__name__)


def within_memory(attempt: Callable[[Order], Product], order: Order) -> tuple[Product, Order]:
    """Return what `attempt` makes, at the tiles that `order` asks for or at smaller ones, and the order that was met.

    Raises OutOfMemoryError where tiles cannot be smaller: they have the network's reach already, or are those of
    shards that other machines make.
    """
    told: tuple[Finding, ...] = ()
    last, keeping = 0, order.manner.keeping
    while True:
        try:
            product = attempt(order)
            return replace(product, findings=(*told, *product.findings)), order
        except OutOfMemoryError as error:
            if keeping.shard is not None or keeping.join or error.length < 2 or error.length == last:
                raise
            last = error.length
        tile = last // 2
        text = f"memory ran out; was begun again, with tiles of {tile} samples instead of {last}"
        told = (Finding("warning", text),)
        _log.info("%s: %s", order.target, text)
        order = order.with_tile(tile)
        _let_go(order.target)


def _let_go(target: Path) -> None:
    """Forget what was finished on larger tiles, and give back what torch keeps for later."""
    shutil.rmtree(hidden_path(target, MARK), ignore_errors=True)
    gc.collect()  # the failed attempt's tensors hang in the cycle of an error and its frames
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
