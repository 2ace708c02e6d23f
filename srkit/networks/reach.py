"""Which inputs an output depends on, layer by layer, backwards.

A `Span` is an inclusive range of sample indices of one axis. Walking a network from its output to its input turns
the span of one LR pixel's SR samples into the span of LR pixels behind them: what sticks out is the halo.
"""

from __future__ import annotations

Span = tuple[int, int]


def through_convolution(span: Span, kernel: int) -> Span:
    """Return the inputs of a convolution of odd `kernel`, stride 1, same size."""
    return span[0] - kernel // 2, span[1] + kernel // 2


def through_enlargement(span: Span, factor: int) -> Span:
    """Return the inputs of a pixel shuffle or of nearest-neighbour enlargement."""
    return span[0] // factor, span[1] // factor


def through_transposed(span: Span, kernel: int, stride: int) -> Span:
    """Return the inputs of a transposed convolution with padding ``(kernel - stride) / 2``."""
    padding = (kernel - stride) // 2
    return -((kernel - 1 - padding - span[0]) // stride), (span[1] + padding) // stride


def overhang(span: Span) -> int:
    """Return how far a span reaches beyond sample 0, on the worse side."""
    return max(-span[0], span[1])
