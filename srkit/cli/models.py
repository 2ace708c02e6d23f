"""`srkit models`: the models at hand, what one says about itself, as a file for others, and from others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srkit.cli.printing import print_json, print_table, say
from srkit.cli.session import session_of
from srkit.errors import InputError, ModelError, UsageError, nearest_known

if TYPE_CHECKING:
    from srkit.models.info import ModelInfo
    from srkit.models.shelf import ShelfEntry

app = typer.Typer(help="Show the models at hand, give them away, and bring in public ones.", no_args_is_help=True)
TOLD = 1000  # characters of a value; foreign networks are described tensor by tensor
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback()
def models() -> None:
    """Show the models at hand, give them away, and bring in public ones."""


@app.command("list")
def list_(context: typer.Context, json: AsJson = False) -> None:
    """List the models in your folders (SRKIT_MODELS, ~/.local/share/srkit/models) and those of plugins."""
    from srkit.models.shelf import list_models, shelf_folders

    entries = list_models(session_of(context).plugins)
    if json:
        print_json({"models": [_facts(entry) for entry in entries], "folders": shelf_folders()})
        return
    if not entries:
        folders = " or ".join(str(folder) for folder in shelf_folders())
        print(f"no models at hand; `srkit train` makes one, and files put into {folders} are found")
        return
    print_table(
        ["model", "domain", "scale", "channels", "network", "kind", "origin", "file"],
        [_row(entry) for entry in entries],
    )


def _row(entry: ShelfEntry) -> list[object]:
    if entry.info is None:
        return [entry.name, "", "", "", "", f"unusable: {entry.problem}", entry.origin, entry.path]
    info = entry.info
    kind = "perceptual" if info.perceptual else "fidelity"
    return [info.name, info.domain, info.scale, info.channels, info.network, kind, entry.origin, entry.path]


def _facts(entry: ShelfEntry) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": entry.name, "path": entry.path, "origin": entry.origin}
    if entry.info is None:
        return {**facts, "problem": entry.problem}
    info = entry.info
    return {
        **facts,
        "domain": info.domain,
        "scale": str(info.scale),
        "channels": info.channels,
        "network": info.network,
        "perceptual": info.perceptual,
    }


@app.command("show")
def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its file.")],
    json: AsJson = False,
) -> None:
    """Show what a model says about itself: network, scale, normaliser, degradation, card."""
    from srkit.models.shelf import list_models

    path, info = _found(model, list_models(session_of(context).plugins))
    if json:
        print_json({"path": path, **_description(info)})
        return
    rows = [
        [name, _shortened(_text(value))]
        for name, value in _description(info).items()
        if name not in ("card", "training")
    ]
    print_table(["what", "value"], [["file", path], *rows])
    print(info.card)


@app.command("export")
def export(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its file.")],
    to: Annotated[str, typer.Option("--to", metavar="onnx", help="The format; onnx is the one there is.")],
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json: AsJson = False,
) -> None:
    """Write a model's network for other programs, and check that it computes the same there.

    Such a file maps network range to network range; normalising, tiling and georeferencing are srkit's.
    """
    from srkit.models.file import load_model
    from srkit.models.shelf import list_models
    from srkit.upscaling.routing.exporting import export_onnx

    if to != "onnx":
        raise UsageError(f"no format {to!r} to export to (known: onnx)")
    plugins = session_of(context).plugins
    path, _ = _found(model, list_models(plugins))
    exported = export_onnx(load_model(path, plugins), file, overwrite=overwrite)
    if json:
        print_json(exported)
        return
    print(f"{exported.path}  (ONNX, opset {exported.opset}, within {exported.deviation:.1g} of the range of torch)")
    multiple = f", lengths in multiples of {exported.multiple_of}" if exported.multiple_of > 1 else ""
    print(f"{', '.join(exported.input)} -> {', '.join(exported.output)}{multiple}")


@app.command("pack")
def pack(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its file.")],
    file: Annotated[Path, typer.Argument(help="The model file to write.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What it shall be called (default: as its file).")
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", metavar="FILE", help="Markdown to put into the model as its card.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a model for other people: weights as float16, your card, no paths of this machine.

    Says what else should be mended before it is given away.
    """
    from srkit.models.file import load_model
    from srkit.models.packing import STORED, pack_model, shipping_problems
    from srkit.models.shelf import list_models

    plugins = session_of(context).plugins
    path, _ = _found(model, list_models(plugins))
    text = None if card is None else _text_of(card)
    info = pack_model(load_model(path, plugins), file, name=name or file.stem, card=text, overwrite=overwrite)
    strays = info.precision.get(STORED)
    told = f"float16 makes it stray by {strays['rms']} % of its range" if strays else "what float16 costs is not known"
    print(f"{file}  ({file.stat().st_size:,} bytes; {told})")
    for problem in shipping_problems(file, plugins):
        say(f"warning: {file} {problem}")


def _text_of(card: Path) -> str:
    try:
        return card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"card {card} cannot be read; give a text file in UTF-8") from error


@app.command("import")
def import_(
    context: typer.Context,
    weights: Annotated[Path, typer.Argument(help="A public file: .pth or .safetensors.")],
    file: Annotated[Path, typer.Argument(help="The model file to write.")],
    domain: Annotated[str, typer.Option("--domain", metavar="NAME", help="What it shall be used for.")] = "photo",
    fidelity: Annotated[
        bool, typer.Option("--fidelity", help="It was trained for fidelity (a PSNR model), not for looks.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Make a model of public weights: RRDBNet of ESRGAN and Real-ESRGAN (x4), and what the package spandrel knows.

    spandrel (`pip install 'srkit[spandrel]'`) knows SwinIR, HAT, DAT, SPAN, Compact, RealPLKSR and others.
    No code of the file runs. Put the model into a folder of `srkit models list`, or name it with --model.
    """
    from srkit.models.foreign import import_model

    plugins = session_of(context).plugins
    info = import_model(weights, file, plugins, domain=domain, perceptual=not fidelity, overwrite=overwrite)
    kind = "perceptual" if info.perceptual else "fidelity"
    network = info.parameters.get("architecture", info.network)
    print(f"{file}  ({network}, x{info.scale}, {info.channels} channels, {kind})")


def _found(model: str, entries: Sequence[ShelfEntry]) -> tuple[Path, ModelInfo]:
    from srkit.models.file import read_info

    if Path(model).is_file():
        return Path(model), read_info(Path(model))
    for entry in entries:
        if entry.name == model:
            return entry.path, entry.info or read_info(entry.path)  # reading again raises what is wrong with it
    known = sorted({entry.name for entry in entries})
    hint = nearest_known(model, known)
    raise ModelError(f"no model named {model!r} and no file of that path{hint}; see `srkit models list`")


def _description(info: ModelInfo) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(info), "scale": str(info.scale)}


def _shortened(text: str) -> str:
    return text if len(text) <= TOLD else f"{text[:TOLD].rstrip()} … (all of it: --json)"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {entry}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(entry) for entry in value)
    return str(value)
