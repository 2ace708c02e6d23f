"""The domains `mri`, `ct` and `pet`: their options and recipe defaults. Light: imports no format library."""

from __future__ import annotations

from typing import Any

from srkit.domain import Domain, Option

NIFTI_OPTIONS = (
    Option("label", bool, False, "treat every item as a label map: labels are repeated, never sent through a network"),
    Option(
        "use",
        str,
        "auto",
        "which NIfTI form says where voxels lie (auto: sform if its code is above 0, else qform)",
        choices=("auto", "sform", "qform"),
    ),
    Option("deshear", bool, False, "resample NIfTI volumes with sheared axes (a tilted gantry) onto right angles"),
    Option("per_component", bool, False, "treat the components of a vector or tensor volume one by one"),
    Option(
        "assume_scanner", bool, False, "take a NIfTI file without orientation as scanner coordinates (writes code 1)"
    ),
    Option(
        "keep_extensions",
        bool,
        False,
        "keep NIfTI extensions with DICOM headers and comments (they may name a patient)",
    ),
)

DICOM_OPTIONS = (
    Option(
        "to", str, "same", "format of what comes from DICOM: the same, or a NIfTI volume", choices=("same", "nifti")
    ),
    Option("keep_private", bool, False, "keep private DICOM attributes (they may name a patient or hold old geometry)"),
    Option("series_number_offset", int, 9000, "what is added to SeriesNumber in a derived DICOM series"),
    Option(
        "compress",
        str,
        "none",
        "how pixels of DICOM outputs are compressed, always without loss",
        choices=("none", "rle", "jpegls", "j2k"),
    ),
    Option("fill", bool, False, "interpolate DICOM slices that are missing, where holes are of whole steps"),
    Option("accept_burned_in", bool, False, "treat DICOM images with burned-in text as well; a network distorts text"),
)

SELECTING_OPTIONS = (
    Option(
        "only_description",
        str,
        "",
        "pass over what does not match this regular expression in its SeriesDescription (in any case of letters)",
        selects=True,
    ),
    Option(
        "only_image_type",
        str,
        "",
        "pass over what has not all of these values in its ImageType, as ORIGINAL,PRIMARY",
        selects=True,
    ),
    Option("only_pixel_spacing", str, "", "pass over pixels not so many mm apart, as 0.3:1 or :1", selects=True),
    Option("only_slice_spacing", str, "", "pass over slices not so many mm apart, as 3:8 or 3:", selects=True),
    Option("min_slices", int, 1, "pass over volumes of fewer slices", selects=True),
    Option(
        "include_derived",
        bool,
        False,
        "treat projections (MIP), reformatted volumes (MPR) and calculated maps (ADC, FA) as well",
        selects=True,
    ),
    Option(
        "copy_others",
        bool,
        False,
        "copy DICOM files that are passed over (localizers, reports, maps) to their place in the output tree",
        selects=True,
    ),
)

OPTIONS = (*NIFTI_OPTIONS, *DICOM_OPTIONS, *SELECTING_OPTIONS)

_TRAINING: dict[str, Any] = {
    "scale": 2,
    "network": {"name": "srresnet", "parameters": {"features": 32, "blocks": 6, "skip": "bicubic"}},
    "data": {"batch": 16},
}
MRI_TRAINING = {**_TRAINING, "normalizer": {"kind": "percentile", "low": 0.5, "high": 99.5}}
CT_TRAINING = {**_TRAINING, "normalizer": {"kind": "window", "low": -1024.0, "high": 3071.0, "blend": 50.0}}
PET_TRAINING = {**_TRAINING, "normalizer": {"kind": "activity"}}

DOMAINS = (
    Domain("mri", "Magnetic resonance images", OPTIONS, fidelity_first=True, training=MRI_TRAINING),
    Domain("ct", "Computed tomography images", OPTIONS, fidelity_first=True, training=CT_TRAINING),
    Domain("pet", "Positron emission tomography images", OPTIONS, fidelity_first=True, training=PET_TRAINING),
)
NAMES = tuple(domain.name for domain in DOMAINS)
