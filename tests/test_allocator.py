import platform
import subprocess
import sys

from srkit.allocator import kept_bytes, tune_allocator

FAULTS = """
import resource, sys
from srkit.allocator import tune_allocator
if sys.argv[1] == "tuned":
    assert tune_allocator()
import torch
torch.set_num_threads(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_it_says_whether_it_could() -> None:
    code = "from srkit.allocator import tune_allocator as t; print(t())"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")


def test_without_glibc_nothing_happens(monkeypatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert tune_allocator() is False


def test_large_tensors_reuse_their_pages() -> None:
    def faults(how: str) -> int:
        run = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True)
        return int(run.stdout)

    assert faults("tuned") * 2 < faults("plain") or platform.libc_ver()[0] != "glibc"


def test_an_import_tunes_nothing() -> None:
    code = "import sys, srkit, srkit.api; print('srkit.allocator' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "False"


def test_what_was_given_back_is_kept_for_blocks_to_come() -> None:
    code = """
from srkit.allocator import kept_bytes, tune_allocator
if tune_allocator():
    import numpy as np
    array, end = np.ones(2**25), np.ones(1)
    before = kept_bytes()
    del array
    assert kept_bytes() - before >= 2**27, (before, kept_bytes())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert kept_bytes() >= 0
