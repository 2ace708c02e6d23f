"""Runs whose LR was measured: two folders or a table, what is refused, and that a run goes on with the same pairs."""

import json

import numpy as np
import pytest
from scipy import ndimage

from srkit.data.cache import ArrayCache
from srkit.data.loader import BatchMaker
from srkit.data.opening import OpenItems
from srkit.errors import RecipeError, SrkitWarning
from srkit.training import resolve_recipe, train
from srkit.training.keeping.run_folder import RunFolder
from srkit.training.material.gathering import read_counterparts
from srkit.training.material.preparation import domain_options, prepare

SHORT = ("phases.0.steps=4", "validate_every=0", "samples_every=0", "checkpoint_every=2", "degradation=[{name: area}]")
RNG = np.random.default_rng(5)


def scene(shape=(64, 60)):
    smooth = ndimage.gaussian_filter(RNG.normal(size=shape), 1.5, mode="wrap")
    return np.rint(2000 + 600 * smooth / smooth.std()).clip(0, 9000)


def box_means(hr):
    return hr.reshape(hr.shape[0] // 2, 2, hr.shape[1] // 2, 2).mean(axis=(1, 3))


@pytest.fixture
def folders(tmp_path):
    """Return folders of HR and LR, LR being the mean over two by two samples."""
    for folder in ("hr/deep", "lr/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a_1", "deep/b_1", "c_1"):
        hr = scene()
        np.save(tmp_path / "hr" / f"{name}.npy", hr.astype(np.float32))
        np.save(tmp_path / "lr" / f"{name}.npy", box_means(hr).astype(np.float32))
    return tmp_path / "hr", tmp_path / "lr"


def recipe_of(plugins, lr, *more):
    return resolve_recipe(plugins, domain="toy", overrides=(*SHORT, f"data.pairs.lr={lr}", *more))


def material_of(plugins, recipe, hr, tmp_path):
    folder = RunFolder(tmp_path / "prepared")
    folder.root.mkdir(exist_ok=True)
    return prepare(plugins, with_data(recipe, hr), folder)


def with_data(recipe, *paths):
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": paths})})


def batch_of(plugins, recipe, material, size=12):
    pairing = material.pairing(recipe, domain_options(plugins, recipe), recipe.patch)
    cache = ArrayCache(2**24)
    items = OpenItems(plugins, material.split.train, pairing, cache=cache)
    maker = BatchMaker(items, patch=recipe.patch, size=size, channels=1, seed=1, augment=True, cache=cache)
    batch = maker.make(0)
    items.close()
    assert not maker.failures
    return batch


def test_lr_is_what_the_other_folder_holds(toy_plugins, folders, tmp_path):
    """Every patch of LR is the mean of its patch of HR, as the files are; no step of the recipe would make that."""
    hr, lr = folders
    recipe = recipe_of(toy_plugins, lr, "degradation=[{name: gaussian, sigma: 0.4}]")
    batch = batch_of(toy_plugins, recipe, material_of(toy_plugins, recipe, hr, tmp_path))
    means = batch.hr[:, 0].reshape(12, 8, 2, 8, 2).mean(dim=(2, 4))
    np.testing.assert_allclose(batch.lr[:, 0], means, atol=2e-6)
    assert batch.valid is None


def test_what_is_invalid_in_lr_counts_nowhere_in_hr(toy_plugins, folders, tmp_path):
    hr, lr = folders
    for path in lr.rglob("*.npy"):
        values = np.load(path)
        values[5:9, 6:20] = 60000
        np.save(path, values)
    recipe = recipe_of(toy_plugins, lr)
    batch = batch_of(toy_plugins, recipe, material_of(toy_plugins, recipe, hr, tmp_path), size=30)
    assert batch.valid is not None
    holes = 1 - batch.valid.float().mean()
    assert 0 < holes < 0.5
    assert batch.lr.max() < 3  # the number that means nothing has not come near the network


def test_a_displaced_pair_is_moved_by_whole_hr_samples(toy_plugins, tmp_path):
    for name in ("hr", "lr"):
        (tmp_path / name).mkdir()
    for name in ("a_1", "b_1"):
        large = scene((80, 80))
        np.save(tmp_path / "hr" / f"{name}.npy", large[:64, :60])
        np.save(tmp_path / "lr" / f"{name}.npy", box_means(large[3:67, 4:64]))  # 1.5 and 2 LR samples off
    recipe = recipe_of(toy_plugins, tmp_path / "lr")
    material = material_of(toy_plugins, recipe, tmp_path / "hr", tmp_path)
    for found in material.counterparts.values():
        assert found.offset == (3, 4)
        assert found.displacement == pytest.approx((-1.5, -2), abs=0.05)
        assert found.correlation > 0.99
    batch = batch_of(toy_plugins, recipe, material)
    means = batch.hr[:, 0].reshape(12, 8, 2, 8, 2).mean(dim=(2, 4))
    np.testing.assert_allclose(batch.lr[:, 0], means, atol=2e-6)


def test_hr_takes_the_radiometry_of_lr_where_asked(toy_plugins, folders, tmp_path):
    hr, lr = folders
    for path in lr.rglob("*.npy"):
        np.save(path, np.load(path) * 0.5 + 70)
    recipe = recipe_of(toy_plugins, lr, "data.pairs.radiometry=linear")
    material = material_of(toy_plugins, recipe, hr, tmp_path)
    assert all(found.fit[0] == pytest.approx((0.5, 70), rel=1e-4) for found in material.counterparts.values())
    batch = batch_of(toy_plugins, recipe, material)
    means = batch.hr[:, 0].reshape(12, 8, 2, 8, 2).mean(dim=(2, 4))
    np.testing.assert_allclose(batch.lr[:, 0], means, atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda lr: lr[:, :-1], "must have"),
        (lambda lr: RNG.normal(2000, 600, lr.shape), "do not show the same"),
        (lambda lr: np.full(lr.shape, 7.0), "do not show the same"),
    ],
)
def test_what_is_no_pair_is_left_out_with_a_sentence(toy_plugins, folders, tmp_path, spoil, sentence):
    hr, lr = folders
    np.save(lr / "c_1.npy", spoil(np.load(lr / "c_1.npy")))
    np.save(hr / "d_alone.npy", scene())
    with pytest.warns(SrkitWarning) as told:
        material = material_of(toy_plugins, recipe_of(toy_plugins, lr), hr, tmp_path)
    messages = [str(warning.message) for warning in told]
    assert any("c_1.npy is left out" in text and sentence in text for text in messages)
    assert any("d_alone.npy is left out" in text and "no LR of its name" in text for text in messages)
    assert material.left_out == 2
    assert len(material.counterparts) == 2


def test_what_still_lies_apart_is_left_out(toy_plugins, tmp_path):
    """A displacement of a quarter of an LR sample is half an HR sample: no whole one mends it."""
    for name in ("hr", "lr"):
        (tmp_path / name).mkdir()
    for name in ("a_1", "b_1"):
        hr = scene()
        off = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(hr), (0.5, 0))).real
        np.save(tmp_path / "hr" / f"{name}.npy", hr)
        np.save(tmp_path / "lr" / f"{name}.npy", box_means(off))
    assert len(material_of(toy_plugins, recipe_of(toy_plugins, tmp_path / "lr"), tmp_path / "hr", tmp_path).split.train)
    strict = recipe_of(toy_plugins, tmp_path / "lr", "data.pairs.max_shift=0.1")
    (tmp_path / "again").mkdir()
    with pytest.warns(SrkitWarning, match="LR samples apart"), pytest.raises(RecipeError, match="nothing to train on"):
        material_of(toy_plugins, strict, tmp_path / "hr", tmp_path / "again")


def test_a_run_on_a_table_goes_on_with_its_pairs(toy_plugins, folders, tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("lr,hr\n" + "".join(f"lr/{n}.npy,hr/{n}.npy\n" for n in ("a_1", "deep/b_1", "c_1")))
    recipe = recipe_of(toy_plugins, table)
    whole = train(recipe, out=tmp_path / "run", plugins=toy_plugins)
    rows = json.loads((whole.folder / "pairs.json").read_text())
    assert [row["lr"]["paths"][0].rsplit("/", 1)[1] for row in rows] == ["a_1.npy", "b_1.npy", "c_1.npy"]
    assert all("group" not in row["lr"] for row in rows)
    assert {row["correlation"] > 0.999 for row in rows} == {True}
    kept = read_counterparts(RunFolder(whole.folder))
    assert [found.offset for found in kept.values()] == [(0, 0)] * 3
    table.unlink()
    longer = train(
        recipe_of(toy_plugins, table, "phases.0.steps=6"), out=tmp_path / "run", resume=True, plugins=toy_plugins
    )
    assert (longer.steps, longer.left_out) == (6, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("low,high\na,b\n", "columns lr and hr"),
        ("lr,hr\nlr/a_1.npy,\n", "columns lr and hr"),
        ("lr,hr\nlr/a_1.npy,hr/a_1.npy\nlr/c_1.npy,hr/a_1.npy\n", "twice"),
        ("lr,hr\nlr/a_1.npy,hr/none.npy\n", "does not exist"),
    ],
)
def test_tables_that_say_nothing_are_refused(toy_plugins, folders, tmp_path, text, sentence):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(RecipeError, match=sentence):
        prepare(toy_plugins, recipe_of(toy_plugins, tmp_path / "pairs.csv"), RunFolder(tmp_path))


def test_a_table_and_a_folder_of_hr_at_once_are_refused(toy_plugins, folders, tmp_path):
    (tmp_path / "pairs.csv").write_text("lr,hr\nlr/a_1.npy,hr/a_1.npy\n")
    with pytest.raises(RecipeError, match="leave out --data"):
        prepare(toy_plugins, with_data(recipe_of(toy_plugins, tmp_path / "pairs.csv"), folders[0]), RunFolder(tmp_path))
