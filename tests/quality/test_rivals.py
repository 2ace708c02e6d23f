"""Figures of public networks beside a model's own: what is kept of them, and what a page then says."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ncnn_layers import span

from srkit.errors import InputError
from srkit.evaluation import EvaluationRow, EvaluationTable
from srkit.models.file import read_info
from srkit.plugins import Plugins
from srkit.upscaling.planning.linear import Prior


@pytest.fixture
def weights(given: argparse.Namespace, tmp_path: Path) -> Path:
    """A folder with the public network that the plan's ``rivals.yaml`` names."""
    folder = tmp_path / "wheels" / "package"
    folder.mkdir(parents=True)
    param = span(folder / "span.param").write()
    digest = hashlib.sha256(param.with_suffix(".bin").read_bytes()).hexdigest()
    one = f"file: span, sha256: {digest}, kinds: {{toy-in-plane: {{}}}}, sets: [items]"
    (given.plan / "rivals.yaml").write_text(
        f"them: {{title: Theirs ×2, scale: 2, {one}}}\nother: {{title: Other ×4, scale: 4, {one}}}\n"
    )
    return folder.parent


def test_a_page_sets_a_model_beside_what_is_kept_of_its_rivals(
    model: Path, given: argparse.Namespace, weights: Path, plugins: Plugins
) -> None:
    from make import renew
    from rivals import measure_rivals

    given.weights = weights
    without = renew(model, given, plugins).read_text()
    assert "public networks" not in without
    kept = measure_rivals([read_info(model)], given, plugins)
    assert kept == given.results / "rivals" / "toy-in-plane-x2.json"
    assert str(given.data) not in kept.read_text()
    given.kept = True
    text = renew(model, given, plugins).read_text()
    assert read_info(model).card == text
    rows = [line for line in text.splitlines() if "Theirs ×2 |" in line]
    assert [row.split(";")[0] for row in rows] == ["| noise-free", "| noise of 20", "| antialiased bicubic"]
    assert "Other ×4" not in text
    assert text.replace(text[text.index("### Against") : text.index("### noise-free, held-out")], "") == without


def test_a_rival_is_set_beside_on_the_same_items_and_degradation_alone() -> None:
    from figures import Figures, Measured
    from plan import Condition
    from rivals import Rival, RivalFigures
    from versus import against_rivals

    def table(**psnr: float) -> EvaluationTable:
        """Two items of one subject and one of another, on which every model is 1 dB better than on those."""
        rows = [
            EvaluationRow(item, name, {"psnr": value + (item == "b1")}, 1.0, subject=item[0])
            for item in ("a1", "a2", "b1")
            for name, value in psnr.items()
        ]
        return EvaluationTable("2", tuple(psnr), tuple(rows), degradation=({"name": "bicubic"},))

    condition = Condition("antialiased bicubic", [{"name": "bicubic"}], own=False)
    figures = Figures((Measured(condition, "test", Prior(), table(m=31.0, bspline=30.0)),), (), ())
    rival, theirs = Rival("them", "Theirs", "", "", 2, {}, ("items",)), table(them=31.5)
    *_, told, remark = against_rivals("m", figures, [RivalFigures(rival, (theirs,), {})])
    row = "| antialiased bicubic; Theirs | 30.50 | 32.00 | 31.50 | +1.50 (+1.50 to +1.50) | -0.50 (-0.50 to -0.50) |"
    assert told.splitlines()[2:] == [row]
    assert remark == "- antialiased bicubic: Theirs is better by 0.50 dB on average."
    others = replace(theirs, rows=theirs.rows[1:]), replace(theirs, degradation=({"name": "area"},))
    assert against_rivals("m", figures, [RivalFigures(rival, others, {})]) == []


def test_weights_are_those_that_the_list_names(
    model: Path, given: argparse.Namespace, weights: Path, plugins: Plugins
) -> None:
    from rivals import measure_rivals

    given.weights = weights
    binary = weights / "package" / "span.bin"
    binary.write_bytes(binary.read_bytes()[:-1] + b"\1")
    with pytest.raises(InputError, match="Theirs ×2"):
        measure_rivals([read_info(model)], given, plugins)
    assert not given.results.exists()


def test_every_rival_of_the_plan_names_kinds_that_are_judged() -> None:
    import yaml
    from rivals import HERE, known_rivals

    kinds: Any = yaml.safe_load((HERE / "conditions.yaml").read_text())
    for rival in known_rivals():
        assert set(rival.kinds) <= set(kinds)
        assert set(rival.sets) <= {"items", "benchmarks"}
        assert len(rival.sha256) == 64
