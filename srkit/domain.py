"""What a domain plugin says about itself, its items and its physics: the values that hooks exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from srkit.grid import Window
from srkit.image import Array, BoolArray

if TYPE_CHECKING:
    from torch import nn

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One typed option of a domain, shown by the command line under the domain's heading.

    `name` is a Python identifier; the command line spells it with dashes. `type` is bool, int, float or str;
    a str may name its `choices`. `many` collects repeated uses into a tuple. One that `selects` says which items are
    meant and changes no output: discover alone is told of it.
    """

    name: str
    type: type[bool] | type[int] | type[float] | type[str]
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    many: bool = False
    selects: bool = False


@dataclass(frozen=True, slots=True)
class Domain:
    """A named kind of imagery.

    Parameters
    ----------
    name, title
        ``"mri"``, ``"Magnetic resonance images"``.
    options
        The domain's own options, handed to discover, open, create and verify.
    fidelity_first
        Whether perceptual models are chosen only when asked for (medical, satellite).
    training
        Defaults of a recipe for this domain: any part of one, as nested mappings.
    """

    name: str
    title: str
    options: tuple[Option, ...] = ()
    fidelity_first: bool = True
    training: Mapping[str, Any] = field(default_factory=dict)


Certainty = Literal["sure", "likely", "possible"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to enhance, recognised by content.

    Parameters
    ----------
    paths
        The files it consists of, in reading order; the first one stands for it in messages.
    domain
        Name of the domain that claims it.
    certainty
        ``sure`` if the content says so, ``possible`` if other domains may be meant as well, ``likely`` if this one is
        to be taken all the same where nobody says otherwise.
    group
        Subject or place, salted where it comes from inside a file: items of one group never part in a split.
    folder, stem, suffix
        Where its output goes, below the output folder: ``folder/stem + suffix``. `folder` is relative to the root
        of the discovery (``""`` for the root itself); `suffix` is that of the *output's* format (``.nii.gz``).
        An item whose output is a folder of files has no suffix; with an empty stem too, its files go into `folder`.
    other_suffixes
        Those that its output may have as well, where the user names the output so (``.nii``).
    key
        Distinguishes items that share their first path (bands of a container); ``""`` as a rule.
    identity
        A digest of what tells the item from all others wherever it lies, if its format has such a thing (the UIDs of
        a DICOM series); else empty, and the content of its files tells.
    mosaic
        Files that tile one larger image, the item's own among them, so that its source may serve samples beyond its
        border. They are no part of the item: an item to train or evaluate on stands `alone`.
    doubts
        The other domains whose it may be, where the likeliest was taken; srkit fills it in.
    """

    paths: tuple[Path, ...]
    domain: str
    certainty: Certainty = "sure"
    group: str = ""
    folder: str = ""
    stem: str = ""
    suffix: str = ""
    key: str = ""
    identity: str = ""
    mosaic: tuple[Path, ...] = ()
    other_suffixes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file that stands for the item in messages."""
        return self.paths[0]

    def alone(self) -> Item:
        """Return the item that ends at its own border, so that nothing of it leaks into another one's split."""
        return replace(self, mosaic=())


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that claims a format but is no item: broken, or of no use here.

    `failed` is True where a user must know (a broken file of a known format), False where it is merely not an image
    (a report, a localizer). `others` are the further files of what `path` stands for. With `copy` they belong beside
    the outputs: a run over a folder copies them, as they are, to the same place below its output folder.
    """

    path: Path
    reason: str
    failed: bool = True
    others: tuple[Path, ...] = ()
    copy: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that it stands for."""
        return (self.path, *self.others)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something understood about an item or an output.

    A `refusal` keeps the item from being processed, a `failure` keeps a staged output from appearing; `own` says that
    the item is an output of srkit, which a run over a folder passes over. `code` is the number of the line of the
    expectations that it speaks of, if any.
    """

    level: Literal["info", "own", "warning", "refusal", "failure"]
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a degradation, by name, with plain parameters.

    `function` is set where a plugin brings the step itself: it takes HR values ``(C, *spatial)`` in stored units,
    in grid axis order, with a margin of `margin` samples per axis (None: the whole axis), a random generator, and
    `parameters` by their names, ranges and choices being drawn; it returns the values degraded. A `random` one keeps
    the size, and is left out of the noise-free form. Among the steps of a ``one_of`` it stands as it is.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., Array] | None = None
    margin: tuple[int | None, ...] = ()
    random: bool = False


@dataclass(frozen=True, slots=True)
class Degradation:
    """How LR comes from HR: steps in order, in stored units, before normalisation; one of them downscales.

    With `decibel` the stored units are decibels, and the steps act on the power that they stand for.
    """

    steps: tuple[Step, ...]
    decibel: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """An item, or a window of it where one scene serves several splits."""

    item: Item
    window: Window | None = None


@runtime_checkable
class PatchSampler(Protocol):
    """Finds windows worth training on: no air, no nodata.

    A sampler may have one method more, `counted(window, block)`: which samples of a window, whose `block` was read,
    count in losses and figures, as ``(1, *spatial)`` bool, or None for all valid ones. The others stay in the images.
    """

    def draw(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        """Return an HR window inside `region`, and a frame. The same state of `rng` gives the same answer."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkFactory:
    """A named architecture. `build(**parameters)` makes it; parameters are plain values that JSON can hold."""

    name: str
    kind: Literal["generator", "discriminator"]
    build: Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class LossFactory:
    """A named loss. `build(**parameters)` returns a module that maps (sr, hr) in network range to a scalar."""

    name: str
    build: Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of merit. `compute(sr, hr, valid, data_range)` takes arrays in stored units, which are views.

    They are ``(C, row, column)``, or ``(C, slice, row, column)`` of volumes, in whatever order a file has its axes.

    Where `scaled` is set, it also takes ``scale``, the number of HR samples that an LR sample has along a scaled axis.
    One `on_request` takes long, or needs what not everybody has: it is computed where its name is asked for.
    """

    name: str
    compute: Callable[..., float]
    higher_is_better: bool = True
    scaled: bool = False
    on_request: bool = False

    def of(self, sr: Array, hr: Array, valid: BoolArray | None, data_range: float, scale: float) -> float:
        """Return the figure; `scale` is handed on to those that take it."""
        more = {"scale": scale} if self.scaled else {}
        return float(self.compute(sr, hr, valid, data_range, **more))


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model file that a plugin ships; what it is for, the file says itself."""

    path: Path
