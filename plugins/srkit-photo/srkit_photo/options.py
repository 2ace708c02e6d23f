"""The options of the domain."""

from __future__ import annotations

from srkit import Option

SAME = "same"
OPTIONS = (
    Option(
        "format",
        str,
        SAME,
        "format of enlarged photographs; same: that of the input",
        choices=(SAME, "png", "jpeg", "tiff", "webp"),
    ),
    Option("quality", int, 95, "quality of JPEG and lossy WebP output, 1 to 100"),
)


def chosen_format(source: str, option: str) -> str:
    """Return the format of an output."""
    return source if option == SAME else option
