"""A line chart as SVG, made of the standard library: the image of a task holds no drawing library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

WIDTH, HEIGHT, MARGIN = 640, 320, 40
COLOURS = ("#0b6e99", "#c4472b", "#2f7d32", "#7b4397")
Points = Sequence[tuple[float, float]]


def line_chart(title: str, note: str, series: Mapping[str, Points]) -> str:
    """One line per series of (x, y); `note` stands below, such as when the picture was made."""
    size = {"width": str(WIDTH), "height": str(HEIGHT), "viewBox": f"0 0 {WIDTH} {HEIGHT}"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "sans-serif", **size})
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(root, MARGIN, 24, title, "#222222", "16")
    _text(root, MARGIN, HEIGHT - 10, note, "#555555", "12")
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = [(_scaled(x, xs, MARGIN, WIDTH - MARGIN), _scaled(y, ys, HEIGHT - MARGIN, MARGIN)) for x, y in points]
        ElementTree.SubElement(
            root,
            "polyline",
            {"points": " ".join(f"{x},{y}" for x, y in path), "fill": "none", "stroke": colour, "stroke-width": "2"},
        )
        highest = max(range(len(points)), key=lambda index: points[index][1])
        x, y = path[highest]
        ElementTree.SubElement(root, "circle", {"cx": str(x), "cy": str(y), "r": "4", "fill": colour})
        _text(root, x + 6, y - 6, f"{name}: {points[highest][1]}", colour, "12")
    return ElementTree.tostring(root, encoding="unicode")


def _text(root: ElementTree.Element, x: float, y: float, text: str, colour: str, size: str) -> None:
    place = {"x": str(x), "y": str(y), "fill": colour, "font-size": size}
    ElementTree.SubElement(root, "text", place).text = text


def _scaled(value: float, values: Sequence[float], low: float, high: float) -> float:
    span = max(values) - min(values) or 1.0
    return round(low + (value - min(values)) / span * (high - low), 1)
