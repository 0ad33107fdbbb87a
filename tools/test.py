#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The part of ./test after the build: finds the tests of every suite, runs them, counts."""
from __future__ import annotations

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass

import machine

LINT = os.path.join(machine.ROOT, "tools", "lint")
SYSTEM_ORDER = ["tools", "guest", "kernel", "boot", "net", "ai", "linux", "recovery", "upgrade", "bench"]
REPORT = os.path.join(machine.ROOT, "docs", "long-report.md")


@dataclass
class Result:
    """One test's outcome."""

    name: str
    passed: bool
    seconds: float
    text: str = ""


def show(result: Result) -> Result:
    """Prints a result as soon as it is there."""
    print(f"{'ok    ' if result.passed else 'FAILED'} {result.name} ({result.seconds:.1f} s)")
    if not result.passed and result.text:
        print("    " + result.text.rstrip().replace("\n", "\n    "))
    sys.stdout.flush()
    return result


class Lint:
    """Each check of tools/lint is a test."""

    name = "lint"

    def list(self, _long: bool) -> list[str]:
        """Names of the tests."""
        out = subprocess.run([LINT, "--list"], check=True, text=True, stdout=subprocess.PIPE).stdout
        return [f"lint:{line.split(':')[0]}" for line in out.splitlines()]

    def run(self, names: list[str], args: argparse.Namespace) -> list[Result]:
        """Runs the named tests."""
        command = [LINT] + (["--long"] if args.long else [])
        results = []
        for name in names:
            start = time.monotonic()
            done = subprocess.run(command + [name.split(":")[1]], check=False, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            results.append(show(Result(name, done.returncode == 0, time.monotonic() - start,
                                       done.stdout)))
        return results


class Unit:
    """Host test programs; each prints TAP, each TAP line is a test."""

    name = "unit"
    folder = os.path.join(machine.BUILD, "tests", "unit")

    def programs(self) -> list[str]:
        """Test programs that the build made."""
        return sorted(name for name in os.listdir(self.folder)
                      if os.path.isfile(os.path.join(self.folder, name))
                      and os.access(os.path.join(self.folder, name), os.X_OK))

    def list(self, _long: bool) -> list[str]:
        """Names of the programs; a program runs as a whole."""
        return [f"unit:{name}" for name in self.programs()]

    def run(self, names: list[str], _args: argparse.Namespace) -> list[Result]:
        """Runs the named programs."""
        results = []
        for name in names:
            results += self.run_program(name.split(":")[1])
        return results

    def run_program(self, program: str) -> list[Result]:
        """A program that ends badly or prints fewer results than planned is a failure itself."""
        start = time.monotonic()
        try:
            done = subprocess.run([os.path.join(self.folder, program)], check=False, text=True,
                                  errors="replace", stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=600, cwd=machine.ROOT)
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            output, status = str(error), -1
        results, notes = [], ""
        for line in output.splitlines():
            found = re.match(r"(not )?ok \d+ -? ?(.*)", line)
            if found:
                results.append(Result(f"unit:{program}:{found.group(2)}", not found.group(1),
                                      time.monotonic() - start, notes))
                notes = ""
            else:
                notes += line + "\n"
        plan = re.search(r"^1\.\.(\d+)", output, re.M)
        complete = plan is not None and int(plan.group(1)) == len(results) > 0
        if not complete or (status != 0 and all(result.passed for result in results)):
            results.append(Result(f"unit:{program}", False, time.monotonic() - start,
                                  f"status {status}\n{output[-6000:]}"))
        for result in results:
            if not result.passed:
                show(result)
        good = sum(result.passed for result in results)
        if good:
            print(f"ok     unit:{program}: {good} tests ({time.monotonic() - start:.1f} s)")
        return results


class System:
    """A folder of pytest files under tests/."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = os.path.join(machine.ROOT, "tests", name)

    def pytest(self, words: list[str], **options) -> subprocess.CompletedProcess:
        """Runs pytest in tests/."""
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", AXOLOTL_BUILD=machine.BUILD)
        return subprocess.run([sys.executable, "-m", "pytest", "-c",
                               os.path.join(machine.ROOT, "tests", "pytest.ini"), *words],
                              cwd=os.path.join(machine.ROOT, "tests"), env=environment, text=True,
                              check=False, **options)

    def list(self, long: bool) -> list[str]:
        """Names of the tests, from pytest's node ids."""
        words = ["--collect-only", "-q", self.name] + (["--long"] if long else [])
        done = self.pytest(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        names = [f"{self.name}:{line.split('/', 1)[1]}" for line in done.stdout.splitlines()
                 if "::" in line and line.startswith(self.name + "/")]
        for line in done.stdout.splitlines():
            if line.startswith("left out "):
                print(line, file=sys.stderr)
        if done.returncode not in (0, 5):
            print(done.stdout)
            names.append(f"{self.name}:collection")
        return names

    def run(self, names: list[str], args: argparse.Namespace) -> list[Result]:
        """Runs the named tests; what pytest does not report on counts as failed."""
        nodes = [f"{self.name}/{name.split(':', 1)[1]}" for name in names]
        with tempfile.NamedTemporaryFile(suffix=".xml") as report:
            words = ["-q", "--no-header", f"--junitxml={report.name}", "-o", "junit_family=xunit1"]
            words += ["--long"] if args.long else []
            if args.jobs > 1 and len(nodes) > 1 and self.name != "bench":
                words += ["-n", str(args.jobs), "--dist", "worksteal" if self.worksteal() else "load"]
            start = time.monotonic()
            self.pytest(words + nodes, stdin=subprocess.DEVNULL)
            seconds = time.monotonic() - start
            try:
                cases = list(xml.parse(report.name).getroot().iter("testcase"))
            except xml.ParseError:
                cases = []
        results = []
        for case in cases:
            bad = [child for child in case if child.tag in ("failure", "error", "skipped")]
            name = f"{self.name}:{os.path.basename(case.get('file', ''))}::{case.get('name')}"
            results.append(show(Result(name, not bad, float(case.get("time", 0)),
                                       "\n".join(b.get("message", "")[:300] for b in bad))))
        for name in {name.split("::")[-1] for name in names} - {r.name.split("::")[-1]
                                                                for r in results}:
            results.append(show(Result(f"{self.name}:{name}", False, seconds, "did not run")))
        return results

    @staticmethod
    def worksteal() -> bool:
        """pytest-xdist 3.2 and later."""
        import xdist
        return tuple(int(n) for n in re.findall(r"\d+", xdist.__version__)[:2]) >= (3, 2)


def suites() -> list:
    """All suites, quick ones first."""
    found = {os.path.basename(os.path.dirname(path))
             for path in glob.glob(os.path.join(machine.ROOT, "tests", "*", "test_*.py"))}
    order = [name for name in SYSTEM_ORDER if name in found] + sorted(found - set(SYSTEM_ORDER))
    return [Lint(), Unit()] + [System(name) for name in order]


def write_report(results: list[Result], seconds: float, words: list[str]) -> None:
    """The report of the last long run, with the commit that it ran on and what was chosen."""
    commit = subprocess.run(["git", "-c", "safe.directory=*", "describe", "--always", "--dirty", "--abbrev=12"],
                            cwd=machine.ROOT, check=False, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
    good = sum(result.passed for result in results)
    lines = ["<!-- SPDX-License-Identifier: MIT -->", "# The last long test run", "",
             f"Commit {commit or 'unknown'}, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, "
             f"{seconds / 60:.0f} minutes: {good} passed, {len(results) - good} failed "
             f"(`{' '.join(['./test', '--long', *words])}`).", "", "| suite | passed | failed | seconds |",
             "| --- | --- | --- | --- |"]
    for suite in dict.fromkeys(result.name.split(":")[0] for result in results):
        mine = [result for result in results if result.name.split(":")[0] == suite]
        lines.append(f"| {suite} | {sum(r.passed for r in mine)} | "
                     f"{sum(not r.passed for r in mine)} | {sum(r.seconds for r in mine):.0f} |")
    failures = [result for result in results if not result.passed]
    if failures:
        lines += ["", "Failed:", ""] + [f"- `{result.name}`" for result in failures]
    with open(REPORT, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def parse() -> argparse.Namespace:
    parser = machine.Parser(prog="./test", add_help=False)
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("-j", type=machine.number(1), default=2, dest="jobs", metavar="N")
    parser.add_argument("--check-options", action="store_true", help="do nothing else")
    parser.add_argument("tests", nargs="*")
    args = parser.parse_args()
    known = [suite.name for suite in suites()]
    for name in args.suite:
        if name not in known:
            parser.error(f"no suite '{name}'; there are {', '.join(known)}")
    return args


def main() -> int:
    args = parse()
    if args.check_options:
        return 0
    start = time.monotonic()
    results = []
    listed = 0
    for suite in suites():
        if args.suite and suite.name not in args.suite:
            continue
        names = [name for name in suite.list(args.long)
                 if not args.tests or any(text in name for text in args.tests)]
        listed += len(names)
        if args.list:
            print("\n".join(names)) if names else None
        elif names:
            print(f"== {suite.name}")
            results += suite.run(names, args)
    if args.list:
        return 0
    if not listed:
        print("test: no test has such a name; ./test --list", file=sys.stderr)
    if args.long:
        chosen = [word for name in args.suite for word in ("--suite", name)] + args.tests
        write_report(results, time.monotonic() - start, chosen)
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"failed: {result.name}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 0 if results and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
