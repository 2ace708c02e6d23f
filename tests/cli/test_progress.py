import pytest

from srkit.cli.progress import LINE_EVERY_S, _Lines


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(label: str, steps: list[tuple[float, int, int, str]], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what is said of steps: the time of each, done, total, note."""
    clock = Clock()
    told = _Lines(label, clock)
    for clock.now, *step in steps:
        told(*step)
    return capsys.readouterr().err.splitlines()


def test_a_line_comes_now_and_then_with_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [(float(second), second, 120, "") for second in range(1, 121)]
    said = lines("training", steps, capsys)
    assert len(said) == 120 // LINE_EVERY_S
    assert said[1] == "training: 60/120, 1/s, 60 s left"
    assert said[-1] == "training: 120/120, 1/s, 0 s left"


def test_a_rate_that_the_job_tells_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    (said,) = lines("upscaling", [(1, 1, 20, ""), (31, 10, 20, "a.tif, 12 megapixels/s")], capsys)
    assert said.count("/s") == 1
    assert said.endswith("left, a.tif, 12 megapixels/s")


def test_what_an_earlier_run_did_is_not_counted_as_fast(capsys: pytest.CaptureFixture[str]) -> None:
    (said,) = lines("upscaling", [(10, 91, 100, ""), (40, 94, 100, "")], capsys)
    assert said == "upscaling: 94/100, 0.1/s, 60 s left"


def test_the_time_until_the_first_step_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = lines("upscaling", [(600, 1, 100, ""), (632, 3, 100, "")], capsys)
    assert first == "upscaling: 1/100"
    assert second == "upscaling: 3/100, 0.0625/s, 26 min left"


def test_another_job_has_a_rate_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Tiles, and then parts that are verified; of as many parts as tiles as well."""
    for parts in (10, 40):
        steps = [(1.0, 1, 10, ""), (100.0, 10, 10, ""), (101.0, 0, parts, "verifying"), (140.0, 4, parts, "verifying")]
        said = lines("upscaling", steps, capsys)
        assert said[-1].startswith(f"upscaling: 4/{parts}, 0.103/s, ")


def test_a_short_job_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines("upscaling", [(1, 1, 2, "a"), (2, 2, 2, "a")], capsys) == []
