"""Curves are drawn where their numbers are."""

import re
import xml.etree.ElementTree as ET

import pytest

from srkit.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Curves


def path_of(svg: str, number: int = 0) -> list[tuple[float, float]]:
    found = re.findall(r'<path fill="none"[^>]* d="M([^"]*)"', svg)[number]
    return [tuple(map(float, point.split())) for point in found.split("L")]  # type: ignore[misc]


def test_first_and_last_points_touch_the_frame() -> None:
    svg = Curves("t", {"a": [(0, 1.0), (5, 3.0), (10, 2.0)]}).svg()
    (x0, y0), (x1, y1), (x2, y2) = path_of(svg)
    assert (x0, x2) == (LEFT, WIDTH - RIGHT)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert (y0, y1) == (HEIGHT - BOTTOM, TOP)
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.1)


def test_equal_factors_are_equal_distances_on_a_logarithmic_axis() -> None:
    (_, a), (_, b), (_, c) = path_of(Curves("t", {"a": [(0, 1e-4), (1, 1e-3), (2, 1e-2)]}, logarithmic=True).svg())
    assert a - b == pytest.approx(b - c, abs=0.2)


def test_what_is_no_number_is_left_out() -> None:
    svg = Curves("t", {"a": [(0, float("nan")), (1, 2.0), (2, float("inf")), (3, 4.0)]}).svg()
    assert len(path_of(svg)) == 2
    assert Curves("t", {"a": [(0, float("nan"))], "b": []}).svg() == ""
    assert Curves("t", {"a": [(0, 0.0)]}, logarithmic=True).svg() == ""


def test_the_drawing_is_whole_markup_with_names_made_harmless() -> None:
    svg = Curves("<t>", {"<b>": [(0, 1.0)], "c": [(0, 1.0)]}, "dB", {"bicubic": 2.0}).svg()
    root = ET.fromstring(svg)
    assert "".join(root.itertext()).count("<b>") == 1
    assert root.find("./svg").get("aria-label") == "<t>, dB"  # type: ignore[union-attr]


def test_one_level_value_has_a_frame_around_it() -> None:
    (point,) = path_of(Curves("t", {"a": [(7, 5.0)]}).svg())
    assert point == (pytest.approx((LEFT + WIDTH - RIGHT) / 2), pytest.approx((TOP + HEIGHT - BOTTOM) / 2))
