"""The options of `srkit upscale`, a panel of its help each, and what they ask of the call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from srkit.cli.panels import Panel
from srkit.cli.parameters import AsJson, DomainName, Isotropic, ScaleText, SpacingText
from srkit.errors import UsageError


@dataclass(frozen=True)
class Output(Panel):
    """Where outputs go."""

    TITLE: ClassVar[str] = "Output"

    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUTPUT", help="The output file, or the folder of a folder's outputs."),
    ]
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="PATTERN", help="Names in an output folder, for instance '{stem}_x{scale}'."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False
    force: Annotated[bool, typer.Option("--force", help="Begin even if the disk may become full.")] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; tell what would be done, its size, memory and time.")
    ] = False


@dataclass(frozen=True)
class Size(Panel):
    """How large an output is, and what part of the input it shows."""

    TITLE: ClassVar[str] = "How large, and what part"

    scale: ScaleText = None
    spacing: SpacingText = None
    isotropic: Isotropic = False
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="R0:R1,C0:C1[,S0:S1]",
            help="Only these rows, columns (and slices) of the input, as the whole output has them.",
        ),
    ] = None
    bbox: Annotated[
        str | None,
        typer.Option(
            "--bbox", metavar="X0,Y0,X1,Y1", help="The same by coordinates in the item's CRS, grown to whole samples."
        ),
    ] = None


@dataclass(frozen=True)
class Model(Panel):
    """What enlarges which items."""

    TITLE: ClassVar[str] = "Model"

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model's name or file, or the interpolation nearest, bicubic, bspline or lanczos.",
        ),
    ] = None
    domain: DomainName = None
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands",
            metavar="LIST",
            help="Which channels of the image the model's are, in its order, by name or number, as 4,3,2.",
        ),
    ] = None
    bands_by_position: Annotated[
        bool, typer.Option("--bands-by-position", help="Take the first channels in their order, whatever their names.")
    ] = False
    extra_bands: Annotated[
        str,
        typer.Option(
            "--extra-bands",
            metavar="refuse|bicubic|drop",
            help="What becomes of image channels that the model does not take.",
        ),
    ] = "refuse"

    def asked(self) -> dict[str, Any]:
        """Return the options, channels as the call takes them. Raises UsageError where they are chosen twice."""
        if self.bands is not None and self.bands_by_position:
            raise UsageError("--bands and --bands-by-position exclude each other; give one of them")
        asked = super().asked()
        return {**asked, "bands": "position"} if asked.pop("bands_by_position") else asked


@dataclass(frozen=True)
class Fidelity(Panel):
    """How near an output stays to its input."""

    TITLE: ClassVar[str] = "Fidelity"

    consistency: Annotated[
        bool, typer.Option("--consistency", help="Make the output, degraded as the model declares, be the input again.")
    ] = False
    consistency_limit: Annotated[
        float | None,
        typer.Option(
            "--consistency-limit",
            metavar="SHARE",
            help="Fail where output and input disagree by more than this share of the input's spread, as 0.2.",
        ),
    ] = None
    strength: Annotated[
        float,
        typer.Option("--strength", metavar="0..1", help="The model's share in a mixture with bicubic interpolation."),
    ] = 1.0
    maps: Annotated[
        bool,
        typer.Option(
            "--maps",
            help="Write maps beside the output: of its disagreement with the input, of detail that nothing in the "
            "input hints at, and of the network's doubt.",
        ),
    ] = False


@dataclass(frozen=True)
class Machine(Panel):
    """What computes, and with how much memory."""

    TITLE: ClassVar[str] = "Machine"

    precision: Annotated[
        str,
        typer.Option("--precision", metavar="auto|fp32|bf16", help="auto takes bf16 where it is fast and harmless."),
    ] = "auto"
    backend: Annotated[
        str,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="What computes the network: auto (torch), onnxruntime or openvino; torch's own are plain, rewritten "
            "and fused.",
        ),
    ] = "auto"
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Budget for tiles, as 4G; by default a quarter of what is free."),
    ] = None
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", help="Treat N items of a folder at once, in processes of their own."),
    ] = 1
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Make the I-th of N shares; `srkit merge OUTPUT` joins them."),
    ] = None

    def asked(self) -> dict[str, Any]:
        """Return the options; what is srkit's own choice is asked by nobody."""
        return {**super().asked(), "backend": None if self.backend == "auto" else self.backend}


@dataclass(frozen=True)
class Runs(Panel):
    """What a run takes from earlier ones, and leaves to later ones."""

    TITLE: ClassVar[str] = "Many items, and runs that go on"

    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Skip items whose output the manifest knows as done; make anew what changed since.",
        ),
    ] = False
    again: Annotated[bool, typer.Option("--again", help="Enlarge srkit's own outputs in the input folder, too.")] = (
        False
    )
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE.jsonl",
            help="Where to write what became of each item; for a folder, srkit-manifest.jsonl in the output folder.",
        ),
    ] = None
    no_manifest: Annotated[bool, typer.Option("--no-manifest", help="Write no manifest.")] = False

    def asked_of(self, paths: list[Path]) -> dict[str, Any]:
        """Return the options for these inputs: a folder gets a manifest. Raises UsageError where both is said."""
        if self.manifest is not None and self.no_manifest:
            raise UsageError("--manifest and --no-manifest exclude each other; give one of them")
        asked, folder = self.asked(), len(paths) > 1 or paths[0].is_dir()
        unwanted = asked.pop("no_manifest")
        return {**asked, "manifest": self.manifest or (folder and not unwanted)}


@dataclass(frozen=True)
class Telling(Panel):
    """What is printed."""

    TITLE: ClassVar[str] = "Report"

    explain: Annotated[bool, typer.Option("--explain", help="Say how each item was computed, and why.")] = False
    json: AsJson = False
