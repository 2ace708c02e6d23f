"""A collapse is noticed, and nothing else is taken for one."""

import torch

from srkit.training.learning.flatness import Flatness


def counted(watch: Flatness, *images: torch.Tensor, hr: torch.Tensor) -> list[int]:
    return [int(watch.look(sr, hr)) for sr in images]


def test_flat_answers_are_counted_in_a_row_and_anew_after_a_collapse():
    hr, flat = torch.rand(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    watch = Flatness(patience=3)
    assert counted(watch, flat, flat, hr, flat, flat + 1, flat, flat, hr=hr) == [1, 2, 0, 1, 2, 3, 1]


def test_flat_images_are_no_collapse():
    assert counted(Flatness(patience=1), torch.zeros(1, 1, 4, 4), hr=torch.zeros(1, 1, 4, 4)) == [0]
