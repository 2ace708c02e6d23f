from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from srkit.report import Comparison, Page, Picture, Section, Strip, Table, write_page

VOID = {"img", "meta", "input", "br", "link"}


class Judge(HTMLParser):
    """Collects tags and addresses, and checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "poster")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    small = Picture(np.zeros((4, 4), np.uint8), 'a "small" <one>')
    large = Picture(np.full((8, 8), 255, np.uint8), "the large one")
    table = Table(("item", "PSNR, dB"), (("a & b", "31.20"), ("c", "29.10")), frozenset({(0, 1)}), "figures")
    section = Section("Volume <1>", ("Some text.", Comparison("Slider", small, large, "note"), Strip((small,)), table))
    path = tmp_path / "folder" / "index.html"
    write_page(path, Page("Title", "Lead", (section,), ("first note",), "foot $5"))
    result = Judge()
    result.feed(path.read_text(encoding="utf-8"))
    return result


def test_tags_nest(judge: Judge) -> None:
    assert judge.open == []


def test_nothing_comes_from_outside(judge: Judge) -> None:
    assert judge.addresses
    assert all(address.startswith("data:image/png;base64,") for address in judge.addresses)
    assert "link" not in judge.seen


def test_text_is_escaped(judge: Judge) -> None:
    assert "Volume <1>" in judge.text
    assert "a & b" in judge.text
    assert "one" not in judge.seen


def test_all_parts_are_there(judge: Judge) -> None:
    assert judge.seen.count("img") == 3
    assert judge.seen.count("input") == 1
    assert judge.seen.count("tr") == 3
    assert judge.seen.count("b") == 1
    for text in ("Title", "Lead", "first note", "foot $5", "figures", "31.20"):
        assert text in judge.text


def test_notes_are_hidden_where_there_are_none(tmp_path: Path) -> None:
    write_page(tmp_path / "index.html", Page("Title", "Lead", ()))
    assert "<aside hidden>" in (tmp_path / "index.html").read_text(encoding="utf-8")
