# SPDX-License-Identifier: MIT
"""What a workflow must not be: sentences on what is wrong with one, as read by yaml.safe_load."""
import re

OWNERS = {"actions"}  # whose actions are used, each by its major version
SHORT = 3  # lines of shell in a step; more is a script of ours
EVENTS = {"push", "pull_request", "workflow_run", "schedule", "workflow_dispatch"}
# What an event has of what is used here; https://docs.github.com/en/webhooks/webhook-events-and-payloads
FIELDS = {
    "pull_request": {"github.base_ref", "github.event.pull_request.number"},
    "workflow_run": {f"github.event.workflow_run.{name}" for name in (
        "event", "conclusion", "head_branch", "head_repository.id")},
}
ALWAYS = {"github.token", "github.ref"}
UNTRUSTED = re.compile(r"github\.(head_ref|event)\b|inputs\.")
REFERENCE = re.compile(r"\b(?:github|inputs|matrix|needs|steps|secrets|vars|env|runner|job)(?:\.[\w-]+)+")
LEAST = {  # (workflow, job) -> permissions; all others read
    ("perf gate comment", "comment"): {"actions": "read", "contents": "read", "pull-requests": "write"},
}
READ = {"contents": "read"}


def triggers(flow):
    """event -> its settings. YAML 1.1 reads the key `on` as true."""
    on = flow.get("on", flow.get(True))
    return {on: None} if isinstance(on, str) else dict.fromkeys(on) if isinstance(on, list) else on


def strings(node, path=()):
    """(path, text) of every string below a node."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, (*path, str(key)))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from strings(value, (*path, str(i)))
    elif isinstance(node, str):
        yield path, node


def references(node):
    """(path, name) of everything that expressions below a node refer to."""
    for path, text in strings(node):
        found = [text] if path[-1] == "if" else re.findall(r"\$\{\{(.*?)\}\}", text, re.S)
        for expression in found:
            without_texts = re.sub(r"'(?:[^']|'')*'", "''", expression)
            for name in REFERENCE.findall(without_texts):
                yield path, name


def known(name, flow, job, step_ids):
    """Whether a reference has something to refer to."""
    kind, _, rest = name.partition(".")
    on = triggers(flow)
    if kind == "matrix":
        return rest in ((job or {}).get("strategy") or {}).get("matrix", {})
    if kind == "inputs":
        return rest in ((on.get("workflow_dispatch") or {}).get("inputs") or {})
    if kind == "needs":
        other, _, output = rest.partition(".")
        needs = (job or {}).get("needs", [])
        if other not in ([needs] if isinstance(needs, str) else needs):
            return False
        return output == "result" or output.removeprefix("outputs.") in flow["jobs"].get(other, {}).get("outputs", {})
    if kind == "steps":
        return rest.split(".")[0] in step_ids
    return name in ALWAYS or any(name in FIELDS.get(event, ()) for event in on)


def of_head(flow):
    """What is wrong with the triggers and the permissions."""
    on = triggers(flow)
    if "pull_request_target" in on:
        yield "pull_request_target runs strangers' code with a token that can write"
    yield from (f"the event {event} is not one that is known" for event in set(on) - EVENTS - {"pull_request_target"})
    if flow.get("permissions") not in (READ, {}):
        yield f"permissions are {flow.get('permissions')}, expected {READ} or none"
    if "pull_request" in on and flow["name"] != "ci" and not (flow.get("concurrency") or {}).get("cancel-in-progress"):
        yield "a run that is superseded is not cancelled"


def of_job(flow, name, job):
    """What is wrong with a job."""
    asked, least = job.get("permissions", flow.get("permissions")), LEAST.get((flow["name"], name), READ)
    if asked != least:
        yield f"{name}: permissions are {asked}, expected {least}"
    if not isinstance(job.get("timeout-minutes"), int):
        yield f"{name}: has no timeout-minutes"
    needs = job.get("needs", [])
    for other in [needs] if isinstance(needs, str) else needs:
        if other not in flow["jobs"]:
            yield f"{name}: needs {other}, which is no job"
    step_ids = set()
    for i, step in enumerate(job["steps"]):
        yield from (f"{name}, step {i + 1}: {fault}" for fault in of_step(flow, step))
        for _, reference in references(step):
            if not known(reference, flow, job, step_ids):
                yield f"{name}, step {i + 1}: {reference} does not exist"
        step_ids.add(step.get("id"))
    for _, reference in references({key: value for key, value in job.items() if key != "steps"}):
        if not known(reference, flow, job, step_ids):
            yield f"{name}: {reference} does not exist"


def of_step(flow, step):
    """What is wrong with a step by itself."""
    run, uses = step.get("run", ""), step.get("uses")
    if "${{" in run:
        yield "an expression in shell code is code by whoever wrote the text; env passes it as text"
    if len(run.strip().splitlines()) > SHORT:
        yield f"more than {SHORT} lines of shell"
    if uses is None:
        return
    found = re.fullmatch(r"([\w-]+)/[\w-]+@v\d+", uses)
    if not found or found[1] not in OWNERS:
        yield f"{uses} is not an action of {', '.join(sorted(OWNERS))} by its major version"
    given = step.get("with") or {}
    if uses.startswith("actions/checkout@"):
        if "ref" in given or "repository" in given:
            yield "checks out something else than its event's commit"
        if "pull_request" in triggers(flow) and flow["name"] != "ci" and given.get("persist-credentials") is not False:
            yield "leaves its token to strangers' code"


def faults(flow):
    """Every sentence on what is wrong."""
    found = [*of_head(flow)]
    for name, job in flow["jobs"].items():
        found += of_job(flow, name, job)
    for _, reference in references({key: value for key, value in flow.items() if key != "jobs"}):
        if not known(reference, flow, None, set()):
            found.append(f"{reference} does not exist")
    if any(name.startswith("secrets.") for _, name in references(flow)):
        found.append("secrets are for no workflow of ours")
    return found
