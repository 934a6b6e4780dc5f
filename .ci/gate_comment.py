#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps one comment about the perf gate on its pull request up to date, from what the gate's run uploaded.

Run by .github/workflows/perf-gate-comment.yml with GITHUB_EVENT_PATH, GITHUB_REPOSITORY and a GH_TOKEN that may write.
The upload comes from a run of a stranger's code: it is read within limits, and its number must be that of the pull request
whose newest commit was measured. Exit code: 0 commented, or the pull request has moved on; 1 refused; 2 gh failed.
"""
import io
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib

ARTIFACT = "perf-gate"
MARKER = "<!-- contend perf gate: this comment is kept up to date -->"
AUTHOR = "github-actions[bot]"  # anybody can write the marker into a comment of their own
LARGEST_ARTIFACT = 20_000_000  # bytes, packed
LARGEST_TEXT = 1_000_000  # bytes of gate.md, unpacked
LARGEST_COMMENT = 65_000  # bytes; GitHub takes 65536 characters
COULD_NOT_RUN = "## contend gate: could not be run\n\nIt ended before there was a verdict; the log of the run says why.\n"


class Refused(RuntimeError):
    """The upload is not what it should be; str() is one sentence."""


def gh(*words, data=None):
    """`gh api words…`, its output as bytes. Raises subprocess.CalledProcessError."""
    return subprocess.run(["gh", "api", *words], input=data, stdout=subprocess.PIPE, check=True).stdout


def pages(text):
    """The items of JSON lists that follow each other, as `gh api --paginate` writes them."""
    decoder, position, items = json.JSONDecoder(), 0, []
    while position < len(text):
        page, position = decoder.raw_decode(text, position)
        items += page
        position += len(text[position:]) - len(text[position:].lstrip())
    return items


def artifact_of(artifacts):
    """The id of the newest upload, None if there is none. Raises Refused."""
    mine = [one for one in artifacts if one["name"] == ARTIFACT and not one["expired"]]
    if not mine:
        return None
    newest = max(mine, key=lambda one: one["id"])
    if newest["size_in_bytes"] > LARGEST_ARTIFACT:
        raise Refused(f"The upload has {newest['size_in_bytes']} bytes, expected at most {LARGEST_ARTIFACT}.")
    return newest["id"]


def member(archive, name, most):
    """The text of a file in the archive, None if it is not there; never more than `most` bytes are unpacked. Raises
    Refused."""
    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Refused(f"{name} has more than {most} bytes.")
    return content.decode("utf-8", "replace")


def unpack(packed):
    """(number, Markdown or None) of an upload. Raises Refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            number, text = member(archive, "number", 20), member(archive, "gate.md", LARGEST_TEXT)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"The upload cannot be unpacked ({error}).") from None
    if number is None or not re.fullmatch(r"[1-9][0-9]{0,8}\n?", number):
        raise Refused(f"The upload's number is {number!r}, expected that of a pull request.")
    return int(number), text


def belongs(pull, run):
    """Whether the pull request's newest commit is the one that the run measured; False: it has moved on since. Raises
    Refused where the run measured another one's branch."""
    head = pull["head"]
    source = (head.get("repo") or {}).get("id"), head["ref"]
    if source != ((run.get("head_repository") or {}).get("id"), run["head_branch"]):
        raise Refused(f"Pull request {pull['number']} is not from the branch that the run measured.")
    return head["sha"] == run["head_sha"]


def harmless(text):
    """Markdown without mentions, markup and pictures: nobody is notified, nothing is loaded, no marker is forged."""
    text = re.sub(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", " ", text)
    text = re.sub(r"@(?=\w)", "@\u200b", text)
    text = re.sub(r"<(?=[\w/!?])", "<\u200b", text)
    return re.sub(r"!(?=\[)", "!\u200b", text)


def body(text, run, most=LARGEST_COMMENT):
    """The comment, of at most `most` bytes; it is cut after a whole line, and says so."""
    tail = (f"\n---\nOf {run['head_sha'][:10]}; [the run]({run['html_url']}) has the page and gate.json. "
            "The text above was written by the code under test.\n")
    head = MARKER + "\n"
    whole = head + harmless(text).rstrip() + "\n" + tail
    if len(whole.encode()) <= most:
        return whole
    cut = "\nThe rest does not fit into a comment.\n"
    left = most - len((head + cut + tail).encode()) - len("```\n")
    kept = []
    for line in harmless(text).splitlines():
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.append(line)
    if sum(line.startswith("```") for line in kept) % 2:
        kept.append("```")
    return head + "".join(line + "\n" for line in kept) + cut + tail


def comment_to_update(comments):
    """The id of our comment, the oldest if there are several; None if there is none."""
    mine = [one["id"] for one in comments
            if (one.get("user") or {}).get("login") == AUTHOR and (one.get("body") or "").startswith(MARKER)]
    return min(mine, default=None)


def keep(repository, run):
    """Writes the comment; one sentence on what was done. Raises Refused."""
    here = f"repos/{repository}"
    listed = json.loads(gh(f"{here}/actions/runs/{int(run['id'])}/artifacts?per_page=100"))["artifacts"]
    artifact = artifact_of(listed)
    if artifact is None:
        return "The run uploaded nothing; nothing is said about it."
    number, text = unpack(gh(f"{here}/actions/artifacts/{artifact}/zip"))
    if not belongs(json.loads(gh(f"{here}/pulls/{number}")), run):
        return f"Pull request {number} has moved on; its newest commit's run will comment."
    content = json.dumps({"body": body(text or COULD_NOT_RUN, run)}).encode()
    mine = comment_to_update(pages(gh("--paginate", f"{here}/issues/{number}/comments?per_page=100").decode()))
    if mine is None:
        gh("--method", "POST", f"{here}/issues/{number}/comments", "--input", "-", data=content)
        return f"Pull request {number}: commented."
    gh("--method", "PATCH", f"{here}/issues/comments/{mine}", "--input", "-", data=content)
    return f"Pull request {number}: comment {mine} is up to date."


def main():
    with open(os.environ["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
        run = json.load(file)["workflow_run"]
    try:
        print(keep(os.environ["GITHUB_REPOSITORY"], run))
    except Refused as error:
        print(f"::error title=perf gate comment::{error}")
        return 1
    except subprocess.CalledProcessError as error:
        print(f"::error title=perf gate comment::gh {' '.join(error.cmd[2:4])} failed (exit {error.returncode}).")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
