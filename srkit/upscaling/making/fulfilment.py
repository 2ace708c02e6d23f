"""Meets an order: the output and what lies beside it, within the memory that there is; or the forecast of both."""

from __future__ import annotations

from dataclasses import replace

from srkit.upscaling.making.charting import Charting, charting_of, map_targets
from srkit.upscaling.making.exhaustion import within_memory
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.production import Product, foreseen, produce


def fulfilled(order: Order) -> Product:
    """Return what became of an order. Raises what `produce` and `charting_of` raise."""
    make = foreseen if order.manner.dry_run else produce
    if not order.manner.fidelity.maps:
        return within_memory(make, order)[0]
    charting = charting_of(order)
    order = order.with_disk(replace(order.manner.disk, reserved=charting.check()))
    product, order = within_memory(make, order)
    if product.forecast is not None:
        return replace(product, forecast=charting.foreseen(product.forecast))
    return product if product.shard else replace(product, maps=_charted(charting, order).maps)


def with_maps_alone(order: Order) -> Product:
    """Write what maps are not beside an output that is there: a run may have been cut off between them."""
    charting_of(order).missing().check()
    product, _ = within_memory(lambda order: charting_of(order).missing().produce(), order)
    return replace(product, maps=map_targets(order))


def _charted(charting: Charting, order: Order) -> Product:
    """Write the maps, at the tiles that the output could be made with."""

    def attempt(order: Order) -> Product:
        planned = order.manner.wishes == charting.order.manner.wishes
        return (charting if planned else charting_of(order)).produce()

    return within_memory(attempt, order)[0]
