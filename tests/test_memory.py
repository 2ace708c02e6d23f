import os
import sys

import pytest

from srkit.memory import spare_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this system does not tell")
def test_spare_memory_is_part_of_the_machines() -> None:
    spare = spare_memory()
    assert spare is not None
    assert 2**24 < spare < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
