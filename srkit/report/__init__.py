"""One self-contained HTML page: before/after pictures, figures, and what they do not say."""

from srkit.report.curves import Curves
from srkit.report.page import Comparison, Page, Section, Strip, Table, write_page
from srkit.report.pictures import Levels, Picture, picture_of, shared_window
from srkit.report.run_page import write_run_page

__all__ = [
    "Comparison",
    "Curves",
    "Levels",
    "Page",
    "Picture",
    "Section",
    "Strip",
    "Table",
    "picture_of",
    "shared_window",
    "write_page",
    "write_run_page",
]
