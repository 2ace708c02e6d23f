import pytest

from srkit.errors import OutputError
from srkit.upscaling.making.naming import file_id
from srkit.upscaling.making.staging import Staging

SIDE = ("scene.tif.aux.xml", "scene.tif.msk")


def publish(target, *, overwrite, inputs=frozenset(), fresh=()):
    with Staging(target, inputs, overwrite=overwrite) as staging:
        staging.path.write_text("new")
        for name in fresh:
            staging.path.with_name(name).write_text("new")
        staging.publish(SIDE)


def test_side_files_of_a_replaced_output_are_removed(tmp_path):
    target = tmp_path / "scene.tif"
    for name in ("scene.tif", *SIDE, "scene.tif.notes"):
        (tmp_path / name).write_text("old")
    publish(target, overwrite=True, fresh=SIDE[:1])
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"scene.tif": "new", "scene.tif.aux.xml": "new", "scene.tif.notes": "old"}


def test_side_file_that_nobody_may_replace_is_in_the_way(tmp_path):
    (tmp_path / SIDE[1]).write_text("old")
    with pytest.raises(OutputError, match="in the way"):
        publish(tmp_path / "scene.tif", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == [SIDE[1]]


def test_side_file_that_is_an_input_is_never_removed(tmp_path):
    mask = tmp_path / SIDE[1]
    mask.write_text("input")
    with pytest.raises(OutputError, match="is an input"):
        publish(tmp_path / "scene.tif", overwrite=True, inputs=frozenset({file_id(mask)}))
    assert mask.read_text() == "input"
    assert not (tmp_path / "scene.tif").exists()
