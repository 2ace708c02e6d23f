"""The recipes that come with srkit, by name: `configs/` of a checkout, or the copy inside the installed package."""

from __future__ import annotations

from pathlib import Path

import srkit
from srkit.errors import RecipeError, nearest_known

SUFFIX = ".yaml"


def recipe_folders() -> list[Path]:
    """Return the folders with recipes that exist, the user's own ``configs/`` first."""
    package = Path(srkit.__file__).parent
    candidates = [Path("configs"), package / "configs", package.parent / "configs"]
    return [folder for folder in candidates if folder.is_dir()]


def find_recipe(name: str | Path) -> Path:
    """Return the path of a recipe: `name` itself if it is a file, else that of a recipe of this name.

    Raises RecipeError with the known names.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = {found.stem: found for folder in reversed(recipe_folders()) for found in sorted(folder.glob(f"*{SUFFIX}"))}
    if str(name) in known:
        return known[str(name)]
    hint = nearest_known(str(name), known) or (f"; known are {', '.join(sorted(known))}" if known else "")
    raise RecipeError(f"no recipe file {name}, and none of that name{hint}")
