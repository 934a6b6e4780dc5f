# SPDX-License-Identifier: MIT
"""The report in a real browser: quiet, offline, all figures visible, sortable, and readable without JavaScript."""
import json
import re

import pytest
import webdriver

pytestmark = pytest.mark.skipif(bool(webdriver.missing()), reason=webdriver.missing() or "-")

COLUMN = {"primitive": 3, "threads": 4, "throughput": 6}
VISIBLE = """return [...document.querySelectorAll('figure')].map(figure => {
  const svg = [...figure.querySelectorAll('svg')].find(svg => svg.getBoundingClientRect().width);
  const box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0};
  return [figure.id, box.width, box.height, svg ? svg.querySelectorAll('path, use').length : 0];
});"""
CELLS = """return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetHeight)
  .map(row => row.cells[arguments[0]].dataset.v ?? row.cells[arguments[0]].textContent.trim());"""


@pytest.fixture(scope="module")
def address(report):
    return (report / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(address):
    with webdriver.Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    """The page, freshly loaded."""
    browser.open("about:blank")
    browser.log("browser"), browser.requests()
    browser.open(address)
    return browser


def faults(browser):
    return [entry for entry in browser.log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def test_no_error_in_the_console_and_no_request_but_for_the_page(page, address):
    page.run("scrollTo(0, document.body.scrollHeight)")
    assert page.run("return document.title").startswith("contend: Synthetic CPU")
    assert faults(page) == []
    assert [url for url in page.requests() if not url.startswith("data:")] == [address]


def test_the_two_checks_above_would_notice(page, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<script>fetch('http://127.0.0.1:9/x').catch(() => {}); throw new Error('planted')</script>")
    page.open(bad.as_uri())
    page.run("return 0")
    assert any("planted" in entry["message"] for entry in faults(page))
    assert "http://127.0.0.1:9/x" in page.requests()


def test_every_figure_is_visible(page, report):
    boxes = page.run(VISIBLE)
    assert len(boxes) > 40
    assert [name for name, width, height, marks in boxes if width < 200 or height < 100 or marks < 5] == []


def test_the_log_axis_shows_the_other_picture_in_all_families(page):
    before = page.run(VISIBLE)
    page.click("#lock .to-log")
    assert page.run("return document.querySelector('#lock .v.log').offsetHeight > 0")
    assert page.run("return document.querySelector('#counter .v.log').offsetHeight > 0")
    assert page.run("return document.querySelector('#lock .v.linear').offsetHeight") == 0
    assert len([1 for _, width, *_ in page.run(VISIBLE) if width]) == len(before)
    assert page.run("return location.hash").endswith("y=log")


def test_the_table_sorts(page):
    unsorted = page.run(CELLS, COLUMN["throughput"])
    button = f"#table th:nth-child({COLUMN['throughput'] + 1}) button"
    page.click(button)
    falling = page.run(CELLS, COLUMN["throughput"])
    numbers = [float(text) for text in falling if text != "–"]
    assert numbers == sorted(numbers, reverse=True) and numbers[0] > numbers[-1]
    assert falling[len(numbers):] == ["–"] * (len(falling) - len(numbers)) and len(numbers) < len(falling)
    page.click(button)
    rising = page.run(CELLS, COLUMN["throughput"])
    assert rising[: len(numbers)] == falling[: len(numbers)][::-1]
    assert rising[len(numbers):] == falling[len(numbers):]  # what has no number stays last
    page.click(button)
    assert page.run(CELLS, COLUMN["throughput"]) == unsorted
    page.click(f"#table th:nth-child({COLUMN['primitive'] + 1}) button")
    names = page.run(CELLS, COLUMN["primitive"])
    assert names == sorted(names, key=lambda name: [int(part) if part.isdigit() else part
                                                    for part in re.split(r"(\d+)", name)])


def test_the_table_filters(page):
    everything = len(page.run(CELLS, 0))
    page.type("#q", "MCS 1000")
    assert set(page.run(CELLS, COLUMN["primitive"])) == {"mcs_lock"}
    assert page.run("return document.querySelector('#count').textContent") == f"2 of {everything} cells"
    page.run("q.value = ''; q.dispatchEvent(new Event('input'))")
    page.run("family.value = 'counter'; family.dispatchEvent(new Event('input'))")
    assert set(page.run(CELLS, 0)) == {"counter"}
    page.run("threads.value = '4'; threads.dispatchEvent(new Event('input'))")
    assert set(page.run(CELLS, COLUMN["threads"])) == {"4"} and set(page.run(CELLS, 0)) == {"counter"}
    assert page.run("return location.hash") == "#cells?family=counter&threads=4"


def test_a_permalink_brings_the_state_back(page, address):
    page.open("about:blank")
    page.open(address + "#cells?family=lock&threads=2&sort=6u&y=log")
    assert set(page.run(CELLS, 0)) == {"lock"} and set(page.run(CELLS, COLUMN["threads"])) == {"2"}
    numbers = [float(text) for text in page.run(CELLS, COLUMN["throughput"])]
    assert numbers == sorted(numbers) and len(numbers) > 2
    assert page.run("return document.querySelector('#y-lock-log').checked")
    page.open("about:blank")
    page.open(address + "#cells?sort=99d&y=%22&threads=x&family=%3Cb%3E&q=%00")  # nonsense does no harm
    assert faults(page) == []


def test_the_legend_hides_and_shows_a_line(page):
    shown = """return [...document.querySelectorAll('#lock .linear .line.s1')]
      .filter(line => line.getBoundingClientRect().width).length"""
    before = page.run(shown)
    assert before > 0
    page.click("#lock .legend button:nth-child(2)")
    assert page.run(shown) == 0
    assert page.run("return document.querySelector('#lock .legend button:nth-child(2)').ariaPressed") == "false"
    page.click("#lock .legend button:nth-child(2)")
    assert page.run(shown) == before


def test_the_json_download_is_unpacked(page, small):
    page.run("""window.made = null; const original = URL.createObjectURL;
      URL.createObjectURL = blob => {
        blob.text().then(text => (window.made = text));
        return original.call(URL, blob);
      };
      HTMLAnchorElement.prototype.click = function () { window.name_made = this.download; };
      document.querySelector('#json').dispatchEvent(new MouseEvent('click', {cancelable: true}));""")
    assert json.loads(page.wait_for("return window.made")) == small
    assert page.run("return window.name_made").endswith(".json")


STRIPS = """return [...new Set([...document.querySelectorAll('.strip')].filter(strip => strip.offsetHeight)
  .map(strip => strip.className.split(' ')[1]))].sort();"""


@pytest.fixture
def with_events(browser, counted):
    """The page of the run with counters, freshly loaded."""
    browser.open("about:blank")
    browser.log("browser")
    browser.open((counted / "report.html").as_uri())
    return browser


def test_one_event_at_a_time_stands_under_the_throughput_in_all_families(with_events):
    assert with_events.run(STRIPS) == ["l1d_miss_per_op", "modified_line_hit_per_op"]  # the apparatus moves no line
    with_events.click("#lock .to-rfo_per_op")
    assert with_events.run(STRIPS) == ["rfo_per_op"]
    assert with_events.run("return location.hash").endswith("e=rfo_per_op")
    with_events.click("#lock .to-context_switches_per_op")  # the counters have none: they show their first event
    assert with_events.run(STRIPS) == ["context_switches_per_op", "l1d_miss_per_op", "modified_line_hit_per_op"]
    with_events.click("#lock .to-log")
    assert with_events.run("return document.querySelector('#lock .v.log').offsetHeight > 0")
    assert faults(with_events) == []


def test_a_permalink_brings_the_event_back(with_events, counted):
    address = (counted / "report.html").as_uri()
    with_events.open("about:blank")
    with_events.open(address + "#lock?e=rfo_per_op")
    assert with_events.run("return document.querySelector('#e-lock-rfo_per_op').checked")
    assert with_events.run("return document.querySelector('#e-queue-rfo_per_op').checked")
    with_events.open("about:blank")
    with_events.open(address + "#lock?e=%22nonsense")
    assert with_events.run("return document.querySelector('#lock .strip').offsetHeight > 0")
    assert faults(with_events) == []


def test_a_strip_is_as_wide_as_its_panel_and_lies_under_it(with_events):
    places = with_events.run("""return [...document.querySelectorAll('figure.throughput')].map(figure => {
      const box = part => part.getBoundingClientRect();
      const strip = [...figure.querySelectorAll('.strip')].find(strip => strip.offsetHeight);
      const panel = [...figure.querySelectorAll('.v')].find(panel => panel.offsetHeight);
      return strip ? [box(panel).left - box(strip).left, box(panel).width - box(strip).width,
                      box(strip).top - box(panel).bottom, strip.querySelectorAll('use').length] : null;
    }).filter(Boolean);""")
    assert len(places) > 6
    assert all(abs(left) < 1 and abs(width) < 1 and -1 < gap < 20 and marks > 3 for left, width, gap, marks in places)


def test_a_peers_marker_is_hollow_in_legend_and_plot(with_events):
    fills = with_events.run("""const page = getComputedStyle(document.body).backgroundColor;
      return [page, ...[...document.querySelectorAll('#lock .legend .peer path:last-child')]
        .map(path => getComputedStyle(path).fill)];""")
    assert len(fills) == 3 and len(set(fills)) == 1


def test_the_csv_download_is_unpacked(with_events, counted):
    with_events.run("""window.made = null; const original = URL.createObjectURL;
      URL.createObjectURL = blob => {
        blob.text().then(text => (window.made = text));
        return original.call(URL, blob);
      };
      HTMLAnchorElement.prototype.click = function () { window.name_made = this.download; };
      document.querySelector('#csv').dispatchEvent(new MouseEvent('click', {cancelable: true}));""")
    text = with_events.wait_for("return window.made")
    assert text.startswith("lens,family,workload") and "modified_line_hit_per_op [1]" in text
    assert with_events.run("return window.name_made").endswith(".csv")


COUNTS = """return [...new Set([...document.querySelectorAll('#lock .count')].filter(strip => strip.offsetHeight)
  .map(strip => strip.className.split(' ')[1]))].sort();"""


@pytest.fixture
def with_simulation(browser, foretold):
    """The page of the run with simulated cells, freshly loaded."""
    browser.open("about:blank")
    browser.log("browser")
    browser.open((foretold / "report.html").as_uri())
    return browser


def test_line_transfers_and_one_more_count_stand_beside_the_simulated_throughput(with_simulation, foretold):
    assert with_simulation.run(COUNTS) == ["line_transfers_per_op", "true_sharing_per_op"]
    with_simulation.click("#lock .to-parks_per_op")
    assert with_simulation.run(COUNTS) == ["line_transfers_per_op", "parks_per_op"]
    assert with_simulation.run("return location.hash").endswith("s=parks_per_op")
    with_simulation.open("about:blank")
    with_simulation.open((foretold / "report.html").as_uri() + "#lock?s=spins_per_op&y=log")
    assert with_simulation.run(COUNTS) == ["line_transfers_per_op", "spins_per_op"]
    assert with_simulation.run("return document.querySelector('#lock .simulated .v.log').offsetHeight > 0")
    assert faults(with_simulation) == []


def test_measured_simulated_and_counts_lie_beside_each_other(with_simulation):
    rows = with_simulation.run("""return [...document.querySelectorAll('.pair')].map(pair => {
      const plot = part => part && [...part.querySelectorAll('svg')].find(svg => svg.getBoundingClientRect().width);
      return [...pair.children].map(plot).filter(Boolean).map(svg => {
        const box = svg.getBoundingClientRect();
        return [box.left, box.top, box.width];
      });
    });""")
    assert len(rows) > 6
    for (left, top, width), (left_2, top_2, width_2), *counts in rows:
        assert left + width <= left_2 and abs(width - width_2) < 1
        assert abs(top - top_2) <= 6  # so that the lines of one grid go on in the other
        assert all(left_2 + width_2 <= x for x, _, _ in counts)


def test_the_hatch_is_seen(with_simulation):
    boxes = with_simulation.run("""return [...document.querySelectorAll('.simulated .v.linear svg')].map(svg => {
      const hatch = [...svg.querySelectorAll('use')].find(use => use.getBBox().width > 100);
      const look = hatch && getComputedStyle(hatch);
      return hatch ? [hatch.getBBox().width, hatch.getBBox().height, look.stroke, look.fill] : null;
    });""")
    assert len(boxes) > 6 and None not in boxes
    assert all(width > 120 and height > 80 and stroke.startswith("rgb") and fill == "none"
               for width, height, stroke, fill in boxes)


def test_the_simulated_table_sorts_and_filters_with_the_other(with_simulation):
    cells = CELLS.replace("#table", "#foretold")
    with_simulation.click("#foretold th:nth-child(9) button")  # line transfers, most first
    first = [float(v) for v in with_simulation.run(cells, 8)]
    assert first == sorted(first, reverse=True) and first[0] > first[-1] == 0
    assert with_simulation.run("return location.hash").endswith("sort-foretold=8d")
    with_simulation.run("const q = document.querySelector('#q'); q.value = 'mcs'; q.dispatchEvent(new Event('input'));")
    assert set(with_simulation.run(cells, 3)) == set(with_simulation.run(CELLS, 3)) == {"mcs_lock"}
    assert faults(with_simulation) == []


@pytest.mark.parametrize("run", ["foretold", "foretold_alone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_simulated_panels_below_each_other(request, run, dark):
    with webdriver.Browser(width=390, height=800, dark=dark) as browser:
        browser.open((request.getfixturevalue(run) / "report.html").as_uri())
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        panels = [(name, width) for name, width, *_ in browser.run(VISIBLE) if "byte_map" not in name]
        assert len(panels) > 8 and all(200 < width <= 390 for _, width in panels)
        maps = browser.run("""return [...document.querySelectorAll('.map .scroll')].filter(box => box.offsetHeight)
          .map(box => [box.clientWidth, box.scrollWidth]);""")
        assert maps and all(shown <= 390 < whole for shown, whole in maps)  # legible, and scrolled in its box
        assert faults(browser) == []


@pytest.mark.parametrize("run", ["report", "counted", "uncounted"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_scrolls_tables_in_their_boxes_and_not_the_page(request, run, dark):
    with webdriver.Browser(width=390, height=800, dark=dark) as browser:
        browser.open((request.getfixturevalue(run) / "report.html").as_uri())
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        assert [name for name, width, *_ in browser.run(VISIBLE) if not 200 < width <= 390] == []
        assert browser.run("const box = document.querySelector('#cells .box');"
                           "return box.scrollWidth > box.clientWidth")
        ink, paper = browser.run("""const text = document.querySelector('.panel svg text');
          return [getComputedStyle(text).fill, getComputedStyle(document.body).backgroundColor];""")
        bright = [sum(int(part) for part in color[color.index("(") + 1:-1].split(",")[:3]) for color in (ink, paper)]
        assert (bright[0] > bright[1]) == dark and abs(bright[0] - bright[1]) > 250
        assert faults(browser) == []


@pytest.mark.parametrize("run", ["report", "counted", "uncounted"])
def test_all_is_readable_without_javascript(request, run):
    with webdriver.Browser(javascript=False) as browser:
        browser.open((request.getfixturevalue(run) / "report.html").as_uri())
        assert browser.run("return document.querySelector('.filter').offsetHeight") == 0  # nothing dead is offered
        assert browser.run("return document.querySelectorAll('#table th button').length") == 0
        boxes = browser.run(VISIBLE)
        assert len(boxes) > 40 and all(width > 200 and height > 100 for _, width, height, _ in boxes)
        assert len(browser.run(CELLS, 0)) > 40
        parts = "[...document.querySelectorAll('section, table')]"
        assert browser.run(f"return {parts}.filter(part => !part.offsetHeight).length") == 0
        browser.click("#lock .to-log")  # the axis is switched by the stylesheet
        assert browser.run("return document.querySelector('#lock .v.log').offsetHeight > 0")
        if run == "counted":  # and so is the event under the throughput
            browser.click("#lock .to-l1d_miss_per_op")
            assert browser.run("return document.querySelector('#lock .strip.l1d_miss_per_op').offsetHeight > 0")
            assert browser.run("return document.querySelector('#lock .strip.rfo_per_op').offsetHeight") == 0
        assert faults(browser) == []
