"""The plot as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.figures import Crowd, Lives, Throughput
from bench.plot import Panel, panels, svg

_SVG = "{http://www.w3.org/2000/svg}"


def _lives() -> Lives:
    return Lives(
        1000,
        "host",
        latency={"farm's API": [0.005, 0.006, 0.007], "docker": [0.3]},
        throughput={"crun": Throughput(2, {2: 1.0}, [100.0]), "runc": Throughput(2, {2: 1.0})},
        crowds=[Crowd("crun", 500, mib_each=0.8), Crowd("runc", 500, why_not="no"), Crowd("crun", 100, mib_each=-1.0)],
    )


def test_a_panel_for_each_measurement_with_figures() -> None:
    found = panels(_lives())
    assert [[bar.label for bar in each.bars] for each in found] == [["farm's API", "docker"], ["crun"], ["crun"]]
    assert found[2].title.startswith("500 alive")


def test_ten_times_as_long_is_the_same_way_further_on_a_logarithmic_scale() -> None:
    lives = Lives(1000, "host", latency={"one": [0.001], "ten": [0.01], "hundred": [0.1]})
    widths = [float(each.attrib["width"]) for each in _root(panels(lives)).findall(f"{_SVG}rect")[1:]]
    assert widths[0] == 1.0  # so that it can be seen
    assert abs(widths[2] - 2 * widths[1]) < 0.3


def test_everything_is_inside_the_picture_and_named() -> None:
    root = _root(panels(_lives()))
    height, width = float(root.attrib["height"]), float(root.attrib["width"])
    texts = root.findall(f"{_SVG}text")
    assert {"farm's API", "docker", "crun"} <= {each.text for each in texts}
    assert all(0 < float(each.attrib["y"]) <= height and 0 < float(each.attrib["x"]) < width for each in texts)


def test_a_panel_of_equal_bars_can_be_drawn() -> None:
    lives = Lives(1000, "host", latency={"one": [0.001], "other": [0.001]})
    assert len(_root(panels(lives)).findall(f"{_SVG}rect")) == 3


def _root(shown: list[Panel]) -> ET.Element:
    return ET.fromstring(svg(shown))
