"""`srkit doctor`: what is installed, which plugin answers what, which judges and models can be found."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from srkit import __version__
from srkit.cli.plugins import plugin_facts
from srkit.cli.printing import print_json, print_table
from srkit.cli.session import Session, session_of
from srkit.errors import PluginError

LIBRARIES = ("torch", "numpy", "safetensors", "monai", "nibabel", "pydicom", "rasterio", "tifffile", "pillow")
EXTRAS = ("onnx", "onnxruntime", "openvino", "spandrel", "torchvision")
JUDGES = {"dciodvfy": "dicom3tools", "dcm2niix": "dcm2niix", "nifti_tool": "nifti-bin", "gdalinfo": "gdal-bin"}
VARIABLES = ("SRKIT_PLUGINS", "SRKIT_MODELS", "SRKIT_DATA", "SOURCE_DATE_EPOCH")


def doctor(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False
) -> None:
    """Show what srkit finds on this machine, and who answers each verb. Exit code 5 if a plugin is ill."""
    facts = _facts(session_of(context))
    if json:
        print_json(facts)
    else:
        _print(facts)
    if facts["plugins"]["failed"] or facts["problems"]:
        raise typer.Exit(PluginError.exit_code)


def _facts(session: Session) -> dict[str, Any]:
    from srkit import hookspecs
    from srkit.plugins import domains

    plugins = session.plugins
    problems = []
    try:
        domains(plugins)
    except PluginError as error:
        problems.append(str(error))
    verbs = [name for name in vars(hookspecs) if name.startswith("srkit_")]
    return {
        "srkit": __version__,
        "python": platform.python_version(),
        "machine": _machine(),
        "libraries": {name: _version(name) for name in (*LIBRARIES, *EXTRAS)},
        "plugins": plugin_facts(plugins),
        "verbs": {verb: plugins.answering(verb) for verb in verbs},
        "problems": problems,
        "judges": {tool: {"package": package, "path": shutil.which(tool)} for tool, package in JUDGES.items()},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    import torch

    from srkit.networks.post_ops import fusing_works
    from srkit.upscaling.routing.memory import default_budget
    from srkit.upscaling.routing.precision import has_fast_bf16
    from srkit.upscaling.routing.trial import speeds

    device = "cuda" if torch.cuda.is_available() else "cpu"
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "bf16": has_fast_bf16(device),
        "speeds": speeds() if device == "cpu" else {},
        "fused": device == "cpu" and fusing_works(2, torch.float32),
        "device": device,
        "budget": default_budget(device),
        "gpus": gpus,
    }


def _speeds(found: Mapping[str, float]) -> str:
    """Return the speeds of a trial in words, the fastest way first."""
    ways = sorted(found, key=lambda way: -found[way])
    return ", ".join(f"{way} {found[way]:.2g}x" for way in ways) or "nothing"


def _print(facts: dict[str, Any]) -> None:
    machine = facts["machine"]
    print_table(
        ["what", "found"],
        [
            ["srkit", facts["srkit"]],
            ["Python", facts["python"]],
            ["machine", f"{machine['system']}, {machine['threads']} threads, {machine['cpu']}"],
            ["bf16 in hardware", "yes" if machine["bf16"] else "no"],
            ["fused convolutions", "yes" if machine["fused"] else "no"],
            ["tried once here", _speeds(machine["speeds"])],
            ["networks run on", f"{machine['device']}, tiles within {machine['budget'] / 2**30:.3g} GiB"],
            ["GPU", ", ".join(machine["gpus"]) or "none"],
            *([name, found or "not installed"] for name, found in facts["libraries"].items()),
            *([name, value or "(empty)"] for name, value in facts["environment"].items()),
        ],
        title="This machine",
    )
    rows = [[p["name"], p["version"], ", ".join(p["domains"]), p["origin"]] for p in facts["plugins"]["loaded"]]
    rows += [[p["name"], "left out", "", f"{p['origin']}: {p['reason']}"] for p in facts["plugins"]["failed"]]
    print_table(["plugin", "version", "domains", "origin"], rows, title="Plugins")
    rows = [[verb, " → ".join(names) or "nobody"] for verb, names in facts["verbs"].items()]
    print_table(["verb", "asked in this order"], rows, title="Who answers")
    judges = facts["judges"].items()
    rows = [[tool, j["path"] or f"not there (Debian package {j['package']})"] for tool, j in judges]
    print_table(["judge", "found"], rows, title="Outside judges, for tests")
    for problem in facts["problems"]:
        print(f"problem: {problem}")
