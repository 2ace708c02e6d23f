"""From a run to a model file: what the model says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from srkit.config import Recipe
from srkit.data.ranges import RANGE_NOTE
from srkit.grid import Scale
from srkit.models.file import save_model
from srkit.models.info import ModelInfo, Seen
from srkit.networks.deviation import measure_deviation
from srkit.training.material.preparation import Material
from srkit.training.observing.records import finite

NOT_IN_PARAMETERS = ("ndim", "scale", "channels")


def model_info(
    recipe: Recipe,
    material: Material,
    generator: nn.Module,
    *,
    perceptual: bool,
    state: Mapping[str, Any],
    seen: Seen,
) -> ModelInfo:
    """Return the description of a trained generator. `state` holds step, figures and baselines.

    Paths stay out of it: a model goes to other people.
    """
    training = {"recipe": portable(recipe), "items": len(material.split.train), "split": material.split.note, **state}
    return ModelInfo(
        name=recipe.title,
        domain=recipe.domain,
        network=recipe.network.name,
        parameters={k: v for k, v in recipe.network.parameters.items() if k not in NOT_IN_PARAMETERS},
        scale=Scale(*recipe.scale),
        roles=recipe.network_roles,
        channels=material.channels,
        inputs=material.inputs,
        normalizer=dict(material.normalizer),
        degradation=material.degradation,
        halo=getattr(generator, "halo", None),
        perceptual=perceptual,
        training=training,
        seen=seen,
        card=_card(recipe, material, perceptual=perceptual, state=state),
    )


def write_model(path: Path, generator: nn.Module, info: ModelInfo) -> Path:
    """Write the generator with its description and its precision, measured here, and return the path."""
    deviation = measure_deviation(generator)
    save_model(path, generator, replace(info, precision={"bf16": deviation} if deviation else {}))
    return path


def portable(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain JSON without the user's paths; of files only the name is kept."""
    content = recipe.model_dump(mode="json")
    for key in ("path", "split_file"):
        content["data"].pop(key)
    pairs = content["data"]["pairs"]
    pairs["lr"] = pairs["lr"] and Path(pairs["lr"]).name
    if content["from_model"]:
        content["from_model"] = Path(content["from_model"]).name
    for loss in content["losses"].values():
        for key, value in loss.items():
            if isinstance(value, str) and ("/" in value or "\\" in value):
                loss[key] = Path(value).name
    return content


def _card(recipe: Recipe, material: Material, *, perceptual: bool, state: Mapping[str, Any]) -> str:
    """Return Markdown that says what the model is and what it is not."""
    kind = "for looks (perceptual): detail may be invented" if perceptual else "for fidelity"
    lines = [
        f"# {recipe.title}",
        "",
        f"A {recipe.network.name} for the domain {recipe.domain}, scale {Scale(*recipe.scale)}, trained {kind}.",
        f"{state['step']} steps on {len(material.split.train)} items; split {material.split.note}.",
        *([f"Begun with the weights of {state['from']['model']}."] if "from" in state else []),
        "",
        *_figure_lines(state),
        "For research. Detail that a network adds is plausible, not measured: never for diagnosis.",
    ]
    return "\n".join(lines)


def _figure_lines(state: Mapping[str, Any]) -> list[str]:
    rows = {"this model": state["validation"], **state["baselines"]}
    lines = []
    for name, found in rows.items():
        if found.get("psnr") is not None:
            lines.append(f"- {name}: PSNR {found['psnr']:.2f} dB, SSIM {found.get('ssim') or float('nan'):.4f}")
    head = f"On patches of the validation split, degraded as in training; data range {RANGE_NOTE} (of its patches):"
    return [head, "", *lines, ""] if lines else []


def described_state(
    step: int, found: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Return step and figures as plain JSON."""
    return {
        "step": step,
        "validation": finite(found),
        "baselines": {name: finite(row) for name, row in baselines.items()},
    }
