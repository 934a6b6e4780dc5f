# SPDX-License-Identifier: MIT
"""Console, Markdown, JUnit and the page say what the verdict object says, also of hostile names and of nothing."""
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import cases
import conftest
import pytest
from gate import document, page, texts
from gate.judge import judge
from gate.model import Key, Skipped

sys.path.append(str(conftest.ROOT / "tests" / "plots"))
import webdriver  # noqa: E402

HOSTILE = '<script>alert("x")</script> | `a` & *b* \x07 ]]>'


@pytest.fixture(scope="module")
def run():
    return judge(*cases.everything())


@pytest.fixture(scope="module")
def hostile():
    measured, plan = cases.gate([(0.5, 0.02), (0.0, 0.02)], control=0)
    bad = measured.cells[0].key._replace(name=HOSTILE, family=HOSTILE)
    cells = (replace(measured.cells[0], key=bad), measured.cells[1])
    return judge(replace(measured, cells=cells, command=("contend", HOSTILE), notes=(HOSTILE,),
                         skipped=(Skipped(Key("time", HOSTILE, HOSTILE + "2", "none"), "not_measurable", HOSTILE),)), plan)


def test_the_console_names_what_is_wrong_and_ends_with_the_verdict(run):
    text = texts.console(run)
    assert text.splitlines()[3].startswith("REGRESSION   coherence counter: critical_section/ticket_lock")
    assert "line_transfers_per_op 0 → 1.97" in text and "not gated    oversubscribed: 1 cell" in text
    assert "3 regressions, 1 inconclusive, 2 improvements, 1 changed, 5 not gated, 6 pass" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "… and 5 more" in texts.console(run, most=2)


def test_markdown_lists_worst_first_and_has_the_command(run):
    text = texts.markdown(run)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "cell |" not in line]
    assert [row.split(",")[0] for row in rows] == ["| ❌ regression"] * 3 + ["| ❔ inconclusive"] + \
        ["| ✅ improvement"] * 2 + ["| ℹ️ changed"]
    assert "contend gate --base origin/main --max-slowdown 10%" in text
    assert "## contend gate: regression" in text and "at most 1.0%" in text


def test_markdown_is_cut_below_its_limit_and_says_so():
    run = judge(*cases.gate([(0.3, 0.02)] * 300, control=0), with_detectable=False)
    whole, cut = texts.markdown(run, 10**6), texts.markdown(run, 20_000)
    assert "left out" not in whole and len(whole.encode()) > 40_000
    assert len(cut.encode()) <= 20_000
    left = int(re.search(r"(\d+) more rows are left out", cut)[1])
    assert cut.count("| ❌") + left == 300 and cut.count("| ❌") > 50
    assert "Reproduce it:" in cut


def test_junit_has_a_case_per_cell_and_counts_them(run):
    suite = ET.fromstring(texts.junit(run)).find("testsuite")
    cases_ = suite.findall("testcase")
    assert len(cases_) == len(run.cells) + 1 == int(suite.get("tests"))
    assert len(suite.findall("testcase/failure")) == 3 == int(suite.get("failures"))
    assert len(suite.findall("testcase/skipped")) == 6 == int(suite.get("skipped"))
    assert suite.get("errors") == "0"
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert properties["exit_code"] == "1" and properties["command"].startswith("contend gate")


@pytest.mark.parametrize("made", [cases.gate([], control=0), cases.gate([(0.0, 0.9)] * 3, control=0)])
def test_a_run_without_a_verdict_is_an_error_to_junit(made):
    suite = ET.fromstring(texts.junit(judge(*made))).find("testsuite")
    assert suite.get("errors") == "1" and suite.find("testcase/error").get("message")


def test_hostile_names_stay_text(hostile):
    assert ET.fromstring(texts.junit(hostile)).find("testsuite/testcase/failure") is not None
    text = texts.markdown(hostile)
    assert "\n| ❌ regression, time | `" + HOSTILE.replace("`", "'") in text
    html = page.build(hostile)
    assert "<script" not in html and "&lt;script&gt;" in html
    jsoned = json.loads(document.text(document.verdict_document(hostile)))
    assert jsoned["cells"][0]["name"] == HOSTILE


def test_the_page_is_one_file_with_everything(run):
    html = page.build(run)
    assert not re.search(r'(?:src|href)="(?!#|data:)', html) and "@import" not in html and "<script" not in html
    assert html.count('class="forest-row') == 9 + 12  # timed cells and controls
    assert html.count('class="forest-row regression"') == 2
    assert len(html) < 120_000
    for word in ("Regression (exit 1)", "Oversubscribed: 1 cell", "contend gate --base", "Synthetic CPU", "unknown"):
        assert word in html


def test_a_page_of_nothing_is_a_page():
    html = page.build(judge(*cases.gate([], control=0)))
    assert "Nothing compared (exit 3)" in html and 'class="forest-row' not in html


def test_estimates_stay_on_the_axis():
    run = judge(*cases.gate([(0.0, 0.01)] * 60 + [(3.0, 0.05), (-3.0, 0.05)], control=0), with_detectable=False)
    places = [float(x) for x in re.findall(r'class="mark[^>]* c?x="([-\d.]+)%"', page.build(run))]
    assert len(places) == 62 and all(0.5 < x < 99.5 for x in places)


@pytest.mark.skipif(bool(webdriver.missing()), reason=webdriver.missing() or "-")
@pytest.mark.parametrize("width, dark", [(1280, False), (1280, True), (390, False), (390, True)])
def test_the_page_in_a_browser(run, tmp_path, width, dark):
    path = tmp_path / "gate.html"
    path.write_text(page.build(run))
    with webdriver.Browser(width=width, height=900, dark=dark) as browser:
        browser.open("about:blank")
        browser.log("browser"), browser.requests()
        browser.open(path.as_uri())
        assert [e for e in browser.log("browser") if e["level"] in ("SEVERE", "WARNING")] == []
        assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]
        assert browser.run("return document.documentElement.scrollWidth") <= width
        rows = browser.run("""return [...document.querySelectorAll('#timed .forest-row')].filter(s => s.checkVisibility())
          .map(s => [s.getBoundingClientRect().width, getComputedStyle(s.querySelector('.mark')).fill,
                     s.querySelector('.mark').getBoundingClientRect().left - s.getBoundingClientRect().left]);""")
        assert len(rows) == 4
        assert all(200 < w < width and 0 <= at <= w for w, _, at in rows)
        ink, paper = browser.run("""const body = getComputedStyle(document.body);
          return [body.color, body.backgroundColor].map(c => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0));""")
        assert (ink > paper) == dark
        if width == 390:
            overlap = browser.run("""return [...document.querySelectorAll('#timed td')].filter(t => t.checkVisibility()
              && t.scrollWidth > t.clientWidth + 1).length;""")
            assert overlap == 0


def gate(*arguments, stdin=None):
    """`python3 -m gate` with these arguments."""
    return subprocess.run([sys.executable, "-B", "-m", "gate", *map(str, arguments)], capture_output=True, text=True,
                          env={"PYTHONPATH": f"{conftest.ROOT}:{conftest.ROOT / 'perf'}", "PATH": "/usr/bin:/bin"})


def test_the_verb_writes_every_output_from_a_file_of_pairs(tmp_path):
    pairs = tmp_path / "pairs.json"
    pairs.write_text(document.text(document.measured_document(*cases.everything())))
    files = {name: tmp_path / "out" / f"gate.{name}" for name in ("json", "junit", "markdown", "html")}
    done = gate("judge", pairs, *(word for name, path in files.items() for word in (f"--{name}", path)))
    assert (done.returncode, done.stderr) == (1, "") and "2 more cells are worse" in done.stdout
    assert all(path.stat().st_size > 1000 for path in files.values())
    again = gate("judge", files["json"], "--quiet")
    assert (again.returncode, again.stdout) == (1, "")


@pytest.mark.parametrize("made, code", [
    (cases.gate([(0.0, 0.02)] * 5), 0), (cases.gate([], control=0), 3), (cases.gate([(0.0, 0.9)] * 5), 4)])
def test_exit_codes(tmp_path, made, code):
    pairs = tmp_path / "pairs.json"
    pairs.write_text(document.text(document.measured_document(*made)))
    assert gate("judge", pairs).returncode == code


@pytest.mark.parametrize("arguments, words", [
    (("judge", "/nonexistent"), "/nonexistent: cannot be read"), (("judge",), "required: pairs"), ((), "required"),
    (("compare", "/nonexistent", "/nonexistent"), "/nonexistent: no such results file"), (("frob",), "invalid choice"),
    (("compare", "a", "b", "--max-slowdown", "much"), "'much', expected a share such as 10% or 0.10"),
    (("compare", "a", "b", "--max-slowdown", "-5%"), "--max-slowdown: expected one argument"),
    (("study", "--runs", "0"), "--runs: '0', expected"), (("study", "/nonexistent.csv.gz"), "cannot be read")])
def test_bad_input_is_one_sentence_and_exit_2(arguments, words):
    done = gate(*arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_what_cannot_be_written_is_told(tmp_path):
    pairs = tmp_path / "pairs.json"
    pairs.write_text(document.text(document.measured_document(*cases.gate([(0.0, 0.02)]))))
    done = gate("judge", pairs, "--json", tmp_path / "pairs.json" / "x")
    assert done.returncode == 2 and "cannot be written" in done.stderr


def test_the_study_is_a_verb(tmp_path):
    done = gate("study", "--runs", 3, "--cells", 4, "--slowdown", "25%", "--most-red", 0)
    assert done.returncode == 0 and done.stdout.count("3 A/A gate runs over 4 cells") == 5
    from gate import recording
    biased = recording.made_up("normal", 0.02, 5, 60, 1)
    recording.write(tmp_path / "aa.csv.gz", biased._replace(head=biased.head * 1.2))
    done = gate("study", tmp_path / "aa.csv.gz", "--runs", 3, "--most-red", 1)
    assert done.returncode == 1 and done.stdout.endswith("3 red runs, more than 1.\n")
    recording.write(tmp_path / "short.csv.gz", recording.made_up("normal", 0.02, 5, 30, 1))
    assert "has 30 rounds, expected at least 50" in gate("study", tmp_path / "short.csv.gz").stderr
