"""`make evaluate` on arrays: from a model and a list of items to its page, its card and its figures."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srkit.errors import InputError
from srkit.grid import Scale
from srkit.models.file import ModelInfo, read_info
from srkit.plugins import Plugins

QUALITY = Path(__file__).parents[2] / "benchmarks" / "quality"
README = QUALITY.parents[1] / "README.md"
DATA = QUALITY.parents[2] / "shared" / "data"


def test_page_card_and_figures_come_of_one_call(model: Path, given: argparse.Namespace, toy_plugins: Plugins) -> None:
    from make import renew

    page = renew(model, given, toy_plugins)
    text = page.read_text()
    assert text.startswith("# toy-x2\n\nNever for diagnosis.\n")
    assert read_info(model).card == text
    for told in ("noise of 20, held-out items", "noise-free, items from elsewhere", "box mean, *not trained on*"):
        assert told in text
    assert "s4_image.npy (licence A; made here)" in text
    assert str(given.data) not in text
    content = json.loads((given.results / "toy-x2.json").read_text())
    assert [(entry["condition"], entry["items"]) for entry in content["conditions"]] == [
        ("noise-free", "test"), ("noise-free", "elsewhere"), ("noise of 20", "test"), ("box mean", "test"),
        ("antialiased bicubic", "test"),
    ]  # fmt: skip
    first = content["conditions"][0]
    assert first["degradation"] == [{"name": "gaussian", "sigma": 0.5}]
    assert first["models"] == ["toy-x2", "wiener", "nearest", "bicubic", "bspline", "lanczos"]
    assert first["summary"]["toy-x2"]["psnr"]["subjects"] == 2
    assert first["summary"]["toy-x2"]["psnr"]["items"] == 3
    assert set(first["summary"]["toy-x2"]) == {"psnr", "ssim", "sam"}
    assert {row["item"] for row in first["rows"]} == {"s1_image.npy", "s2_image.npy", "s3_image.npy"}
    assert {row["model"] for row in content["inputs"]} == set(first["models"])


def test_kept_figures_give_the_same_page_and_leave_the_file_as_it_is(
    model: Path, given: argparse.Namespace, toy_plugins: Plugins
) -> None:
    from make import renew

    given.kept = True
    with pytest.raises(FileNotFoundError, match="without --kept"):
        renew(model, given, toy_plugins)
    given.kept = False
    text = renew(model, given, toy_plugins).read_text()
    given.kept, before = True, model.read_bytes()
    assert renew(model, given, toy_plugins).read_text() == text
    assert model.read_bytes() == before
    (given.pages / "toy-x2.md").write_text(text.replace("Never for", "Never ever for"))
    renew(model, given, toy_plugins)
    assert read_info(model).card == text.replace("Never for", "Never ever for")


def test_shipped_models_without_kept_figures_are_named_and_left(
    given: argparse.Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    from make import _due

    shipped = [Path("a.safetensors"), Path("b.safetensors")]
    given.results.mkdir()
    (given.results / "a.json").write_text("{}")
    assert _due(shipped, given) == shipped
    assert capsys.readouterr().err == ""
    given.kept = True
    assert _due(shipped, given) == shipped[:1]
    assert capsys.readouterr().err.startswith("b has no kept figures")


def test_what_was_written_by_hand_stays_around_new_figures() -> None:
    from pages import with_figures

    first = with_figures("# A\n\nBy hand.\n", "one")
    edited = first.replace("By hand", "Written by hand") + "\nMore.\n"
    assert with_figures(edited, "one") == edited
    assert with_figures(edited, "two") == edited.replace("\none\n", "\ntwo\n")
    assert with_figures("", "one").startswith("<!-- figures")


def test_an_item_that_is_not_there_or_cannot_be_used_ends_it(
    model: Path, given: argparse.Namespace, toy_plugins: Plugins
) -> None:
    from make import renew

    before = model.read_bytes()
    np.save(given.data / "s3_image.npy", np.zeros((1, 1), np.uint16))
    with pytest.raises(InputError, match=r"s3_image\.npy"):
        renew(model, given, toy_plugins)
    (given.data / "s3_image.npy").unlink()
    with pytest.raises(FileNotFoundError, match="--data"):
        renew(model, given, toy_plugins)
    assert model.read_bytes() == before
    assert not given.pages.exists()


@pytest.mark.parametrize(
    ("gains", "told"),
    [([0.5, 0.7], []), ([0.5, -0.2], ["worse than bicubic interpolation by 0.20 dB"]), ([-3, -2], ["on average"])],
)
def test_what_a_model_makes_worse_is_told(gains: list[float], told: list[str]) -> None:
    from figures import Figures, Measured
    from pages import RIVALS, _remarks, _summary
    from plan import Condition, Plan

    from srkit.evaluation import EvaluationRow, EvaluationTable
    from srkit.upscaling.planning.linear import Prior

    def row(item: int, model: str, gain: float) -> EvaluationRow:
        return EvaluationRow(f"{item}", model, {"psnr": 30 + gain, "ssim": 0.9}, 1.0, subject=f"{item}")

    rows = [row(i, name, gain if name == "m" else 0) for i, gain in enumerate(gains) for name in ("m", *RIVALS)]
    table = EvaluationTable("2", ("m", *RIVALS), tuple(rows))
    measured = Measured(Condition("noise-free", [], own=True), "test", Prior(), table)
    remarks = " ".join(_remarks("m", Figures((measured,), (), ())))
    assert all(text in remarks for text in told)
    assert bool(remarks) == bool(told)
    assert f"{np.mean(gains):+.2f} ({min(gains):+.2f} to {max(gains):+.2f})" in _summary(
        "m", [measured], Plan([], (), (), {})
    )


def test_a_model_for_looks_is_told_of_in_detail_and_beside_that_for_fidelity() -> None:
    from figures import Figures, Measured
    from pages import RIVALS, _remarks
    from plan import Condition

    from srkit.evaluation import EvaluationRow, EvaluationTable
    from srkit.upscaling.planning.linear import Prior

    models = ("m", "plain", *RIVALS)
    metrics = {"psnr": 30.0, "ssim": 0.9, "unsupported": 1.25, "added": 0.5}
    rows = [
        EvaluationRow("a", name, {**metrics, "st_lpips": 0.1 if name == "m" else 0.2}, 200.0, agreement={"l1": 1.0})
        for name in models
    ]
    better = {"psnr": True, "ssim": True, "unsupported": False, "added": False, "st_lpips": False}
    table = EvaluationTable("2", models, tuple(rows), higher_is_better=better)
    measured = Measured(Condition("noise-free", [], own=True), "test", Prior(), table)
    (told,) = _remarks("m", Figures((measured,), (), ()))
    assert "error 1.25 and added energy 0.50" in told
    assert "differs from its input by 0.50 % of the range" in told
    assert "ST-LPIPS 0.1000, 0.50 of that of plain" in told


@pytest.mark.parametrize("seen", [True, False])
def test_the_foreground_has_a_table_of_its_own_where_there_is_one(seen: bool) -> None:
    from figures import Figures, Measured
    from pages import RIVALS, figures_page
    from plan import Condition, Plan

    from srkit.evaluation import EvaluationRow, EvaluationTable
    from srkit.upscaling.planning.linear import Prior

    def row(model: str, gain: float) -> EvaluationRow:
        own = {"psnr_foreground": 40 + gain} if seen else {}
        return EvaluationRow("a", model, {"psnr": 30.0, "ssim": 0.9, **own}, 1.0, subject="a")

    table = EvaluationTable("2", ("m", *RIVALS), (row("m", 2), *(row(name, 0) for name in RIVALS)))
    condition = Condition("box mean", [], own=False)
    figures = Figures((Measured(condition, "test", Prior(), table),), (), ())
    page = figures_page("m", figures, Plan([], (), (), {}))
    assert ("In the foreground" in page) == seen
    assert ("| 42.00 | +2.00 (+2.00 to +2.00) |" in page) == seen


def test_an_interval_is_told_of_five_subjects_or_more() -> None:
    from cells import gain_cell

    found = {"mean": 1.0, "worst": 0.5, "best": 2.0, "low": 0.8, "high": 1.2, "subjects": 5}
    assert gain_cell(found) == "+1.00 (+0.50 to +2.00, 95 %: +0.80 to +1.20)"
    assert gain_cell({**found, "subjects": 4}) == "+1.00 (+0.50 to +2.00)"


def test_every_item_of_the_plan_is_known_and_no_subject_serves_two_ends() -> None:
    with (QUALITY / "items.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    uses: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        assert row["use"] in ("validation", "test", "elsewhere", "real", "picture")
        assert row["licence"]
        assert not Path(row["path"]).is_absolute()
        uses.setdefault((row["set"], row["subject"]), set()).add(row["use"])
    both = [key for key, found in uses.items() if {"validation", "test"} <= found]
    assert both == []
    if DATA.is_dir():
        assert [row["path"] for row in rows if not (DATA / row["path"]).exists()] == []


def test_every_kind_that_the_plan_knows_can_be_degraded() -> None:
    import yaml
    from plan import plan_for

    roles = {"in-plane": ("row", "column"), "through-plane": ("slice", "row", "column")}
    for kind in yaml.safe_load((QUALITY / "conditions.yaml").read_text()):
        domain, axes = kind.split("-", 1)
        scale = Scale(1, 1, 2) if axes == "through-plane" else Scale(2, 2)
        info = ModelInfo("a", domain, "srresnet", scale, roles[axes], 1, degradation=({"name": "area"},))
        plan = plan_for(info, QUALITY)
        assert plan.conditions[0].steps == [{"name": "area"}]
        assert all({"name": "area"} in condition.steps for condition in plan.conditions if condition.own)
        assert all(len(condition.steps) == 2 for condition in plan.conditions[1:] if condition.own)
        assert {entry.use for entry in plan.entries} >= {"validation", "test", "real", "picture"}
        from srkit.degrade import apply, parse

        hr = torch.full((1, 1, *(8 for _ in roles[axes])), 100.0)
        for condition in plan.conditions:
            steps = [{**s, **({"signal": 100.0} if "snr" in s else {})} for s in condition.steps]
            assert apply(hr, parse(steps), info.network_scale, torch.Generator().manual_seed(0)).shape[-1] in (4, 8)


def test_the_overview_tells_gains_of_subjects_from_worst_to_best(tmp_path: Path) -> None:
    from overview import overview

    def row(item: str, subject: str, model: str, psnr: float) -> dict[str, Any]:
        return {"item": item, "subject": subject, "model": model, "psnr": psnr}

    rows = [row(item, item[0], model, 30) for item in ("a1", "a2", "b1") for model in ("bspline", "wiener")]
    rows += [row("a1", "a", "m", 31), row("a2", "a", "m", 33), row("b1", "b", "m", 31)]
    condition = {"condition": "noise-free", "own": True, "items": "test", "rows": rows}
    foreign = {"condition": "box mean", "own": False, "items": "test", "rows": []}
    (tmp_path / "m.json").write_text(json.dumps({"model": "m", "conditions": [condition, condition, foreign]}))
    gain = "+1.50 (+1.00 to +2.00)"
    assert (
        overview([tmp_path / "m.json"]).splitlines()[2] == f"| [m](docs/models/m.md) | {gain} | {gain} | – | {gain} |"
    )


def test_the_readme_holds_the_kept_figures_of_the_models_that_ship() -> None:
    from make import renew_overview

    from srkit import plugins as verbs
    from srkit.plugins import load_plugins

    shipped = [entry.path for entry in verbs.models(load_plugins())]
    before = README.read_text()
    renewed = renew_overview(README, QUALITY / "results", shipped)
    assert renewed == before, "run `make evaluate`"
    assert all(f"(docs/models/{path.stem}.md)" in before for path in shipped)
