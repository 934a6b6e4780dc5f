# SPDX-License-Identifier: MIT
"""The command line: what it writes, and that whatever goes wrong is one sentence and exit code 2."""
import json
import os
import re
import resource
import sys

import pytest
from frozen import ROOT, SMALL, run_plots


def refused(done):
    """The one sentence of a call that must fail."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("plots: ") and line.endswith(".")
    return line


def test_a_report_and_every_figure_as_svg_and_png(report):
    page = (report / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    names = sorted(path.name for path in (report / "figures").iterdir())
    assert {name[:-4] for name in names if name.endswith(".svg")} == {n[:-4] for n in names if n.endswith(".png")}
    kinds = {"throughput-linear", "throughput-log", "ratio", "latency_p99", "tail", "jain_fairness", "self_handoff",
             "cpu_ns_per_op"}
    assert {f"lock-critical_section-{kind}.svg" for kind in kinds} <= set(names)
    assert {"core-to-core.png", "counter-increment-false_sharing-ns_per_op_thread.png"} <= set(names)
    assert all((report / "figures" / name).read_bytes()[:4] == b"\x89PNG" for name in names if name.endswith("png"))
    assert not [path for path in report.rglob("*") if path.name.startswith(".")], "temporary files are left"


def test_it_says_where_the_report_is_unless_told_to_be_quiet(tmp_path):
    done = run_plots(SMALL, "-o", tmp_path / "a.html", "--no-figures")
    assert done.returncode == 0 and str(tmp_path / "a.html") in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    done = run_plots(SMALL, "-o", tmp_path / "b" / "c.html", "--figures", tmp_path / "figures", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "b" / "c.html").exists() and any((tmp_path / "figures").iterdir())


def test_missing_truncated_and_future_records(tmp_path, document):
    assert "no such results file" in refused(run_plots(tmp_path / "nothing"))
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document)[:5000])
    assert "truncated" in refused(run_plots(tmp_path))
    path.write_text(json.dumps(document | {"schema_version": 7}))
    assert "schema_version 7" in refused(run_plots(tmp_path))
    assert not (tmp_path / "report.html").exists()


def test_a_bad_record_leaves_the_old_report_alone(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "results.json").write_text("{")
    refused(run_plots(tmp_path))
    assert (tmp_path / "report.html").read_text() == "old"


def test_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(run_plots(SMALL, "-o", tmp_path / "file" / "report.html"))
    assert "is a directory" in refused(run_plots(SMALL, "-o", tmp_path))
    assert "cannot be written" in refused(run_plots(SMALL, "-o", "/proc/nothing/report.html"))
    assert "cannot be written" in refused(
        run_plots(SMALL, "-o", tmp_path / "a.html", "--figures", tmp_path / "file" / "figures"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; /proc and a file as folder are tested")
def test_a_directory_without_write_permission(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    assert "Permission denied" in refused(run_plots(SMALL, "-o", folder / "report.html"))


def test_a_device_is_not_replaced_by_a_file():
    assert "not a regular file" in refused(run_plots(SMALL, "-o", "/dev/full", "--no-figures"))
    assert not os.path.isfile("/dev/full")


def test_a_disk_that_fills_up_keeps_the_old_report(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "results.json").write_bytes(SMALL.read_bytes())
    limit = 200_000  # bytes that any file may have: the page is longer, every figure shorter
    done = run_plots(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert "cannot be written (File too large)" in refused(done)
    assert (tmp_path / "report.html").read_text() == "old"
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_a_home_that_cannot_be_written_is_no_matter(tmp_path):
    done = run_plots(SMALL, "-o", tmp_path / "a.html", "--no-figures", "--quiet", HOME="/proc/nowhere",
                     XDG_CONFIG_HOME="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere", MPLCONFIGDIR="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.parametrize("missing, packages", [
    (["matplotlib"], "python3-matplotlib"), (["jinja2"], "python3-jinja2"),
    (["numpy", "matplotlib", "jinja2"], "python3-numpy python3-matplotlib python3-jinja2")])
def test_a_module_that_is_missing_is_named_with_its_package(tmp_path, missing, packages):
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(missing=missing))
    done = run_plots(SMALL, "-o", tmp_path / "r.html", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    sentence = refused(done)
    assert f"no module {', '.join(missing)}" in sentence and f"apt-get install {packages} " in sentence
    assert sys.executable in sentence
    assert not (tmp_path / "r.html").exists()


def test_usage():
    done = run_plots()
    assert done.returncode == 2 and "Traceback" not in done.stderr
    done = run_plots("--help")
    assert done.returncode == 0 and re.search(r"--figures DIR", done.stdout)


@pytest.mark.parametrize("workload", ["critical_section", None], ids=["one workload", "every cell"])
def test_zero_is_a_number_and_is_drawn(tmp_path, document, workload):
    """A starved machine can measure 0 operations; on a logarithmic axis that point lies below the edge."""
    for cell in document["cells"]:
        for metric in cell["metrics"].values():
            if metric["value"] is not None and workload in (None, cell["workload"]):
                metric |= {"value": 0.0, "ci_low": 0.0, "ci_high": 0.0, "samples": [0.0] * len(metric.get("samples", []))}
    (tmp_path / "results.json").write_text(json.dumps(document))
    done = run_plots(tmp_path, "--no-figures")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
