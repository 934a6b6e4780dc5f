# SPDX-License-Identifier: MIT
"""The perf gate's comment, with a gh that answers from a file: which one is updated, what is refused, what is cut."""
import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
SCRIPT = ROOT / ".ci" / "gate_comment.py"
sys.path.insert(0, str(SCRIPT.parent))
import gate_comment  # noqa: E402

SHA = "0123456789abcdef0123456789abcdef01234567"
RUN = {"id": 77, "head_sha": SHA, "head_branch": "faster", "head_repository": {"id": 5},
       "html_url": "https://example.org/runs/77"}
PULL = {"number": 12, "head": {"sha": SHA, "ref": "faster", "repo": {"id": 5}}}
BOT, MARKED = {"login": "github-actions[bot]"}, gate_comment.MARKER + "\nold"
GH = """#!{python}
import base64, json, os, pathlib, sys
folder = pathlib.Path({folder!r})
words = [word for word in sys.argv[1:] if word != "--paginate"]
assert words.pop(0) == "api" and os.environ["GH_TOKEN"]
method = words[words.index("--method") + 1] if "--method" in words else "GET"
path = next(word for word in words if word.startswith("repos/")).partition("?")[0]
if method != "GET":
    with open(folder / "written", "a") as file:
        file.write(json.dumps([method, path, json.load(sys.stdin)["body"]]) + "\\n")
    sys.exit(0)
answers = json.loads((folder / "answers").read_text())
if path not in answers:
    print("gh: Not Found (HTTP 404)", file=sys.stderr)
    sys.exit(1)
sys.stdout.buffer.write(base64.b64decode(answers[path]))
"""


def packed(**files):
    """An archive as actions/upload-artifact makes it; a name's _ is a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


@pytest.fixture
def github(tmp_path):
    """Runs the script against a made-up GitHub: (exit code, output, what was written)."""
    (tmp_path / "gh").write_text(GH.format(python=sys.executable, folder=str(tmp_path)))
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "event").write_text(json.dumps({"workflow_run": RUN}))

    def run(archive=packed(number="12\n", gate_md="## fine\n"), pull=PULL, comments=b"[]", artifacts=None):
        import base64
        if artifacts is None:
            artifacts = [{"id": 3, "name": "perf-gate", "size_in_bytes": len(archive), "expired": False}]
        answers = {"repos/o/r/actions/runs/77/artifacts": json.dumps({"artifacts": artifacts}).encode(),
                   "repos/o/r/actions/artifacts/3/zip": archive, f"repos/o/r/pulls/{pull['number']}": json.dumps(pull).encode(),
                   f"repos/o/r/issues/{pull['number']}/comments": comments}
        (tmp_path / "answers").write_text(json.dumps({k: base64.b64encode(v).decode() for k, v in answers.items()}))
        (tmp_path / "written").write_text("")
        done = subprocess.run([sys.executable, "-B", SCRIPT], capture_output=True, text=True, env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "GH_TOKEN": "t", "GITHUB_REPOSITORY": "o/r",
            "GITHUB_EVENT_PATH": str(tmp_path / "event")})
        return done.returncode, done.stdout + done.stderr, [
            json.loads(line) for line in (tmp_path / "written").read_text().splitlines()]

    return run


def test_the_first_time_a_comment_is_made(github):
    code, out, written = github()
    assert code == 0, out
    ((method, path, body),) = written
    assert (method, path) == ("POST", "repos/o/r/issues/12/comments")
    assert body.startswith(gate_comment.MARKER + "\n## fine\n") and RUN["html_url"] in body and SHA[:10] in body


def test_then_that_one_is_updated(github):
    comments = [{"id": 1, "user": {"login": "somebody"}, "body": MARKED}, {"id": 2, "user": BOT, "body": "of another workflow"}]
    more = [{"id": 9, "user": BOT, "body": MARKED}, {"id": 4, "user": BOT, "body": MARKED}, {"id": 3, "user": None, "body": None}]
    code, out, written = github(comments=json.dumps(comments).encode() + json.dumps(more).encode())  # two pages
    assert code == 0, out
    assert [line[:2] for line in written] == [["PATCH", "repos/o/r/issues/comments/4"]]


def test_a_gate_without_a_verdict_is_told(github):
    code, out, written = github(packed(number="12"))
    assert code == 0 and "could not be run" in written[0][2], out


def test_a_run_without_an_upload_says_nothing(github):
    for artifacts in ([], [{"id": 3, "name": "other", "size_in_bytes": 1, "expired": False}],
                      [{"id": 3, "name": "perf-gate", "size_in_bytes": 1, "expired": True}]):
        assert github(artifacts=artifacts)[::2] == (0, [])


@pytest.mark.parametrize("head, code", [
    ({"sha": "f" * 40}, 0),  # pushed to since
    ({"ref": "another branch"}, 1), ({"repo": {"id": 6}}, 1), ({"repo": None}, 1),
    ({"sha": "f" * 40, "repo": {"id": 6}}, 1)])
def test_another_pull_request_is_not_written_to(github, head, code):
    found, out, written = github(pull={**PULL, "head": {**PULL["head"], **head}})
    assert (found, written) == (code, []) and ("moved on" if code == 0 else "not from the branch") in out


@pytest.mark.parametrize("number", [None, "", "0", "12; echo", "12\n13", "../1", "-1", "1e3", "1" * 30, "１２", "x"])
def test_a_number_that_is_none_is_refused(github, number):
    files = {"gate_md": "x"} if number is None else {"gate_md": "x", "number": number}
    code, out, written = github(packed(**files))
    assert (code, written) == (1, []) and ("number" in out), out
    assert "Traceback" not in out


def test_a_number_of_nothing_is_an_error_of_gh(github):
    code, out, written = github(packed(number="13", gate_md="x"))
    assert (code, written) == (2, []) and "Traceback" not in out


def test_what_is_too_large_is_not_unpacked(github):
    code, out, written = github(packed(number="12", gate_md=b"0" * 3_000_000))  # 3 kB when packed
    assert (code, written) == (1, []) and "more than 1000000 bytes" in out
    code, out, written = github(artifacts=[{"id": 3, "name": "perf-gate", "size_in_bytes": 20_000_001, "expired": False}])
    assert (code, written) == (1, []) and "20000001 bytes" in out


@pytest.mark.parametrize("archive", [b"", b"PK no archive", packed(number="12", gate_md="x" * 1000)[:-40]])
def test_what_is_no_archive_is_refused(github, archive):
    code, out, written = github(archive)
    assert (code, written) == (1, []) and "cannot be unpacked" in out and "Traceback" not in out


def test_a_damaged_member_is_refused(github):
    archive = packed(number="12", gate_md="x" * 1000)
    at = archive.index(b"gate.md") + len("gate.md")
    code, out, written = github(archive[:at] + bytes([archive[at] ^ 0xFF]) + archive[at + 1:])
    assert (code, written) == (1, []) and "cannot be unpacked" in out and "Traceback" not in out


def test_nobody_is_notified_and_nothing_is_loaded():
    text = gate_comment.harmless("@someone <img src=x> <!-- " + gate_comment.MARKER + " ![p](http://x/y) a < b\r\x1b[1m\u202e")
    for bad in ("@s", "<i", "<!", "![", "\r", "\x1b", "\u202e"):
        assert bad not in text
    assert "a < b" in text
    table = "| ❌ regression, time | `a/b/threads:4` | +12 % … +15 % | x: y |\n\n```sh\nmake gate\n```\n"
    assert gate_comment.harmless(table) == table


LONG = {"rows": "❌ a row\n" * 30_000, "one line": "x" * 200_000, "code": "```sh\n" + "line é\n" * 30_000 + "```\n"}


@pytest.mark.parametrize("kind", LONG)
def test_what_is_too_long_is_cut_after_a_line(kind):
    made = gate_comment.body(LONG[kind], RUN)
    assert len(made.encode()) < 65_536
    assert "does not fit" in made and RUN["html_url"] in made and made.count("```") % 2 == 0
    kept = made.removeprefix(gate_comment.MARKER + "\n").split("\nThe rest does not fit")[0].splitlines()
    assert set(kept) <= {*LONG[kind].splitlines(), "```"}


def test_a_text_that_fits_exactly_is_not_cut():
    room = gate_comment.LARGEST_COMMENT - len(gate_comment.body("", RUN).encode())
    assert "does not fit" not in gate_comment.body("x" * room, RUN)
    assert "does not fit" in gate_comment.body("x" * (room + 1), RUN)
