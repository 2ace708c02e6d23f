"""What upscaling and inspection say about what they did: plain values, for printing and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from srkit.domain import Finding, Options
from srkit.upscaling.batch.identity import Trace
from srkit.upscaling.fidelity.agreement import Agreement
from srkit.upscaling.making.forecast import Forecast

Status = Literal["done", "planned", "failed", "skipped", "copied"]
PARTIAL = 4  # exit code of a run in which an item failed and others did not


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one item.

    `reason` says why an item failed, was skipped, or was copied as it is; `exit_code` is that of the failure alone.
    `output` is the file or folder that was written, or that is there already. `findings` are those of inspection, then
    of verification.
    `spacing` is that of the output's rows, columns and slices, where a spacing was asked for.
    `key` tells items of one path apart; `options` are the domain's. `trace` is there where a manifest is written.
    `consistency` says how far the output, degraded again, is its input; None where they cannot be compared.
    `maps` are the files with the maps of its residual and spread. `normalizer` says how values were mapped to the
    network's range, with the item's own numbers; `clipped` is how many samples the output's type could not hold.
    """

    path: Path
    domain: str
    status: Status
    output: Path | None = None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    exit_code: int = 0
    model: str = ""
    scale: str = ""
    spacing: tuple[float, ...] = ()
    route: str = ""
    key: str = ""
    model_sha256: str | None = None
    options: Options = field(default_factory=dict)
    trace: Trace | None = None
    forecast: Forecast | None = None
    consistency: Agreement | None = None
    maps: tuple[Path, ...] = ()
    normalizer: Mapping[str, Any] = field(default_factory=dict)
    clipped: int = 0


@dataclass(frozen=True, slots=True)
class UpscaleReport:
    """Results in the order of paths, how many files of no installed domain were passed over, and what else was written.

    `gathered` are files that speak of several outputs together.
    """

    results: tuple[ItemResult, ...]
    passed_over: int = 0
    gathered: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if nothing failed; the failures' own code where they share one and nothing was done; else 4."""
        codes = {result.exit_code for result in self.results if result.status == "failed"}
        if not codes:
            return 0
        done = any(result.status == "done" for result in self.results)
        return codes.pop() if len(codes) == 1 and not done else PARTIAL


@dataclass(frozen=True, slots=True)
class ItemInspection:
    """What is understood of one item without changing anything.

    `error` says why it cannot be read, `skipped` why it is passed over: no fault, but no image to enhance.
    `shape`, `spacing` and `roles` are in grid axis order (an empty role: none); `spacing` is in world units of
    `reference`. `can_scale` names the roles along which it can be scaled; `cannot_scale` holds the others with the
    reason.
    """

    path: Path
    domain: str
    files: int = 1
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    roles: tuple[str, ...] = ()
    reference: str | None = None
    channels: tuple[str, ...] = ()
    dtype: str = ""
    frames: int = 0
    can_scale: tuple[str, ...] = ()
    cannot_scale: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    error: str = ""
