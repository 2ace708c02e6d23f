"""Networks between 2-D and 3-D: they enlarge a slice in its plane and see the slices beside it (2.5-D)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.networks.dimension import Sizes, check_count, check_ndim, convolution, per_axis
from srkit.networks.generator import add_skip
from srkit.networks.srresnet import Skip, SRResNet
from srkit.networks.upsampling import Upsampling


class SRResNet25D(nn.Module):
    """SRResNet whose channels are a slice and its neighbours: ``(N, C, slice, row, column)`` in and out.

    To the core it is a network of volumes with factor 1 along slices, so that tiles, training and streams are those
    of any volume. Inside, slices are a batch of 2-D images: it costs hardly more than the 2-D network.

    Parameters
    ----------
    ndim
        3: without slices there are no neighbours.
    channels
        Channels of LR and SR.
    scale
        Factor per axis; 1 along slices.
    neighbours
        Slices seen on either side. Beyond the first and the last slice stands that slice itself.
    features, blocks, upsampling, skip, head_kernel
        As in `SRResNet`; the kernel is that of rows and columns.

    Attributes
    ----------
    halo
        LR pixels per axis on whose values a tile's SR depends beyond the tile, exactly.
    """

    multiple_of = 1

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 3,
        channels: int = 1,
        scale: Sizes = (1, 2, 2),
        neighbours: int = 1,
        features: int = 64,
        blocks: int = 16,
        upsampling: Upsampling = "subpixel",
        skip: Skip = "none",
        head_kernel: int = 9,
    ) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.scale = _in_plane(ndim, scale)
        self.channels = check_count(channels, "channels")
        self.neighbours = check_count(neighbours, "neighbours")
        self.planes = SRResNet(
            ndim=2,
            channels=channels,
            scale=self.scale[1:],
            features=features,
            blocks=blocks,
            upsampling=upsampling,
            skip=skip,
            head_kernel=head_kernel,
        )
        seen = channels * (2 * neighbours + 1)
        self.planes.head[0] = convolution(seen, features, per_axis(head_kernel, 2, "head_kernel"))
        self.halo = (neighbours, *self.planes.halo)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        slices = lr.transpose(1, 2)
        sr = self.planes.tail(self.planes.trunk(self._stacks(lr)))
        if self.planes.skip is not None:
            sr = add_skip(sr, self.planes.skip, slices.flatten(0, 1))
        return sr.reshape(*slices.shape[:2], *sr.shape[1:]).transpose(1, 2)

    def _stacks(self, lr: Tensor) -> Tensor:
        """Return each slice with its neighbours as channels, ``(N * slices, (2 k + 1) C, rows, columns)``."""
        k = self.neighbours
        padded = F.pad(lr, (0, 0, 0, 0, k, k), mode="replicate")
        beside = torch.stack([padded[:, :, i : i + lr.shape[2]] for i in range(2 * k + 1)], dim=1)
        return (
            beside.permute(0, 3, 1, 2, 4, 5).flatten(2, 3).flatten(0, 1)
        )  # from (N, neighbour, C, slice, row, column)


def _in_plane(ndim: int, scale: Sizes) -> tuple[int, ...]:
    if ndim != 3:
        raise RecipeError("a network of neighbouring slices needs slices; set roles: [slice, row, column]")
    factors = (1, scale, scale) if isinstance(scale, int) else per_axis(scale, ndim, "scale")
    if factors[0] != 1:
        raise RecipeError(f"scale {factors} acts along slices; a network of neighbouring slices enlarges within them")
    return factors
