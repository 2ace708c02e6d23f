"""A run that was killed goes on to the bits of one that never stopped: in both phases, and between them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("killed")
    script = Path(__file__).with_name("killed.py")
    subprocess.run([sys.executable, str(script), str(root)], check=True, timeout=300)
    return root


@pytest.mark.parametrize("step", [3, 4, 5])
def test_weights_optimisers_and_running_mean_are_bit_equal(runs, step):
    """3 is within the first phase and not saved, 4 its last step, 5 the first of the second phase and not saved."""
    for name in ("checkpoints/step_000000008.safetensors", "model.safetensors"):
        whole, killed = (load_file(runs / run / name) for run in ("whole", f"killed{step}"))
        assert whole.keys() == killed.keys()
        assert [key for key in whole if not torch.equal(whole[key], killed[key])] == []


@pytest.mark.parametrize("step", [3, 4, 5])
def test_checkpoints_are_whole_and_what_was_cut_off_is_gone(runs, step):
    left = {path.name for path in (runs / f"killed{step}" / "checkpoints").iterdir()}
    assert left == {f"step_{saved:09d}.safetensors" for saved in (4, 6, 8)}
