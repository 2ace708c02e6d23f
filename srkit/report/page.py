"""The page as values, and its HTML: no script, style or picture from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import count
from pathlib import Path
from string import Template

from srkit.report.curves import Curves
from srkit.report.pictures import Picture


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two views of the same extent under one slider; `before` may have fewer pixels and is shown as it is."""

    title: str
    before: Picture
    after: Picture
    note: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures of the same extent side by side."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; `best` holds (row, column) of the cells to be set bold."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[tuple[int, int]] = frozenset()
    caption: str = ""


Part = str | Comparison | Curves | Strip | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A headline and what stands below it; text is plain, one paragraph each."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All of it. `lead` says in two sentences what the reader sees, `notes` what the figures do not say."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    foot: str = ""


def write_page(path: Path, page: Page) -> None:
    """Write `page` as one HTML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(page), encoding="utf-8")


def render(page: Page) -> str:
    """Return `page` as HTML."""
    template = Template(files("srkit.report").joinpath("page.html").read_text(encoding="utf-8"))
    numbers = count(1)
    sections = "\n".join(_section(section, numbers) for section in page.sections)
    return template.substitute(
        title=escape(page.title),
        lead=escape(page.lead),
        sections=sections,
        notes="\n".join(f"<li>{escape(note)}</li>" for note in page.notes),
        notes_hidden="" if page.notes else "hidden",
        foot=escape(page.foot),
    )


def _section(section: Section, numbers: count[int]) -> str:
    parts = "\n".join(_part(part, next(numbers)) for part in section.parts)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{parts}\n</section>"


def _part(part: Part, number: int) -> str:
    if isinstance(part, Comparison):
        return _comparison(part, number)
    if isinstance(part, Strip):
        return _strip(part)
    if isinstance(part, Curves):
        return part.svg()
    if isinstance(part, Table):
        return _table(part)
    return f"<p>{escape(part)}</p>"


def _comparison(part: Comparison, number: int) -> str:
    rows, columns = part.after.pixels.shape[:2]
    label = escape(f"{part.title}: part of the picture that shows {part.before.caption}", quote=True)
    return f"""<figure class="compare" style="--wide:{min(4 * columns, 720)}px">
<figcaption><strong>{escape(part.title)}</strong></figcaption>
<div class="slider" style="--cut:50%;--ratio:{columns}/{rows}">
<img src="{part.before.data_uri}" alt="{escape(part.before.caption, quote=True)}">
<img class="after" src="{part.after.data_uri}" alt="{escape(part.after.caption, quote=True)}">
<span class="line" aria-hidden="true"></span>
<input type="range" id="cut{number}" min="0" max="100" value="50" aria-label="{label}">
</div>
<p class="sides"><span>◀ {escape(part.before.caption)}</span><span>{escape(part.after.caption)} ▶</span></p>
{_note(part.note)}
</figure>"""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def _strip(part: Strip) -> str:
    figures = "\n".join(
        f'<figure><img src="{p.data_uri}" alt="{escape(p.caption, quote=True)}">'
        f"<figcaption>{escape(p.caption)}</figcaption></figure>"
        for p in part.pictures
    )
    return f'<div class="strip">\n{figures}\n</div>'


def _table(part: Table) -> str:
    numeric = [bool(part.rows) and all(_is_number(row[i]) for row in part.rows) for i in range(len(part.head))]
    head = "".join(f"<th{_align(numeric[i])}>{escape(name)}</th>" for i, name in enumerate(part.head))
    rows = "\n".join(_row(row, number, part, numeric) for number, row in enumerate(part.rows))
    caption = f'<p class="caption">{escape(part.caption)}</p>' if part.caption else ""
    return (
        f'{caption}<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _row(row: Sequence[str], number: int, part: Table, numeric: Sequence[bool]) -> str:
    cells = []
    for column, cell in enumerate(row):
        text = escape(cell)
        text = f"<b>{text}</b>" if (number, column) in part.best else text
        cells.append(f"<td{_align(numeric[column])}>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _align(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _is_number(text: str) -> bool:
    return text.strip("–—+- ").replace(".", "", 1).isdigit() or text in ("–", "—")
