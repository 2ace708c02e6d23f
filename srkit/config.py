"""Recipes: all that defines a training run, as frozen values read from YAML.

A recipe is merged from the core's defaults, the domain's, the file and the overrides of the command line, in this
order. Names of networks, losses and domains are looked up later, by those who own them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from srkit.errors import RecipeError, nearest_known

RoleName = Literal["row", "column", "slice"]
_PLANE: tuple[RoleName, ...] = ("row", "column")
_VOLUME: tuple[RoleName, ...] = ("slice", "row", "column")

CORE_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "network": {"name": "srresnet", "parameters": {"features": 32, "blocks": 4, "skip": "bicubic"}},
        "discriminator": {"name": "vgg"},
        "normalizer": {"kind": "range"},
        "losses": {"pixel": {"kind": "l1"}},
        "phases": [
            {"name": "content", "steps": 2000, "learning_rate": [[0, 5e-4], [1500, 1e-4]], "losses": {"pixel": 1.0}}
        ],
    }
)
"""What a recipe says where neither file nor domain says otherwise: a small network for a CPU, trained for fidelity."""


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
ScaleFactors = Annotated[tuple[Factor, Factor, Factor], BeforeValidator(_scale_factors)]
Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Schedule = Annotated[tuple[tuple[Annotated[int, Field(ge=0)], Rate], ...], BeforeValidator(_milestones)]
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
    that loss's weight rises from nothing. `gradient_clip` is the norm to which gradients are shortened.
    """

    name: str
    steps: int = Field(ge=1)
    optimizer: OptimizerSection = OptimizerSection()
    learning_rate: Schedule = ((0, 1e-4),)
    adversarial_ramp: int = Field(default=0, ge=0)
    gradient_clip: Rate | None = None
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


class DataSection(Section):
    """What is trained on, and in which pieces.

    `patch` is the HR size, one number or one per network axis; None chooses by the number of axes. `split_file` is
    a CSV with the columns path and split, and overrides `split`. `cache_mb` bounds what is kept of read items.
    `channels` names those to train on, in the network's order, where items have more; by default all of them.
    """

    path: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = ()
    patch: int | tuple[int, ...] | None = None
    batch: int = Field(default=16, ge=1)
    workers: int = Field(default=2, ge=0)
    augment: bool = True
    split: SplitSection = SplitSection()
    split_file: Path | None = None
    channels: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
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
    network: NetworkSection
    discriminator: NetworkSection
    normalizer: dict[str, Any]
    degradation: tuple[dict[str, Any], ...] | None = None
    losses: dict[str, LossSection]
    data: DataSection = DataSection()
    phases: tuple[PhaseSection, ...] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    ema: float = Field(default=0.0, ge=0, lt=1)
    validate_every: Every = 200
    samples_every: Every = 200
    checkpoint_every: Every = 200
    log_every: Every = 10

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


def load_recipe(
    path: Path | None,
    *,
    domain: str | None = None,
    domain_defaults: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    overrides: Sequence[str] = (),
) -> Recipe:
    """Return the recipe of a YAML file, or the default one where `path` is None.

    Parameters
    ----------
    domain
        Overrides the file's domain.
    domain_defaults
        `Domain.training` of each domain by its name; that of the recipe's domain is used.
    overrides
        ``"data.batch=4"``: dotted keys with YAML values; they win over everything.

    Raises
    ------
    RecipeError
        For a file that is no YAML mapping, an unknown key or a wrong value, with the place and the nearest known key.
    """
    where = str(path) if path else "recipe"
    given = _read_yaml(path) if path else {}
    for text in overrides:
        given = _merged(given, _override(text))
    if domain is not None:
        given["domain"] = domain
    if not isinstance(given.get("domain"), str):
        raise RecipeError(f"{where}: names no domain; add `domain: mri` or give --domain")
    base = _merged(dict(CORE_DEFAULTS), domain_defaults.get(given["domain"], {}))
    if "losses" in given and isinstance(given.get("phases"), list):
        base.pop("losses")  # with phases of its own, a recipe weighs losses of its own
    try:
        return Recipe.model_validate(_merged(base, given))
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


class _Loader(yaml.SafeLoader):
    """Safe YAML with the floats of YAML 1.2 (``1e-4`` is text in 1.1), that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"{where}: is no YAML: {' '.join(str(error).split())}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({type(error).__name__}); give a YAML file") from error
    content = _parse(text, str(path))
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: holds no mapping of keys; see configs/ for recipes to start from")
    return content


def _override(text: str) -> dict[str, Any]:
    """Return ``"a.b=c"`` as ``{"a": {"b": c}}``."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise RecipeError(f"override {text!r} is not of the form section.key=value")
    result: Any = _parse(value, f"override {text!r}")
    for part in reversed(key.split(".")):
        result = {part: result}
    return dict(result)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any], top: bool = True) -> dict[str, Any]:
    """Return `over` laid on `base`, mapping by mapping.

    A section of another `name` or `kind` replaces the old one: its parameters would mean nothing to the new one.
    """
    if not top and any(key in over and key in base and over[key] != base[key] for key in ("name", "kind")):
        return dict(over)
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merged(old, value, top=False)
        elif isinstance(old, Sequence) and isinstance(value, Mapping) and value and all(_is_index(k) for k in value):
            value = _merged_items(old, value)
        result[key] = value
    return result


def _is_index(key: Any) -> bool:
    return isinstance(key, int) or (isinstance(key, str) and key.isdigit())


def _merged_items(old: Sequence[Any], over: Mapping[Any, Any]) -> list[Any]:
    """Return a list with some entries changed: ``phases.0.steps=2``."""
    result = list(old)
    for key, value in over.items():
        index = int(key)
        if index >= len(result):
            raise RecipeError(f"there is no entry {index} to override; the list has {len(result)}")
        both = isinstance(result[index], Mapping) and isinstance(value, Mapping)
        result[index] = _merged(result[index], value, top=True) if both else value
    return result


def _first_problem(error: ValidationError) -> str:
    """Return one sentence on the first problem; further ones appear when it is mended."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = sorted(_known_keys(problem["loc"][:-1]))
        return f"unknown key {place!r}" + (nearest_known(key, known) or f"; known are {', '.join(known)}")
    if problem["type"] == "missing":
        return f"{place!r} is missing; add it"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{place} = {problem['input']!r}: {text}" if place else text


def _known_keys(place: tuple[int | str, ...]) -> set[str]:
    model: type[BaseModel] = Recipe
    for part in place:
        if part in model.model_fields:
            model = _section_in(model.model_fields[str(part)].annotation) or model
    return set(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_section_in, get_args(annotation)) if found), None)
