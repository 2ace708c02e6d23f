"""Tells label maps from images. A label map is repeated, never interpolated; an image mistaken for one stays coarse.

So content alone never decides: a word in the file name or the intent code must say it first.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from srkit_medical.nifti.header import VolumeHeader
from srkit_medical.nifti.names import stem_of

LABEL_INTENT = 1002
MOST_LABELS = 256
WORDS = re.compile(
    r"(?<![a-z])(labels?|dseg|seg|segm|segmentation|masks?|aseg|aparc|wmparc|parc|parcellation|roi|atlas_labels)(?![a-z])"
)
ALIKE = 0.8
"""Share of neighbours inside regions that are equal; measured: 0.93 to 0.99 in label maps, below 0.2 in images."""


def is_label_map(header: VolumeHeader, voxels: npt.NDArray[Any], *, asked: bool) -> bool:
    """Tell whether the voxels are labels.

    They are if `asked` or the intent code says so, or if the file name has such a word and the voxels are whole numbers
    of few distinct values or in wide plateaus.
    """
    if asked or (header.kind != "mgh" and int(header.fields["intent_code"]) == LABEL_INTENT):
        return True
    if not WORDS.search(stem_of(header.path).lower().replace("_", " ")) or header.slope != 1.0:
        return False
    return _holds_labels(voxels)


def _holds_labels(voxels: npt.NDArray[Any]) -> bool:
    distinct: set[float] = set()
    alike = inside = 0
    for index in range(voxels.shape[-2]):
        plane = np.asarray(voxels[..., index, 0])
        if plane.dtype.kind == "f" and not (plane == np.rint(plane)).all():  # NaN is unequal to itself as well
            return False
        distinct.update(np.unique(plane).tolist())
        same = (plane[1:] == plane[:-1]) & (plane[1:] != 0)
        alike, inside = alike + int(same.sum()), inside + int((plane[1:] != 0).sum())
    return len(distinct) <= MOST_LABELS or alike > ALIKE * inside
