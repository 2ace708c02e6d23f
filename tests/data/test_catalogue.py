"""What is left out of training is said once, whoever says it."""

from pathlib import Path

import pytest

from srkit.data.catalogue import warn_of
from srkit.domain import Skipped
from srkit.errors import SrkitWarning


@pytest.mark.parametrize("reason", ["is damaged; get it again", "data/cut.png: is damaged; get it again"])
def test_a_warning_names_an_item_once(reason):
    with pytest.warns(SrkitWarning, match=r"^data/cut.png is left out of training: is damaged; get it again$"):
        warn_of(Skipped(Path("data/cut.png"), reason))
