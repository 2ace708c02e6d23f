"""A loss against checkerboards: the pattern that sub-pixel enlargement leaves where nothing else holds it back."""

from __future__ import annotations

from torch import Tensor, nn

from srkit.networks.dimension import Sizes, check_count, per_axis


class CheckerboardLoss(nn.Module):
    """Mean absolute error of what repeats with the enlargement's period.

    A sub-pixel layer makes each of the ``period ** 2`` places below an LR sample by weights of its own (Odena et al.
    2016 show what comes of it). A place that is too bright or dark everywhere is a lattice to the eye, and nearly
    nothing to distances of features, which are built to overlook it. The error is averaged per place over windows of
    LR samples, its mean over all places is taken off, so that levels are left to content losses, and what remains is
    the pattern.

    Parameters
    ----------
    period
        HR samples after which the pattern repeats: the scale, or one per axis.
    window
        LR samples along an axis over which a place is averaged; fewer where a patch has fewer.

    Raises
    ------
    RecipeError
        Where a number is not above 0.
    """

    def __init__(self, period: Sizes = 4, window: int = 8) -> None:
        super().__init__()
        per_axis(period, 1 if isinstance(period, int) else len(period), "period")
        check_count(window, "window")
        self.period, self.window = period, window

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean over windows and places. Raises RecipeError for another number of periods than of axes."""
        axes = sr.ndim - 2
        error, shape = sr - hr, list(sr.shape[:2])
        for axis, period in enumerate(per_axis(self.period, axes, "period"), start=2):
            window = min(self.window, sr.shape[axis] // period)
            number = sr.shape[axis] // (window * period)
            error = error.narrow(axis, 0, number * window * period)
            shape += [number, window, period]
        windows, places = tuple(range(3, 2 + 3 * axes, 3)), tuple(range(4, 2 + 3 * axes, 3))
        averaged = error.reshape(shape).mean(windows, keepdim=True)
        return (averaged - averaged.mean(places, keepdim=True)).abs().mean()
