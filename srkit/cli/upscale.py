"""`srkit upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srkit.allocator import tune_allocator
from srkit.cli.forecast import outline, print_forecast
from srkit.cli.parameters import AsJson, DomainName, InputPaths, Isotropic, ScaleText, SpacingText
from srkit.cli.printing import print_json, print_table, relative, say, shared_root, warn
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import session_of
from srkit.errors import UsageError

SAID = {"G12", "agreement"}  # what a window or box was taken for; why an output was not compared with its input

if TYPE_CHECKING:
    from srkit.upscaling.batch.report import ItemResult, UpscaleReport


def upscale(
    context: typer.Context,
    paths: InputPaths,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUTPUT", help="The output file, or the folder of a folder's outputs."),
    ],
    scale: ScaleText = None,
    spacing: SpacingText = None,
    isotropic: Isotropic = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model's name or file, or the interpolation nearest, bicubic, bspline or lanczos.",
        ),
    ] = None,
    domain: DomainName = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="PATTERN", help="Names in an output folder, for instance '{stem}_x{scale}'."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="R0:R1,C0:C1[,S0:S1]",
            help="Only these rows, columns (and slices) of the input, as the whole output has them.",
        ),
    ] = None,
    bbox: Annotated[
        str | None,
        typer.Option(
            "--bbox", metavar="X0,Y0,X1,Y1", help="The same by coordinates in the item's CRS, grown to whole samples."
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Make the I-th of N shares; `srkit merge OUTPUT` joins them."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; tell what would be done, its size, memory and time.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Begin even if the disk may become full.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Skip items whose output the manifest knows as done; make anew what changed since.",
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Enlarge srkit's own outputs in the input folder, too.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", help="Treat N items of a folder at once, in processes of their own."),
    ] = 1,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE.jsonl",
            help="Where to write what became of each item; for a folder, srkit-manifest.jsonl in the output folder.",
        ),
    ] = None,
    no_manifest: Annotated[bool, typer.Option("--no-manifest", help="Write no manifest.")] = False,
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands",
            metavar="LIST",
            help="Which channels of the image the model's are, in its order, by name or number, as 4,3,2.",
        ),
    ] = None,
    by_position: Annotated[
        bool, typer.Option("--bands-by-position", help="Take the first channels in their order, whatever their names.")
    ] = False,
    extra_bands: Annotated[
        str,
        typer.Option(
            "--extra-bands",
            metavar="refuse|bicubic|drop",
            help="What becomes of image channels that the model does not take.",
        ),
    ] = "refuse",
    consistency: Annotated[
        bool, typer.Option("--consistency", help="Make the output, degraded as the model declares, be the input again.")
    ] = False,
    consistency_limit: Annotated[
        float | None,
        typer.Option(
            "--consistency-limit",
            metavar="SHARE",
            help="Fail where output and input disagree by more than this share of the input's spread, as 0.2.",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option("--strength", metavar="0..1", help="The model's share in a mixture with bicubic interpolation."),
    ] = 1.0,
    maps: Annotated[
        bool, typer.Option("--maps", help="Write maps of disagreement with the input and of the network's spread.")
    ] = False,
    precision: Annotated[
        str,
        typer.Option("--precision", metavar="auto|fp32|bf16", help="auto takes bf16 where it is fast and harmless."),
    ] = "auto",
    backend: Annotated[
        str,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="What computes the network: auto (torch), onnxruntime or openvino; torch's own are plain, rewritten "
            "and fused.",
        ),
    ] = "auto",
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Budget for tiles, as 4G; by default a quarter of what is free."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say how each item was computed, and why.")] = False,
    json: AsJson = False,
) -> None:
    """Enlarge images, volumes and scenes; a folder in gives a folder out.

    Every output is read back and verified before it appears under its name.

    Detail that a network adds is plausible, not measured.
    """
    from srkit.api import upscale as job

    tune_allocator()
    session = session_of(context)
    with progress_on_stderr("upscaling") as progress:
        report = job(
            paths,
            out,
            scale=scale,
            spacing=spacing,
            isotropic=isotropic,
            model=model,
            domain=domain,
            name=name,
            overwrite=overwrite,
            window=window,
            bbox=bbox,
            shard=shard,
            dry_run=dry_run,
            force=force,
            resume=resume,
            skip_existing=skip_existing,
            again=again,
            workers=workers,
            manifest=_manifest(paths, manifest, no_manifest),
            options=session.options(domain),
            plugins=session.plugins,
            progress=progress,
            precision=precision,
            backend=None if backend == "auto" else backend,
            memory=memory,
            bands=_bands(bands, by_position),
            extra_bands=extra_bands,
            consistency=consistency,
            consistency_limit=consistency_limit,
            strength=strength,
            maps=maps,
        )
    print_report(report, shared_root(paths), json)
    if explain:
        _print_routes(report)
    raise typer.Exit(report.exit_code)


def _bands(given: str | None, by_position: bool) -> str | None:
    if given is not None and by_position:
        from srkit.errors import UsageError

        raise UsageError("--bands and --bands-by-position exclude each other; give one of them")
    return "position" if by_position else given


def _manifest(paths: list[Path], wanted: Path | None, unwanted: bool) -> Path | bool:
    if wanted is not None and unwanted:
        raise UsageError("--manifest and --no-manifest exclude each other; give one of them")
    return wanted or ((len(paths) > 1 or paths[0].is_dir()) and not unwanted)


def print_report(report: UpscaleReport, root: Path, json: bool) -> None:
    """Print what became of each item."""
    if json:
        print_json(_as_json(report))
        return
    if len(report.results) == 1:
        _print_one(report.results[0])
    elif report.results:
        _print_many(report, root)
    for path in report.gathered:
        print(f"{path}  (all outputs together)")
    if report.passed_over:
        say(f"{report.passed_over} file(s) of no installed domain were passed over")


def _as_json(report: UpscaleReport) -> dict[str, object]:
    """Return a report as it is printed as JSON."""
    return {
        "results": report.results,
        "passed_over": report.passed_over,
        "gathered": report.gathered,
        "exit_code": report.exit_code,
    }


def _print_one(result: ItemResult) -> None:
    _print_warnings(result, "")
    for finding in result.findings:
        if finding.level == "info" and finding.code in SAID:
            say(finding.text)
    if result.forecast is not None:
        print_forecast(result)
        return
    if result.status == "done" and result.reason:
        print(result.reason)
        return
    if result.status == "done":
        scale = f"x{result.scale}" + ("" if not result.spacing else f", {_spacing(result)} apart")
        print(f"{result.output}  ({result.domain}, {scale}, {result.model}, {result.seconds:.1f} s)")
        if result.consistency is not None:
            say(result.consistency.sentence())
        for chart in result.maps:
            print(chart)
        return
    place = "" if str(result.path) in result.reason else f"{result.path}: "
    say(f"{'error: ' if result.status == 'failed' else 'skipped: '}{place}{result.reason}")


def _spacing(result: ItemResult) -> str:
    return " x ".join(f"{spacing:.6g}" for spacing in result.spacing)


def _print_many(report: UpscaleReport, root: Path) -> None:
    for result in report.results:
        _print_warnings(result, f"{relative(result.path, root)}: ")
    rows = [
        [relative(r.path, root), r.domain, r.status, outline(r) or r.reason or str(r.output or ""), f"{r.seconds:.1f}"]
        for r in report.results
    ]
    print_table(["item", "domain", "status", "output or reason", "s"], rows)
    made = "planned" if any(r.status == "planned" for r in report.results) else "done"
    counts = {status: sum(r.status == status for r in report.results) for status in (made, "failed", "skipped")}
    print(", ".join(f"{number} {status}" for status, number in counts.items()))


def _print_warnings(result: ItemResult, place: str) -> None:
    for finding in result.findings:
        if finding.level in ("warning", "own"):
            warn(place + finding.text)


def _print_routes(report: UpscaleReport) -> None:
    """Say each route once, on stderr, with the first item that took it."""
    told: set[str] = set()
    for result in report.results:
        if result.route and result.route not in told:
            told.add(result.route)
            lines = result.route.replace("\n", "\n  ")
            say(f"{result.path.name}: {lines}")
