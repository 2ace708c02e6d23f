"""Every raster of the zoo, upscaled by repeating pixels, against what GDAL itself makes of it, field by field.

GDAL is another release than the wheel's. What it is known to get wrong or to lose (RPC offsets, units, own domains of
tags, masks inside the file) is compared with the source instead.
"""

import os
import shutil
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import zoo
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

import srkit

NO_TOOL = pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="needs GDAL's command line tools")
OLDER = {name: value for name, value in os.environ.items() if not name.startswith(("PROJ_", "GDAL_"))}
REFUSED = {
    "cut_half.tif": "of the file's blocks 33% can",
    "cut_header.tif": "broken TIFF file",
    "far_header.tif": "broken TIFF file",
    "huge.tif": "--force",
    "missing.vrt": "'gone.tif' is no file",
    "raw.vrt": "VRTRawRasterBand",
    "text.tif": "named like a TIFF file",
    "type_complex64.tif": "intensity image",
    "type_int64.tif": "more digits than a network keeps",
    "type_uint64.tif": "more digits than a network keeps",
    "zero.tif": "named like a TIFF file",
}
UNKNOWN_TO_OLDER = {"type_int8.tif"}
"""GDAL has signed bytes since 3.7."""

FALSE_ALARMS = {
    "jpeg.tif": {"read"},  # another libjpeg makes other colours of noise
    "photo.jpg": {"read"},
    "mixed.vrt": {"dtypes"},  # GDAL takes the first band's type
    "mask_and_nodata.tif": {"read"},  # the next line's, which GDAL does not do
}


@pytest.fixture(scope="module")
def park(tmp_path_factory):
    """The outputs of the zoo by the paths of their sources, and the reasons why the others have none, by name."""
    root = tmp_path_factory.mktemp("zoo")
    zoo.stock(root / "in")
    before = contents(root / "in")
    options = {"satellite": {"categorical": "nearest", "allow_vrt": True}}
    report = srkit.upscale(root / "in", root / "out", model="nearest", scale=2, domain="satellite", options=options)
    assert contents(root / "in") == before
    outputs = {result.path: result.output for result in report.results if result.status == "done"}
    reasons = {result.path.name: result.reason for result in report.results if result.status == "failed"}
    return SimpleNamespace(root=root, outputs=outputs, reasons=reasons)


MOVED = {
    "mask_and_nodata.tif": {"pixels"},  # what is valid by a mask and has the nodata value is moved off it
    "lines.img": {"ENVI"},  # describes its own file
    "wavelet.jp2": {"xml:gml.root-instance"},  # as does this
}
FIELDS = ("shape", "transform", "crs", "dtypes", "nodatavals", "descriptions", "scales", "offsets", "colorinterp")


def contents(folder):
    paths = [path for path in folder.iterdir() if path.name != "huge.tif"]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_what_cannot_be_treated_is_refused_in_a_sentence_and_the_rest_is_done(park):
    assert set(park.reasons) == set(REFUSED)
    for name, words in REFUSED.items():
        assert words in park.reasons[name]
    assert len(park.outputs) > 60
    written = {path.name for path in (park.root / "out").glob("*.tif")}
    assert written == {output.name for output in park.outputs.values()}


def test_every_output_is_its_source_with_more_pixels(park):
    different = {path.name: said for path, output in park.outputs.items() if (said := differences(path, output))}
    assert different == MOVED


def differences(path, output):
    """Return what of an output is not as its source has it, by the wheel's GDAL."""
    with opened(path) as before, opened(output) as after:
        found = {
            what
            for what in ("crs", "count", "descriptions", "scales", "offsets", "units")
            if differ(what, before, after)
        }
        found |= {"nodata"} if repr(before.nodatavals) != repr(after.nodatavals) else set()
        found |= {"mask flags"} if before.mask_flag_enums != after.mask_flag_enums else set()
        found |= {"rpc"} if moved_offsets(before.rpcs) != offsets(after.rpcs) else set()
        for band in before.indexes:
            for what, read in (("pixels", "read"), ("masks", "read_masks")):
                ours, theirs = (
                    getattr(after, read)(band),
                    getattr(before, read)(band).repeat(2, axis=0).repeat(2, axis=1),
                )
                found |= set() if np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f") else {what}
        for domain in set(before.tag_namespaces()) - {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "RPC"}:
            found |= set() if before.tags(ns=domain).items() <= after.tags(ns=domain).items() else {domain}
    return found


def offsets(rpcs):
    return None if rpcs is None else (rpcs.line_off, rpcs.samp_off)


def moved_offsets(rpcs):
    """Return where an RPC's offsets belong: its pixel 0 is a centre."""
    return None if rpcs is None else (2 * rpcs.line_off + 0.5, 2 * rpcs.samp_off + 0.5)


def differ(what, before, after):
    return getattr(before, what) != getattr(after, what)


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NodataShadowWarning")
@NO_TOOL
def test_another_gdal_makes_the_same_of_every_raster(park):
    judged = park.root / "judged"
    judged.mkdir()
    couples = [(p, o, judged / o.name) for p, o in park.outputs.items() if p.name not in UNKNOWN_TO_OLDER]
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip([path.name for path, _, _ in couples], pool.map(disagreements, couples), strict=True))
    assert {name: fields for name, fields in said.items() if fields} == FALSE_ALARMS


def disagreements(couple):
    """Return in which fields an output is not what GDAL's own tool makes of the source."""
    path, output, judge = couple
    command = ["gdal_translate", "-q", "-outsize", "200%", "200%", "-r", "nearest", str(path), str(judge)]
    subprocess.run(command, check=True, capture_output=True, env=OLDER)
    with opened(output) as ours, opened(judge) as theirs:
        found = {what for what in FIELDS if repr(getattr(ours, what)) != repr(getattr(theirs, what))}
        found |= {"points"} if places(ours) != places(theirs) else set()
        found |= {"mask flags"} if ours.mask_flag_enums != theirs.mask_flag_enums else set()
        found |= {key for key, value in theirs.tags().items() if ours.tags().get(key) != value}
        found |= {"colours"} if colours(ours) != colours(theirs) else set()
        for what in ("read", "read_masks"):
            made, right = getattr(ours, what)(), getattr(theirs, what)()
            found |= set() if np.array_equal(made, right, equal_nan=made.dtype.kind == "f") else {what}
    return found


def places(dataset):
    points, crs = dataset.gcps
    return [(p.row, p.col, p.x, p.y, p.z) for p in points], crs


def colours(dataset):
    return dataset.colormap(1) if dataset.colorinterp[0] == ColorInterp.palette else None
