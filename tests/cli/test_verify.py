import json

import numpy as np


def test_pair_is_compared_and_its_means_are_printed(run, image, tmp_path):
    run("upscale", image, "--out", tmp_path / "out", "--scale", 2, "--model", "nearest")
    output = tmp_path / "out" / "image.npy"
    shown = run("verify", image, output)
    assert shown.exit_code == 0
    assert "every rule that was checked holds" in shown.output
    found = json.loads(run("verify", image, output, "--json").stdout)
    assert found["scale"] == [2, 2]
    assert found["consistency"]["channels"][0]["largest"] == 0


def test_means_tell_how_far_an_output_is_off(run, image, tmp_path):
    values = np.load(image)
    values[4, 5] = 60000
    np.save(tmp_path / "other.npy", np.load(image).repeat(2, 0).repeat(2, 1))
    np.save(image, values)
    numbers = json.loads(run("verify", image, tmp_path / "other.npy", "--json").stdout)["consistency"]["channels"][0]
    assert numbers["bias"] * values.size == -numbers["largest"]
    assert numbers["largest"] > 50000


def test_two_that_are_no_pair_are_a_usage_error(run, image, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((10, 11), np.uint16))
    result = run("verify", image, tmp_path / "other.npy")
    assert result.exit_code == 2
    assert "no whole multiple" in result.stderr
    result = run("verify", image, image.parent / "none.npy")
    assert result.exit_code == 2


def test_a_limit_of_the_user_decides(run, image, tmp_path):
    np.save(tmp_path / "other.npy", (np.load(image) * 0.7).astype(np.uint16).repeat(2, 0).repeat(2, 1))
    assert run("verify", image, tmp_path / "other.npy").exit_code == 0
    shown = run("verify", image, tmp_path / "other.npy", "--consistency-limit", "0.05")
    assert shown.exit_code == 4
    assert "more than 0.05" in shown.output
    assert "FAIL" in shown.output
