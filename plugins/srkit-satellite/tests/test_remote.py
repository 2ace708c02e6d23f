"""Rasters behind an address, served on this machine."""

import json
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rasterio
from affine import Affine
from srkit_satellite.remote import SETTINGS

from srkit.cli.app import run

UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}


class Served(BaseHTTPRequestHandler):
    """Files by ranges, as object stores serve them; `asked` holds what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, *, body):
        self.server.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.server.stumbles and (self.command, self.path, self.headers.get("Range")) not in self.server.stumbled:
            self.server.stumbled.add(self.server.asked[-1])
            self.refuse(503)
            return
        data = self.server.content.get(self.path.partition("?")[0])
        allowed = data is not None and self.server.secret in self.path
        if not allowed:
            self.refuse(404 if data is None else 403)
            return
        start, stop = 0, len(data)
        given = self.headers.get("Range") if self.server.in_parts else None
        if given:
            first, _, last = given.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(len(data), int(last) + 1 if last else len(data))
        self.send_response(206 if given else 200)
        if given:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Accept-Ranges", "bytes" if self.server.in_parts else "none")
        if self.server.marked:
            self.send_header("ETag", f'"{zlib.crc32(data):x}"')
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if body:
            self.wfile.write(data[start:stop])

    def refuse(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Return a context that serves named bytes to those who know `secret`; it yields address and what was asked."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    @contextmanager
    def serving(content, secret="", *, marked=True, in_parts=True, stumbles=False):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
        server.content = {f"/{name}": data for name, data in content.items()}
        server.secret, server.asked, server.marked, server.in_parts = secret, [], marked, in_parts
        server.stumbles, server.stumbled = stumbles, set()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return serving


@pytest.fixture
def scene(make):
    values = np.random.default_rng(0).integers(1, 5000, (2, 300, 260)).astype(np.uint16)
    values[:, :40, :40] = 0
    return make("scene.tif", values, nodata=0, tiled=True, blockxsize=64, blockysize=64, compress="deflate", **UTM)


def test_raster_at_an_address_becomes_what_the_local_file_becomes(scene, serve, tmp_path, capsys):
    assert run(["upscale", str(scene), "-o", str(tmp_path / "local.tif"), "--model", "bicubic"]) == 0
    with serve({"data/scene.tif": scene.read_bytes()}) as (address, _):
        for prefix in ("", "/vsicurl/"):
            out = tmp_path / f"out{len(prefix)}"
            arguments = ["upscale", f"{prefix}{address}/data/scene.tif", "-o", str(out), "--model", "bicubic"]
            assert run([*arguments, "--allow-remote"]) == 0, capsys.readouterr().err
            with rasterio.open(out / "scene.tif") as there, rasterio.open(tmp_path / "local.tif") as here:
                np.testing.assert_array_equal(there.read(), here.read())
                assert there.profile == here.profile
                differing = {key for key in here.tags() if here.tags()[key] != there.tags().get(key)}
                assert differing == {"SRKIT_SOURCE_SHA256"}


def test_without_the_word_nothing_is_asked_of_another_machine(scene, serve, tmp_path, capsys):
    with serve({"scene.tif": scene.read_bytes()}) as (address, asked):
        assert run(["upscale", f"{address}/scene.tif", "-o", str(tmp_path / "out.tif"), "--model", "nearest"]) == 4
        assert asked == []
    assert "--allow-remote" in capsys.readouterr().err
    assert not (tmp_path / "out.tif").exists()


def test_only_pieces_are_read(scene, serve, tmp_path):
    with serve({"scene.tif": scene.read_bytes()}) as (address, asked):
        assert run(["inspect", f"{address}/scene.tif", "--allow-remote"]) == 0
        gets = [pieces for command, path, pieces in asked if command == "GET" and path == "/scene.tif"]
        assert all(gets)


def test_a_server_that_fails_once_is_asked_again(scene, serve, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("srkit_satellite.remote.DELAY", 0.01)
    monkeypatch.setitem(SETTINGS, "GDAL_HTTP_RETRY_DELAY", "0.01")
    with serve({"scene.tif": scene.read_bytes()}, stumbles=True) as (address, asked):
        arguments = ["--scale", "2", "--model", "bicubic", "--allow-remote", "--out", str(tmp_path / "out.tif")]
        assert run(["upscale", f"{address}/scene.tif", *arguments]) == 0, capsys.readouterr().err
    assert len(asked) > len(set(asked)) > 0
    with rasterio.open(tmp_path / "out.tif") as found, rasterio.open(scene) as given:
        assert found.shape == tuple(2 * n for n in given.shape)


def test_query_and_user_enter_no_name_no_tag_and_no_message(scene, serve, tmp_path, capsys):
    broken = scene.read_bytes()[:60000]
    with serve({"scene.tif": scene.read_bytes(), "broken.tif": broken}, secret="sig=TOPSECRET") as (address, _):
        signed = address.replace("http://", "http://somebody:PASSWORD@") + "/{}?sig=TOPSECRET&x=a/b"
        out = tmp_path / "out"
        assert (
            run(
                [
                    "upscale",
                    signed.format("scene.tif"),
                    "-o",
                    str(out),
                    "--model",
                    "nearest",
                    "--allow-remote",
                    "--json",
                ]
            )
            == 0
        )
        assert (
            run(["upscale", signed.format("broken.tif"), "-o", str(out), "--model", "nearest", "--allow-remote"]) == 4
        )
        assert run(["upscale", address + "/scene.tif?sig=OTHERSECRET", "-o", str(out), "--allow-remote"]) == 4
        assert run(["inspect", signed.format("gone.tif"), "--allow-remote"]) == 4
    told = "".join(capsys.readouterr())
    held = b"".join(path.read_bytes() for path in out.rglob("*"))
    for secret in ("SECRET", "PASSWORD", "somebody"):
        assert secret not in told
        assert secret.encode() not in held
    assert [path.name for path in out.iterdir()] == ["scene.tif"]
    assert "HTTP 403" in told
    assert "HTTP 404" in told


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("map.tif", b"<VRTDataset rasterXSize='1' rasterYSize='1'/>", "no GeoTIFF"),
        ("page.tif", b"<html>sign in</html>", "no GeoTIFF"),
        ("empty.tif", b"", "no GeoTIFF"),
        ("cut.tif", b"II*\0\x08\0\0\0\0\0\0\0", "cannot be opened"),
    ],
)
def test_anything_but_a_geotiff_is_refused(serve, tmp_path, capsys, name, content, word):
    with serve({name: content}) as (address, _):
        assert run(["upscale", f"{address}/{name}", "-o", str(tmp_path / "out"), "--allow-remote"]) == 4
    assert word in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("suffix", "content"), [(".msk", b"II*\0more"), (".aux.xml", b"<PAMDataset></PAMDataset>")])
def test_side_files_are_noticed_and_not_left_out_in_silence(scene, serve, tmp_path, capsys, suffix, content):
    with serve({"scene.tif": scene.read_bytes(), f"scene.tif{suffix}": content}) as (address, _):
        assert run(["upscale", f"{address}/scene.tif", "-o", str(tmp_path / "o.tif"), "--allow-remote"]) == 4
    assert suffix in capsys.readouterr().err


def test_a_broken_raster_elsewhere_is_not_searched_through(scene, serve, tmp_path, capsys):
    with serve({"scene.tif": scene.read_bytes()[:60000]}) as (address, asked):
        arguments = ["upscale", f"{address}/scene.tif", "-o", str(tmp_path / "o.tif"), "--model", "nearest"]
        assert run([*arguments, "--allow-remote"]) == 4
        told = " ".join(capsys.readouterr().err.split())
        assert run([*arguments, "--allow-remote", "--salvage"]) == 2
    assert "is the network up?" in told
    assert "fetch it first" in " ".join(capsys.readouterr().err.split())
    assert len(asked) < 60


def test_machine_that_does_not_answer_is_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert run(["upscale", "http://127.0.0.1:9/x.tif", "-o", str(tmp_path / "o.tif"), "--allow-remote"]) == 4
    assert "cannot be reached" in capsys.readouterr().err


def test_shards_of_an_address_become_the_output_of_the_file(scene, serve, tmp_path, capsys):
    whole, out = tmp_path / "whole.tif", tmp_path / "out.tif"
    with serve({"scene.tif": scene.read_bytes()}) as (address, _):
        arguments = ["upscale", f"{address}/scene.tif", "--model", "bicubic", "--allow-remote", "-o"]
        assert run([*arguments, str(whole)]) == 0
        for number in (1, 2, 3):
            assert run([*arguments, str(out), "--shard", f"{number}/3"]) == 0, capsys.readouterr().err
        assert run(["merge", str(out)]) == 0, capsys.readouterr().err
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.tif", "whole.tif"]


def test_shards_of_what_has_changed_since_are_not_joined(scene, serve, tmp_path, capsys):
    out, content = tmp_path / "out.tif", {"scene.tif": scene.read_bytes()}
    with serve(content) as (address, _):
        arguments = ["upscale", f"{address}/scene.tif", "--model", "nearest", "--allow-remote", "-o", str(out)]
        assert run([*arguments, "--shard", "1/2"]) == 0
    other = content["scene.tif"][:-1] + b"\0"
    with serve({"scene.tif": other}) as (moved, _):
        assert run([argument.replace(address, moved) for argument in arguments] + ["--shard", "2/2"]) == 2
    assert "other work was begun there" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("option", [["--resume"], ["--shard", "1/2"]])
def test_what_no_later_run_would_know_again_is_refused(scene, serve, tmp_path, capsys, option):
    with serve({"scene.tif": scene.read_bytes()}, marked=False) as (address, _):
        arguments = [
            "upscale",
            f"{address}/scene.tif",
            "--model",
            "nearest",
            "--allow-remote",
            "-o",
            str(tmp_path / "o"),
        ]
        assert run([*arguments, *option]) == 2
    assert "does not say when it changed" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("option", [["--shard", "1/2"], ["--skip-existing"]])
def test_what_would_have_to_be_written_down_is_refused(tmp_path, capsys, option):
    arguments = [
        "upscale",
        "https://127.0.0.1:9/x.tif?sig=SECRET",
        "-o",
        str(tmp_path / "o"),
        "--allow-remote",
        *option,
    ]
    assert run(arguments) == 2
    assert "SECRET" not in capsys.readouterr().err


def test_address_is_inspected_and_verified_like_a_file(scene, serve, tmp_path, capsys):
    with serve({"scene.tif": scene.read_bytes()}) as (address, _):
        place = f"{address}/scene.tif"
        assert run(["upscale", place, "-o", str(tmp_path / "o.tif"), "--model", "nearest", "--allow-remote"]) == 0
        capsys.readouterr()
        assert run(["inspect", place, "--allow-remote", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["shape"] == [300, 260]
        assert run(["verify", place, str(tmp_path / "o.tif"), "--allow-remote"]) == 0


def test_a_server_without_parts_is_told_of(scene, serve, tmp_path, capsys):
    with serve({"scene.tif": scene.read_bytes()}, in_parts=False) as (address, _):
        arguments = ["upscale", f"{address}/scene.tif", "-o", str(tmp_path / "out.tif"), "--model", "nearest"]
        assert run([*arguments, "--allow-remote"]) == 4
    assert "gives whole files alone" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.tif").exists()
