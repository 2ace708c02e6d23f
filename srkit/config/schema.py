"""The JSON schema of recipe files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from srkit.config.recipe import Recipe


def recipe_schema() -> dict[str, Any]:
    """Return the schema of a recipe's file (JSON Schema 2020-12).

    Nothing is required of a file: what it leaves out comes from its domain, the command line, or the defaults.
    """
    schema = _without_required(Recipe.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_required(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_required(value) for key, value in content.items() if key != "required"}
    if isinstance(content, list):
        return [_without_required(value) for value in content]
    return content
