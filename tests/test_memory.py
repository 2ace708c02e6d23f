import os
import sys
from pathlib import Path

import pytest

from srkit.memory import _cgroup_room, spare_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this system does not tell")
def test_spare_memory_is_part_of_the_machines() -> None:
    spare = spare_memory()
    assert spare is not None
    assert 2**24 < spare < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(("limit", "room"), [("1000\n", 450), ("500\n", 0), ("max\n", None)])
def test_files_that_were_read_leave_a_container_room(tmp_path: Path, limit: str, room: int | None) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\nactive_file 50\n")
    assert _cgroup_room(tmp_path) == room
