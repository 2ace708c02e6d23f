"""What a network does of a wanted spacing, and which one."""

from fractions import Fraction

import pytest

from srkit.grid import Scale
from srkit.upscaling.planning.need import Need

THICK = Need({"row": 1, "column": 1, "slice": 5})
FINER = Need({"row": Fraction(9, 5), "column": Fraction(9, 5), "slice": Fraction(10, 3)})


@pytest.mark.parametrize(
    ("need", "scale", "served"),
    [
        (THICK, Scale(1, 1, 4), True),
        (THICK, Scale(2, 2), False),
        (THICK, Scale(2, 2, 4), False),
        (THICK, Scale(), False),
        (FINER, Scale(2, 2), True),
        (FINER, Scale(2, 2, 2), True),
        (Need({"row": 2, "column": 2}), Scale(2, 2, 2), False),
        (Need({"row": Fraction(51, 50), "column": Fraction(51, 50), "slice": 5}), Scale(2, 2), False),
        (Need({"row": Fraction(51, 50), "column": Fraction(51, 50), "slice": 5}), Scale(1, 1, 4), True),
        (Need({"row": Fraction(1, 2), "column": 1, "slice": 3}), Scale(1, 1, 2), True),
    ],
)
def test_a_network_serves_where_every_axis_that_it_enlarges_needs_it(need: Need, scale: Scale, served: bool) -> None:
    assert need.is_served_by(scale) is served


def test_of_several_the_nearest_to_the_need_is_taken() -> None:
    scales = [Scale(2, 2), Scale(4, 4), Scale(1, 1, 2), Scale(1, 1, 4), Scale(2, 2, 2)]
    assert THICK.nearest(scales) == Scale(1, 1, 4)
    assert FINER.nearest(scales) == Scale(2, 2, 2)
    assert Need({"row": 3, "column": 3}).nearest(scales) == Scale(4, 4)
    assert Need({"row": Fraction(1, 2), "column": 1}).nearest(scales) is None


def test_interpolations_take_the_nearest_whole_factor_of_each_axis() -> None:
    assert FINER.nearest_whole() == Scale(2, 2, 3)
    assert Need({"row": Fraction(6, 5), "column": Fraction(1, 3), "slice": 8}).nearest_whole() == Scale(1, 1, 8)


def test_coarser_axes_alone_need_no_network() -> None:
    assert not Need({"row": Fraction(1, 2), "column": 1}).refines
    assert not Need({"row": Fraction(51, 50), "column": 1}).refines
    assert THICK.refines
    assert str(FINER) == "1.8 times the rows, 1.8 times the columns, 3.333 times the slices"
