"""Fine-tuning: a new network begins with the weights of a trained one, as far as they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from srkit.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Transfer:
    """Which tensors of a network came over: as they were, adapted to another number of channels, or not at all."""

    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]

    def sentence(self) -> str:
        """Return what was done, in words."""
        total = len(self.kept) + len(self.adapted) + len(self.fresh)
        parts = [f"{len(self.kept)} of {total} tensors kept"]
        if self.adapted:
            parts.append(f"adapted to other channels: {', '.join(self.adapted)}")
        if self.fresh:
            parts.append(f"begun anew: {', '.join(self.fresh)}")
        return "; ".join(parts)


def transfer(weights: Mapping[str, Tensor], channels: int, network: nn.Module) -> Transfer:
    """Give `network` the tensors of a model that worked on `channels` channels.

    A tensor of the same name and shape is copied. Where only the number of image channels differs, in the first or
    last layer, every new channel gets the mean of the old ones, scaled so that an image that is the same in all
    channels gets the same answer. All others (an enlarging stage of another scale) keep their fresh start.
    Raises RecipeError where no layer fits.
    """
    wanted = network.state_dict()
    own = int(getattr(network, "channels", channels))
    kept: list[str] = []
    adapted: list[str] = []
    fresh: list[str] = []
    for name, new in wanted.items():
        old = weights.get(name)
        found = None if old is None else _fitted(old, new.shape, channels, own)
        if found is None:
            fresh.append(name)
            continue
        (kept if old is not None and old.shape == new.shape else adapted).append(name)
        wanted[name] = found.to(new.dtype)
    if not any(wanted[name].ndim > 1 for name in kept):
        raise RecipeError(
            "no layer of the model to start from fits the recipe's network; take the model's own network and "
            "parameters, as `srkit train --from` does by itself, or start afresh"
        )
    network.load_state_dict(wanted)
    return Transfer(tuple(kept), tuple(adapted), tuple(fresh))


def _fitted(old: Tensor, shape: torch.Size, channels: int, own: int) -> Tensor | None:
    """Return `old` in another shape, or None where more than the number of image channels differs."""
    if old.shape == shape:
        return old
    if old.ndim != len(shape) or old.shape[2:] != shape[2:] or not old.is_floating_point():
        return None
    result = old
    if result.shape[0] != shape[0]:  # the last layer: channels, times the samples that each of them makes
        samples, rest = divmod(result.shape[0], channels)
        if rest or samples * own != shape[0]:
            return None
        mean = result.reshape(channels, samples, *result.shape[1:]).mean(dim=0)
        result = mean.repeat(own, *[1] * (mean.ndim - 1))
    if result.ndim > 1 and result.shape[1] != shape[1]:  # the first layer
        if (result.shape[1], shape[1]) != (channels, own):
            return None
        result = result.sum(dim=1, keepdim=True).expand(shape) / own
    return result
