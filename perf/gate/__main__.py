# SPDX-License-Identifier: MIT
"""`python3 -m gate run|judge|compare|study|record`. Exits: 0 ok, 1 regression, 2 usage or tool error, 3 nothing compared, 4 inconclusive."""
from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

from . import live_options
from . import options as run_options
from .options import share


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="contend gate", description="Verdicts from pairs of base and head.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run|judge|compare|study|record")
    run = verbs.add_parser("run", help="build base and head, measure both in turn, judge")
    run.prog = "contend gate"
    run_options.add(run)
    run.set_defaults(check=lambda options: run_options.check(run, options))
    judge = verbs.add_parser("judge", help="judge a file of raw pairs, or a gate.json again")
    judge.add_argument("pairs", help="pairs file or gate.json (perf/gate/schema.json)")
    compare = verbs.add_parser("compare", help="compare two stored runs; exits 0 whatever it finds, for these do not gate")
    compare.prog = "contend compare"
    compare.add_argument("base", help="results.json, or the directory of the run")
    compare.add_argument("head", help="the other one")
    compare.add_argument("--max-slowdown", type=share, default=None, metavar="SHARE",
                         help="a cell passes only if this is excluded (default 10%%)")
    compare.add_argument("--all", action="store_true", help="list every cell that does not pass")
    for verb in (judge, compare):
        verb.add_argument("--json", metavar="FILE", help="write gate.json")
        verb.add_argument("--junit", metavar="FILE", help="write JUnit XML")
        verb.add_argument("--markdown", metavar="FILE", help="write Markdown for a job summary")
        verb.add_argument("--html", metavar="FILE", help="write one offline page")
        verb.add_argument("--quiet", action="store_true", help="no table")
    study = verbs.add_parser("study", help="false positives and power, over recorded A/A pairs or made-up noise")
    study.add_argument("recording", nargs="?", help="A/A pairs (.csv.gz); without it, models of noise are drawn from")
    study.add_argument("--runs", type=live_options.count, help="A/A gate runs, and trials of each power (default 200)")
    study.add_argument("--noise", type=share, default=0.05, metavar="SHARE",
                       help="width of the made-up noise (default 5%%)")
    study.add_argument("--cells", type=live_options.count, default=100, help="made-up cells (default 100)")
    study.add_argument("--slowdown", type=share, action="append", metavar="SHARE", help="inject this (default 10%% and 25%%)")
    study.add_argument("--most-red", type=int, metavar="N", help="exit 1 if more of the A/A runs than this are red")
    study.add_argument("--seed", type=run_options.seed, default=1)
    live_options.add_live(study)
    live_options.add_record(verbs)
    return parser


def run_study(options: argparse.Namespace) -> int:
    """Prints the study; 0, 1 if it found what must not be, 2 with a sentence."""
    from . import live, recording, study
    from .design import Plan

    if options.live:
        return live.run_live(options)
    runs, plan = options.runs or 200, Plan(cells=1)
    if options.recording:
        named = [(options.recording, recording.read(Path(options.recording)))]
    else:
        named = [(f"made-up noise: {name}, {options.noise:.0%}",
                  recording.made_up(name, options.noise, options.cells, 400, options.seed)) for name in recording.NOISES]
    red = unsafe = 0
    for title, pairs in named:
        rounds = pairs.base.shape[1]
        if rounds < plan.first + plan.looks[-1]:
            return fail(f"{title}: has {rounds} rounds, expected at least {plan.first + plan.looks[-1]}.")
        print(f"{title}: {len(pairs.keys)} cells, {rounds} rounds")
        false = study.false_positives(pairs, plan, runs, options.seed)
        red += false.red
        powers = study.power(pairs, plan, tuple(options.slowdown or (0.10, 0.25)), runs, options.seed + 1)
        unsafe += sum(power.misses(plan) for power in powers)
        print(study.words(false, powers, plan), end="\n\n", flush=True)
    if unsafe:
        print(f"{unsafe} times slowed cells passed more often than the plan's {plan.miss:.0%} allows.")
        return 1
    if options.most_red is not None and red > options.most_red:
        print(f"{red} red runs, more than {options.most_red}.")
        return 1
    return 0


def fail(sentence: str) -> int:
    """Says what went wrong; the exit code for it."""
    print(f"contend: {sentence}", file=sys.stderr)
    return 2


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code. What nobody thought of is 2, for Python's own 1 would be a regression."""
    words = sys.argv[1:] if words is None else words
    try:
        return asked(words)
    except BrokenPipeError:
        raise
    except Exception as error:
        traceback.print_exc()
        return fail(f"a fault of contend's own ({type(error).__name__}: {error}); nothing is known of a regression.")


def asked(words: list[str]) -> int:
    """What the words ask for; the exit code."""
    if words[:1] == ["golden"]:  # needs nothing but the standard library and NumPy
        from . import golden_verb

        return golden_verb.main(words[1:])
    options = arguments().parse_args(words)
    if options.verb == "run":
        options.check(options)
    try:
        from . import document, outputs, texts
        from .design import Plan, PlanError
        from .judge import judge
    except ModuleNotFoundError as error:
        return fail(f"{sys.executable} has no module {error.name}; on Debian or Ubuntu: apt-get install python3-numpy "
                    "python3-scipy python3-jinja2 (and use /usr/bin/python3).")
    from plots.load import RecordError

    from .points import ToolError
    from .recording import RecordingError
    from .trees import GateError

    try:
        if options.verb == "run":
            from . import runner

            return runner.gate(options)
        if options.verb == "record":
            from . import live

            return live.run_record(options)
        if options.verb == "study":
            return run_study(options)
        if options.verb == "compare":
            from . import pairs

            measured = pairs.compare(options.base, options.head, ("contend", *words))
            plan = Plan(max(1, len(measured.cells)), design="holm", budget=0.05, miss=0.10,
                        **({"max_slowdown": options.max_slowdown} if options.max_slowdown is not None else {}))
        else:
            measured, plan = document.read(options.pairs)
        run = judge(measured, plan)
        outputs.write_all(run, options.json, options.junit, options.markdown, options.html)
    except (document.DocumentError, GateError, PlanError, RecordError, RecordingError, ToolError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or options.verb}: cannot be written ({error.strerror}).")
    if not options.quiet:
        print(texts.console(run, most=10_000 if getattr(options, "all", False) else 20), end="")
    return run.exit_code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(0)
