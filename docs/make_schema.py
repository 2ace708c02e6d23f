"""Writes configs/recipe.schema.json, for editors of recipes: `python docs/make_schema.py`; `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from srkit.config import recipe_schema

PAGE = Path(__file__).parents[1] / "configs" / "recipe.schema.json"


def main() -> int:
    """Write the schema, or say whether it is current."""
    text = json.dumps(recipe_schema(), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
