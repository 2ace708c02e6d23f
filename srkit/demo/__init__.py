"""The demonstration: real data from packages through the public calls, and a page that shows what came of it."""

from srkit.demo.page import demo_page
from srkit.demo.run import DemoResult, demonstrate

__all__ = ["DemoResult", "demo_page", "demonstrate"]
