"""A run's page shows what the run wrote down."""

import json

import numpy as np
from PIL import Image

from srkit.report.run_page import write_run_page


def a_run(folder, entries):
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return folder


ENTRIES = [
    {"step": 0, "baselines": {"bicubic": {"psnr": 24.0, "ssim": 0.7}}},
    {"step": 10, "phase": "content", "losses": {"pixel": 0.1}, "learning_rate": 1e-3, "health": {"D(real)": None}},
    {"step": 20, "phase": "content", "losses": {"pixel": 0.05}, "learning_rate": 1e-4, "health": {}},
    {"step": 10, "phase": "content", "validation": {"psnr": 27.5, "ssim": 0.81}},
    {"step": 20, "phase": "content", "validation": {"psnr": 27.0, "ssim": None}},
    {"step": 20, "event": "rolled back"},
]


def test_curves_figures_and_the_latest_picture_are_there(tmp_path):
    run = a_run(tmp_path / "mri-x2", ENTRIES)
    (run / "samples").mkdir()
    for step, grey in ((10, 1), (20, 250)):
        Image.fromarray(np.full((8, 40, 3), grey, np.uint8)).save(run / "samples" / f"step_{step:09d}.png")
    text = write_run_page(run).read_text()
    for words in ("Training run mri-x2", "20 steps", "PSNR, dB", "bicubic", "Losses, unweighted", "Learning rate"):
        assert words in text
    assert ">0.8100<" in text
    assert ">27.50<" in text
    assert "After step 20" in text
    assert text.count("data:image/png") == 1
    assert "Health" not in text
    assert str(tmp_path) not in text


def test_a_run_without_figures_has_a_page_too(tmp_path):
    run = a_run(tmp_path / "run", [{"step": 0, "baselines": {}}])
    assert "0 steps" in write_run_page(run).read_text()
