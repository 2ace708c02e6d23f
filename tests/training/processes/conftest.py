"""What two processes find out together: both modules of tests about that share one start of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `company.py` has filled."""
    root = tmp_path_factory.mktemp("company")
    env = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    script = Path(__file__).with_name("company.py")
    subprocess.run([sys.executable, str(script), str(root)], env=env, check=True, timeout=300)
    return root
