"""What stands beside a volume: its description as BIDS and dcm2niix write it, a JSON file."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from srkit_medical.nifti.names import stem_of

logger = logging.getLogger(__name__)

LARGEST = 16 << 20


def sidecar_of(volume: Path, suffix: str) -> Path:
    """Return where the side file of a volume would stand."""
    return volume.with_name(stem_of(volume) + suffix)


def read_description(volume: Path) -> dict[str, Any]:
    """Return the BIDS description beside a volume, empty if there is none that can be read."""
    path = sidecar_of(volume, ".json")
    try:
        if path.is_file() and path.stat().st_size <= LARGEST:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
            return content if isinstance(content, dict) else {}
    except (OSError, ValueError, RecursionError):
        logger.warning("%s is not readable as JSON and is passed over", path)
    return {}
