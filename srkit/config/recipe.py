"""What a recipe may say: all that defines a training run, as frozen values.

Names of networks, losses and domains are looked up later, by those who own them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)

from srkit.errors import nearest_known

RoleName = Literal["row", "column", "slice"]
_PLANE: tuple[RoleName, ...] = ("row", "column")
_VOLUME: tuple[RoleName, ...] = ("slice", "row", "column")


def _scale_factors(value: Any) -> Any:
    """Return ``(row, column, slice)`` factors from 2, [2, 2], [1, 1, 4] or their text."""
    parts = value.split(",") if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, Sequence) else [parts]
    if len(parts) == 1:
        parts *= 2
    return (*parts, 1) if len(parts) == 2 else tuple(parts)


def _milestones(value: Any) -> Any:
    """Return ``((0, rate), …)`` from one rate or a list of [step, rate]."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ((0, value),)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path) else value


Factor = Annotated[int, Field(ge=1)]
ScaleFactors = Annotated[
    tuple[Factor, Factor, Factor], BeforeValidator(_scale_factors, json_schema_input_type=Factor | list[Factor] | str)
]
Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Milestone = tuple[Annotated[int, Field(ge=0)], Rate]
Schedule = Annotated[tuple[Milestone, ...], BeforeValidator(_milestones, json_schema_input_type=Rate | list[Milestone])]
Every = Annotated[int, Field(ge=0)]  # 0: never


class Section(BaseModel):
    """A part of a recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkSection(Section):
    """An architecture by name, with its own parameters; `ndim`, `scale` and `channels` are filled in."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class LossSection(BaseModel):
    """A loss by `kind`; every other key is a parameter of that kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The loss's own parameters."""
        return dict(self.model_extra or {})


class OptimizerSection(Section):
    """Adam (Kingma and Ba 2015) or AdamW, with torch's parameters."""

    name: Literal["adam", "adamw"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: Rate = 1e-8
    weight_decay: float = Field(default=0.0, ge=0)


class PhaseSection(Section):
    """Some steps with one optimiser, one schedule and weighted losses.

    `learning_rate` is one rate or a list of [step of the phase, rate]; a rate holds until the next milestone.
    A phase with a loss against a discriminator trains that discriminator too; over the first `adversarial_ramp` steps
    that loss's weight rises from nothing. `gradient_clip` is the norm to which gradients are shortened. After
    `patience` validations in a row without a better PSNR the phase ends; 0 for never.
    """

    name: str
    steps: int = Field(ge=1)
    optimizer: OptimizerSection = OptimizerSection()
    learning_rate: Schedule = ((0, 1e-4),)
    adversarial_ramp: int = Field(default=0, ge=0)
    gradient_clip: Rate | None = None
    patience: int = Field(default=0, ge=0)
    losses: dict[str, Annotated[float, Field(ge=0)]] = Field(min_length=1)

    @field_validator("learning_rate")
    @classmethod
    def _ascending(cls, value: Any) -> Any:
        steps = [step for step, _ in value]
        if not steps or steps[0] != 0 or steps != sorted(set(steps)):
            raise ValueError("milestones must begin at step 0 and ascend")
        return value

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of a step of this phase, the first being 0."""
        return [rate for first, rate in self.learning_rate if first <= step][-1]


class SplitSection(Section):
    """Shares of subjects or places per split; they add up to 1."""

    train: float = Field(default=0.8, gt=0, le=1)
    val: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, val and test add up to {total:g}, not 1")
        return self


class PairsSection(Section):
    """LR that was measured, not made, and on what terms it is taken.

    `lr` is a folder whose files have the names of those at `data.path`, or a CSV with the columns lr and hr. A pair
    whose displacement, once it is corrected by whole HR samples, is above `max_shift` LR samples, or whose correlation
    is below `min_correlation`, is left out. With `radiometry` linear HR is brought to LR's values channel by channel.
    `channels` mean takes the mean of LR's channels, for a panchromatic HR.
    """

    lr: Path | None = None
    max_shift: float = Field(default=0.5, gt=0)
    min_correlation: float = Field(default=0.7, ge=-1, le=1)
    radiometry: Literal["as-is", "linear"] = "as-is"
    channels: Literal["same", "mean"] = "same"

    @field_serializer("lr")
    def _as_text(self, value: Path | None) -> str | None:
        return None if value is None else str(value)


class DataSection(Section):
    """What is trained on, and in which pieces.

    `patch` is the HR size, one number or one per network axis; None chooses by the number of axes. Gradients of a
    batch are accumulated over `accumulate` parts, for batches that memory cannot hold at once. `split_file` is
    a CSV with the columns path and split, and overrides `split`. `cache_mb` bounds what is kept of read items. `pairs`
    says where LR is measured.
    `channels` names those to train on, in the network's order, where items have more; by default all of them.
    """

    path: Annotated[tuple[Path, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = ()
    patch: int | tuple[int, ...] | None = None
    batch: int = Field(default=16, ge=1)
    accumulate: int = Field(default=1, ge=1)
    workers: int = Field(default=2, ge=0)
    augment: bool = True
    split: SplitSection = SplitSection()
    split_file: Path | None = None
    pairs: PairsSection = PairsSection()
    channels: Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = ()
    cache_mb: int = Field(default=2048, ge=1)

    @field_serializer("path", "split_file")
    def _as_text(self, value: Any) -> Any:
        return [str(p) for p in value] if isinstance(value, tuple) else str(value) if value else None


class Recipe(Section):
    """All that defines a training run.

    Parameters
    ----------
    scale
        Factors of rows, columns and slices; written as 2, [2, 2] or [1, 1, 4].
    roles
        The axes that the network sees, in its order; by default rows and columns, and slices too where they scale.
    normalizer, degradation
        Specs that the domain understands; None for the domain's own degradation.
    options
        The domain's options, as `srkit train --help` lists them.
    sharding
        With several processes, what each holds: "none" for the whole network, "full" for its share of the generator's
        weights, gradients and optimiser state (FSDP).
    from_model
        A model file whose weights the generator begins with, as far as they fit.
    ema
        Share of the past in a running mean of the generator's weights (0.999, say), which is then what is validated
        and saved; 0 for none.
    validate_every, samples_every, checkpoint_every, log_every
        In steps; 0 for never.
    """

    name: str = ""
    domain: str
    scale: ScaleFactors = (2, 2, 1)
    roles: tuple[RoleName, ...] | None = None
    seed: int = Field(default=0, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: str = "auto"
    sharding: Literal["none", "full"] = "none"
    network: NetworkSection
    discriminator: NetworkSection
    normalizer: dict[str, Any]
    degradation: tuple[dict[str, Any], ...] | None = None
    losses: dict[str, LossSection]
    data: DataSection = DataSection()
    phases: tuple[PhaseSection, ...] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    from_model: Path | None = None
    ema: float = Field(default=0.0, ge=0, lt=1)
    validate_every: Every = 200
    samples_every: Every = 200
    checkpoint_every: Every = 200
    log_every: Every = 10

    @field_serializer("from_model")
    def _as_text(self, value: Path | None) -> str | None:
        return None if value is None else str(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"phases need names of their own, these are {', '.join(names)}")
        for phase in self.phases:
            for loss in phase.losses:
                if loss not in self.losses:
                    hint = nearest_known(loss, self.losses)
                    raise ValueError(f"phase {phase.name!r} weighs the loss {loss!r}, which `losses` lacks{hint}")
        if self.roles is not None and (len(self.roles) not in (2, 3) or len(set(self.roles)) != len(self.roles)):
            raise ValueError(f"roles {list(self.roles)} are not two or three different axes")
        self._check_patch()
        return self

    def _check_patch(self) -> None:
        patch = self.data.patch
        if isinstance(patch, tuple) and len(patch) != len(self.network_roles):
            raise ValueError(f"data.patch {list(patch)} needs one size for each of {', '.join(self.network_roles)}")
        for size, factor, role in zip(self.patch, self.network_scale, self.network_roles, strict=True):
            if size < factor or size % factor:
                raise ValueError(f"data.patch {size} along {role} is not a multiple of the scale {factor}")
        scaled = {role for role, s in zip(("row", "column", "slice"), self.scale, strict=True) if s > 1}
        if scaled - set(self.network_roles):
            raise ValueError(f"scale {list(self.scale)} needs a network along {', '.join(sorted(scaled))}; set roles")

    @property
    def title(self) -> str:
        """The recipe's name, or one made of domain and scale."""
        factors = self.scale[:1] if self.scale[0] == self.scale[1] and self.scale[2] == 1 else self.scale
        return self.name or f"{self.domain}-x{'x'.join(str(f) for f in factors)}"

    @property
    def network_roles(self) -> tuple[RoleName, ...]:
        """Role of each network axis."""
        return self.roles or (_PLANE if self.scale[2] == 1 else _VOLUME)

    @property
    def network_scale(self) -> tuple[int, ...]:
        """Factor of each network axis."""
        by_role = dict(zip(("row", "column", "slice"), self.scale, strict=True))
        return tuple(by_role[role] for role in self.network_roles)

    @property
    def patch(self) -> tuple[int, ...]:
        """HR size of a patch per network axis."""
        roles, patch = self.network_roles, self.data.patch
        if isinstance(patch, tuple):
            return patch
        if patch is not None:
            return (patch,) * len(roles)
        size = 64 if len(roles) == 2 else 32
        return tuple(max(1, size // factor) * factor for factor in self.network_scale)

    @property
    def steps(self) -> int:
        """Steps of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def to_yaml(self) -> str:
        """Return the resolved recipe as YAML that `load_recipe` reads back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
