import pytest

from srkit.errors import UsageError
from srkit.upscaling.routing.memory import bytes_of, default_budget, free_memory


@pytest.mark.parametrize(
    ("text", "number"),
    [("4G", 2**32), ("512m", 2**29), ("1.5 GiB", 3 * 2**29), ("100", 100), (7, 7), (None, None), ("2KB", 2048)],
)
def test_amounts_of_memory_are_read(text: str | int | None, number: int | None) -> None:
    assert bytes_of(text) == number


@pytest.mark.parametrize("text", ["", "much", "-1G", "4 X"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no amount of memory"):
        bytes_of(text)


def test_the_default_is_a_power_of_two_below_a_quarter_of_what_is_free() -> None:
    budget = default_budget("cpu")
    assert budget.bit_count() == 1
    assert budget <= free_memory("cpu")
