"""A bar chart as SVG, made of the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

WIDTH, BAR, LEFT = 640, 28, 60


def bar_chart(title: str, note: str, values: Mapping[str, int]) -> str:
    """One bar per value; `note` stands below."""
    height = 70 + (BAR + 8) * len(values)
    size = {"width": str(WIDTH), "height": str(height), "viewBox": f"0 0 {WIDTH} {height}"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "sans-serif", **size})
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(root, 10, 24, title)
    longest = max(values.values(), default=0) or 1
    for number, (name, value) in enumerate(values.items()):
        y = 40 + number * (BAR + 8)
        width = round((WIDTH - LEFT - 80) * value / longest)
        place = {"x": str(LEFT), "y": str(y), "width": str(width), "height": str(BAR), "fill": "#3a6ea5"}
        ElementTree.SubElement(root, "rect", place)
        _text(root, 10, y + 19, name)
        _text(root, LEFT + width + 8, y + 19, str(value))
    _text(root, 10, height - 10, note)
    return ElementTree.tostring(root, encoding="unicode")


def _text(root: ElementTree.Element, x: int, y: int, text: str) -> None:
    ElementTree.SubElement(root, "text", {"x": str(x), "y": str(y), "font-size": "14", "fill": "#222222"}).text = text
