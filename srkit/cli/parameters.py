"""Options that several commands share, spelt once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
DomainName = Annotated[
    str | None, typer.Option("--domain", metavar="NAME", help="Take items of this domain only (default: by content).")
]
ScaleText = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="S|R,C[,L]",
        help="Whole factor of rows and columns (2), or one each for rows, columns and slices (1,1,4).",
    ),
]
SpacingText = Annotated[
    str | None,
    typer.Option(
        "--spacing",
        metavar="D|R,C[,L]",
        help="Distance of samples, in mm or units of the CRS: of all axes (1.0), or of rows, columns and slices.",
    ),
]
Isotropic = Annotated[bool, typer.Option("--isotropic", help="All axes at the item's finest spacing.")]
InputPaths = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT", help="A file, a DICOM folder, or a folder tree of items; or several."),
]
InputPath = Annotated[Path, typer.Argument(metavar="INPUT", help="A file, a DICOM folder, or a folder tree of items.")]
