import pytest

from srkit.quantities import duration_text, size_text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (15.4e9, "15.4 GB"), (2.5e6, "2.5 MB"), (7e15, "7e+03 TB")]
)
def test_bytes_are_counted_as_disks_count_them(number: float, text: str) -> None:
    assert size_text(number) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.5, "0.5 s"), (45, "45 s"), (720, "12 min"), (12_600, "3.5 h")])
def test_times_have_as_many_digits_as_they_deserve(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
