"""Large networks shared out among processes: each holds, moves and remembers its part of the weights (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from srkit.training.processes.world import World

TRUNKS = ("blocks", "body")
"""What networks call the chain of their blocks; one without such a chain is put together in one piece."""


def shard(network: nn.Module, world: World) -> None:
    """Leave this process its share of every weight of `network`; alone it keeps them all.

    Blocks are put together one at a time while they compute: memory holds the shares, and one block in whole.
    """
    if world.size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()  # FSDP takes no other layout
    mesh = init_device_mesh(next(network.parameters()).device.type, (world.size,))
    for part in (*_blocks(network), network):
        fully_shard(part, mesh=mesh, reshard_after_forward=True)


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """Yield the blocks of the network's trunk, each called as a whole; the rest is put together for all of a pass."""
    for name in TRUNKS:
        trunk = getattr(network, name, None)
        if isinstance(trunk, nn.Sequential | nn.ModuleList):
            yield from (block for block in trunk if any(True for _ in block.parameters()))


def is_shared_out(network: nn.Module) -> bool:
    """Tell whether this process holds but its share of the network's weights."""
    return any(is_share(parameter) for parameter in network.parameters())


def is_share(tensor: Tensor | None) -> bool:
    """Tell whether a tensor is one process's share of a larger one (torch's DTensor)."""
    return hasattr(tensor, "full_tensor")


def in_whole(tensor: Tensor) -> Tensor:
    """Return the tensor that all processes hold together; each must ask for it."""
    found: Any = tensor
    result: Tensor = found.full_tensor() if is_share(tensor) else tensor
    return result


def shared_like(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor that every process has in whole as what `like` is: itself, or this process's share of it."""
    if not is_share(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    share: Any = like
    result: Tensor = distribute_tensor(tensor.to(like.device), share.device_mesh, share.placements, src_data_rank=None)
    return result


def load_whole(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give `network` its weights, each tensor in whole. Raises RuntimeError where they are of another network."""
    own = network.state_dict()
    fitting = {name: shared_like(t, own[name]) if _fits(t, own.get(name)) else t for name, t in tensors.items()}
    network.load_state_dict(fitting)


def _fits(tensor: Tensor, own: Tensor | None) -> bool:
    return own is not None and own.shape == tensor.shape


def whole_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return the network's tensors by name, each in whole; all processes must ask for them."""
    with torch.no_grad():
        return {name: in_whole(tensor) for name, tensor in network.state_dict().items()}
