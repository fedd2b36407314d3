"""What the whole-program tests share: running a WebAssembly program through some engine command and judging the result.

An engine is a command line that takes `[--dir HOST::GUEST]… [--env K=V]… [-W KEY=VALUE]… FILE.wasm [ARGUMENT]…`, as
`./nacre run` and `wasm-run` (under qemu-riscv64) do.
"""

import dataclasses
import os
import pathlib
import shlex
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Run:
    """One program to be run, and how."""

    wasm: pathlib.Path
    arguments: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)
    directories: list = dataclasses.field(default_factory=list)  # (host path, guest name)
    options: list = dataclasses.field(default_factory=list)  # further engine options
    stdin: bytes = b""
    timeout: float = 60.0


@dataclasses.dataclass
class Outcome:
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False


class Engine:
    def __init__(self, command):
        self.command = shlex.split(command)
        self.label = "linux" if "wasm-run" in command else "nacre" if "nacre" in command else self.command[0]

    def run(self, run):
        line = list(self.command)
        for host, guest in run.directories:
            line += ["--dir", f"{host}::{guest}"]
        for key, value in run.environment.items():
            line += ["--env", f"{key}={value}"]
        line += list(run.options) + [str(run.wasm)] + [str(a) for a in run.arguments]
        begin = time.monotonic()
        try:
            done = subprocess.run(line, input=run.stdin, capture_output=True, timeout=run.timeout, cwd=ROOT)
        except subprocess.TimeoutExpired as error:
            return Outcome(-1, error.stdout or b"", error.stderr or b"", run.timeout, True)
        except OSError as error:
            return Outcome(-1, b"", f"{self.command[0]}: {error}".encode(), 0)
        return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def shorten(data, limit=400):
    """Output for a person to read."""
    text = data.decode("utf-8", "replace")
    return text if len(text) <= limit else text[: limit // 2] + " […] " + text[-limit // 2 :]


def differences(outcome, exit_code=0, stdout=None, stderr=None):
    """Why an outcome is not what was expected, as lines; None expects nothing in particular."""
    if outcome.timed_out:
        return [f"still running after {outcome.seconds:.0f} s", f"stderr: {shorten(outcome.stderr)!r}"]
    lines = []
    if exit_code is not None and outcome.exit_code != exit_code:
        lines.append(f"exit code {outcome.exit_code}, expected {exit_code}")
    for name, got, wanted in (("stdout", outcome.stdout, stdout), ("stderr", outcome.stderr, stderr)):
        if wanted is not None and got != wanted:
            lines.append(f"{name}: {len(got)} bytes {shorten(got)!r}, expected {len(wanted)} bytes {shorten(wanted)!r}")
    if lines and stderr is None and outcome.stderr:
        lines.append(f"stderr: {shorten(outcome.stderr)!r}")
    return lines


class Report:
    """Counts and prints results; the last line is `NAME: N passed, N failed, N skipped`."""

    def __init__(self, name, verbose):
        self.name = name
        self.verbose = verbose
        self.passed = self.failed = self.skipped = 0

    def add(self, case, problems, seconds):
        if problems:
            self.failed += 1
            print(f"FAIL {case} ({seconds:.1f} s)")
            for line in problems:
                print(f"     {line}")
        else:
            self.passed += 1
            if self.verbose:
                print(f"ok   {case} ({seconds:.1f} s)")

    def skip(self, case, why):
        self.skipped += 1
        print(f"skip {case}: {why}")

    def finish(self):
        print(f"{self.name}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


# The same programs through the compiled code alone (qemu-user) and through the booted system.
DEFAULT_ENGINES = ["qemu-riscv64 build/riscv64-linux/engine/host/wasm-run", "./nacre run"]


def add_common_options(parser):
    parser.add_argument("--engine", action="append", metavar="COMMAND",
                        help=f"engine command, may be repeated (default: {', '.join(DEFAULT_ENGINES)})")
    suites = os.environ.get("NACRE_SUITES", str(ROOT / "suites"))
    parser.add_argument("--suites", type=pathlib.Path, default=pathlib.Path(suites), metavar="DIR",
                        help="folder with bench/ and wasi/ (default: $NACRE_SUITES or suites/)")
    parser.add_argument("--verbose", "-v", action="store_true", help="name the cases that pass, too")
    parser.add_argument("filter", nargs="*", help="run only cases whose name contains one of these")


def engines(options):
    return [Engine(command) for command in options.engine or DEFAULT_ENGINES]


def wanted(options, case):
    return not options.filter or any(part in case for part in options.filter)
