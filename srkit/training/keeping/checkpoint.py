"""Checkpoints: all that a run needs to go on as if it had never stopped, in one safetensors file, whole or absent.

Nothing is pickled: tensors are tensors, all else is JSON in the header, whose floats read back exactly.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from srkit.errors import DivergedError, RecipeError
from srkit.files import write_whole
from srkit.training.learning.building import Networks
from srkit.training.learning.loop import Progress
from srkit.training.learning.phase import Phase
from srkit.training.processes.sharding import in_whole, load_whole, shared_like, whole_tensors

logger = logging.getLogger(__name__)
KEY = "srkit_checkpoint"
FORMAT = 1
KEPT = 3


@dataclass
class RunState:
    """All that changes while a run goes on; `notes` are plain JSON of its observers (the best figure so far)."""

    networks: Networks
    phases: Sequence[Phase]
    progress: Progress = field(default_factory=Progress)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def phase(self) -> Phase:
        """The phase that is under way."""
        return self.phases[self.progress.phase]

    @property
    def step(self) -> int:
        """Steps done in all phases."""
        return sum(phase.steps for phase in self.phases[: self.progress.phase]) + self.progress.phase_step


def write_checkpoint(folder: Path, state: RunState) -> Path:
    """Write the state of a run that is at rest, and remove all but the newest checkpoints.

    Raises what `captured` raises, and OutputError where the disk is full.
    """
    tensors, notes = captured(state)
    path = folder / f"step_{state.step:09d}.safetensors"
    write_whole(path, save(tensors, metadata={KEY: json.dumps(notes, sort_keys=True)}))
    for old in [*sorted(folder.glob("step_*.safetensors"))[:-KEPT], *folder.glob(".step_*.part")]:
        old.unlink()  # parts are of a run that was killed while it wrote
    return path


def has_checkpoint(folder: Path) -> bool:
    """Tell whether there is a checkpoint to go on from."""
    return any(folder.glob("step_*.safetensors"))


def restore_newest(folder: Path, state: RunState) -> bool:
    """Bring `state` to the newest checkpoint that can be read; return whether there was one.

    Raises RecipeError where the checkpoints are of other networks or phases.
    """
    for path in sorted(folder.glob("step_*.safetensors"), reverse=True):
        try:
            tensors, notes = _read(path)
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            logger.warning("checkpoint %s cannot be read (%s); an older one is tried", path.name, type(error).__name__)
            continue
        _restore(state, tensors, notes, path)
        return True
    return False


def captured(state: RunState) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and notes of a run that is at rest.

    Raises DivergedError if a weight is no number: such a state is worth nothing.
    """
    tensors = {f"generator.{n}": t for n, t in whole_tensors(state.networks.generator).items()}
    if state.networks.discriminator is not None:
        tensors |= {f"discriminator.{n}": t for n, t in state.networks.discriminator.state_dict().items()}
    if state.networks.average is not None:
        tensors |= {f"average.{n}": t for n, t in whole_tensors(state.networks.average.network).items()}
    for player in state.phase.players:
        tensors |= _optimizer_tensors(f"optimizer.{player.name}", player.optimizer)
    tensors["rng"] = torch.get_rng_state()
    notes = {
        "format": FORMAT,
        "phase": state.phase.name,
        "phase_step": state.progress.phase_step,
        "step": state.step,
        "parts": {phase.name: phase.parts for phase in state.phases[: state.progress.phase + 1]},
        "notes": state.notes,
    }
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DivergedError(
                f"{name} holds values that are no numbers after step {state.step}; no checkpoint written"
            )
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, notes


def _optimizer_tensors(prefix: str, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the state of every parameter; groups hold only what the recipe says and are made anew."""
    states: Mapping[int, Mapping[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{prefix}.{i}.{key}": in_whole(torch.as_tensor(v)) for i, e in states.items() for key, v in e.items()}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        notes = json.loads(file.metadata()[KEY])
        if notes["format"] != FORMAT:
            raise ValueError(f"format {notes['format']}")
        return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118  not a mapping


def _restore(state: RunState, tensors: Mapping[str, Tensor], notes: Mapping[str, Any], path: Path) -> None:
    names = [phase.name for phase in state.phases]
    if notes["phase"] not in names:
        raise RecipeError(
            f"{path} is of a phase {notes['phase']!r} that the recipe does not have; use the run's recipe"
        )
    try:
        load_whole(state.networks.generator, _below(tensors, "generator."))
        if state.networks.discriminator is not None:
            state.networks.discriminator.load_state_dict(_below(tensors, "discriminator."))
        if state.networks.average is not None:
            load_whole(state.networks.average.network, _below(tensors, "average."))
    except RuntimeError as error:
        raise RecipeError(f"{path} is of other networks than the recipe's; use the run's recipe") from error
    state.progress.phase, state.progress.phase_step = names.index(notes["phase"]), int(notes["phase_step"])
    for phase in state.phases:  # sums over other parts round otherwise
        phase.parts = max(phase.parts, notes.get("parts", {}).get(phase.name, 1))
    for player in state.phase.players:
        _restore_optimizer(player.optimizer, _below(tensors, f"optimizer.{player.name}."))
    state.notes.clear()
    state.notes.update(notes["notes"])
    torch.set_rng_state(tensors["rng"])


def _restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give each parameter its state back, in the parameter's memory layout: another one may round otherwise."""
    content = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        like = parameters[int(index)]
        of_weights = tensor.shape == like.shape and tensor.ndim
        value = torch.empty_like(like).copy_(shared_like(tensor, like)) if of_weights else tensor
        states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**content, "state": states})


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
