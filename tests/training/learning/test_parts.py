"""A batch in parts; where HR is unknown."""

import torch
from torch import nn

from srkit.data.loader import Batch
from srkit.training.learning.parts import known_target


def test_where_hr_is_unknown_there_is_no_error_and_no_gradient():
    valid = torch.tensor([[[[True, False]]]])
    batch = Batch(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 2), 9.0), valid)
    sr = torch.zeros(1, 1, 1, 2, requires_grad=True)
    nn.functional.l1_loss(sr, known_target(sr, batch), reduction="sum").backward()
    assert sr.grad.tolist() == [[[[-1.0, 0.0]]]]
