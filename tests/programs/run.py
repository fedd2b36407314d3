#!/usr/bin/env python3
"""Runs whole programs through an engine and compares standard output, standard error and exit code.

Groups: guest (build/guests: the examples and tests/guests), bench (suites/bench), real (SQLite and CPython). Name parts of
cases to run only those, e.g. `run.py guest/traps real`. The last line is `programs: N passed, N failed, N skipped`.
"""

import argparse
import dataclasses
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import engine  # noqa: E402
import fetch  # noqa: E402
from engine import ROOT, Run  # noqa: E402

DATA = pathlib.Path(__file__).resolve().parent / "data"
TRAP_EXIT_CODE = 134


@dataclasses.dataclass
class Case:
    name: str
    run: Run
    exit_code: int = 0
    stdout: bytes = None
    stderr: bytes = None
    # Must occur in standard error.
    stderr_has: list = dataclasses.field(default_factory=list)
    # Further judgement: a function from the Outcome to a list of problems.
    judge: object = None


def trap_case(name, run, message, stdout=b""):
    return Case(name, run, TRAP_EXIT_CODE, stdout, stderr_has=[message])


# ---------------------------------------------------------------- guests

CONTAINERS = b"""and   1
sand  1
sea   1
shell 2
takes 2
the   4
sum of multiples of 7: 71071
area 6.2500
area 7.0686
0xbeef
"""

TRAPS = {
    "unreachable": "unreachable",
    "abort": "unreachable",
    "recursion": "call stack exhausted",
    "divide": "integer divide by zero",
    "overflow": "integer overflow",
    "convert": "integer overflow",
    "nan": "invalid conversion to integer",
    "null-call": "uninitialized element",
    "wrong-type": "indirect call type mismatch",
}

# Access, address, whether it lies inside the memory.
ACCESSES = [
    ("load8_0", "end-1", True),
    ("load8_0", "end", False),
    ("load8_0", "0xffffffff", False),
    ("load8_0", "0x80000000", False),
    ("load16_0", "end-2", True),
    ("load16_0", "end-1", False),
    ("load32_0", "end-4", True),
    ("load32_0", "end-3", False),
    ("load64_0", "end-8", True),
    ("load64_0", "end-7", False),
    ("load64_0", "0xfffffffc", False),
    ("loadf64_0", "end-8", True),
    ("loadf64_0", "end-1", False),
    ("load8_2047", "end-2048", True),
    ("load8_2047", "end-2047", False),
    ("load8_2048", "end-2049", True),
    ("load8_2048", "end-2048", False),
    ("load8_2048", "0xffffffff", False),
    ("load8_65535", "end-65536", True),
    ("load8_65535", "end-1", False),
    ("load32_65536", "0", True),
    ("load32_65536", "end-65536", False),
    ("load64_1g", "0", False),
    ("load64_1g", "0xc0000000", False),
    ("load8_2g", "0", False),
    ("load8_2g", "0x80000000", False),
    ("load8_max", "0", False),
    ("load8_max", "1", False),
    ("load8_max", "0xffffffff", False),
    ("load64_max", "0xffffffff", False),
    ("store8_0", "end-1", True),
    ("store8_0", "end", False),
    ("store64_0", "end-7", False),
    ("store64_0", "0xffffffff", False),
    ("store32_65536", "end-65536", False),
    ("store64_max", "0xffffffff", False),
]


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def judge_hash(outcome):
    # The guest printed the hash of what it wrote.
    if outcome.stderr.strip() != b"%016x" % fnv1a(outcome.stdout):
        return [f"the bytes that arrived do not have the hash {outcome.stderr.strip().decode()}"]
    return []


def judge_memory_limit(outcome):
    count = int(outcome.stdout.split()[0]) if outcome.stdout else 0
    return [] if 32 <= count < 64 else [f"{count} MiB could be had under a limit of 64 MiB"]


def judge_timeout(outcome):
    return [] if outcome.seconds < 30 else [f"took {outcome.seconds:.0f} s to be stopped after 1 s"]


def tree(folder):
    """A small tree of files for the guests to read."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "one.txt").write_bytes(b"one line\n")
    (folder / "deep" / "two.txt").write_bytes(b"two\nlines and words\n" * 1000)
    (folder / "deep" / "er" / "empty").write_bytes(b"")
    (folder / "deep" / "er" / "bytes").write_bytes(bytes(range(256)) * 1000)
    (folder / "link").symlink_to("deep/two.txt")
    return folder


LISTING = b"""d        - /t/deep
d        - /t/deep/er
f   256000 /t/deep/er/bytes
f        0 /t/deep/er/empty
f    20000 /t/deep/two.txt
l       12 /t/link
f        9 /t/one.txt
"""


def example_cases(guests, folder):
    mounts = [(folder, "/t")]
    big = b"".join(b"%d " % n for n in range(40000))
    yield Case("hello", Run(guests / "hello.wasm"), 0, b"Hello from WebAssembly on Nacre!\n", b"")
    yield Case("containers", Run(guests / "containers.wasm"), 0, CONTAINERS, b"")
    yield Case("cat", Run(guests / "cat.wasm", ["/t/one.txt", "/t/link", "/t/deep/er/bytes"], directories=mounts), 0,
               b"one line\n" + b"two\nlines and words\n" * 1000 + bytes(range(256)) * 1000, b"")
    yield Case("cat-missing", Run(guests / "cat.wasm", ["/t/none", "/t/one.txt"], directories=mounts), 1, b"one line\n",
               b"cat: /t/none: No such file or directory\n")
    yield Case("cat-outside", Run(guests / "cat.wasm", ["/t/../../etc/passwd"], directories=mounts), 1, b"")
    yield Case("cat-stdin", Run(guests / "cat.wasm", stdin=big), 0, big, b"")
    yield Case("cat-no-input", Run(guests / "cat.wasm"), 0, b"", b"")
    yield Case("wc", Run(guests / "wc.wasm", ["/t/deep/two.txt"], directories=mounts), 0,
               b"2000 4000 20000 /t/deep/two.txt\n", b"")
    yield Case("ls", Run(guests / "ls.wasm", ["/t"], directories=mounts), 0, LISTING, b"")


def test_guest_cases(guests, folder):
    writable = folder / "writable"
    writable.mkdir()
    yield Case("args", Run(guests / "args.wasm", ["7", "a b", "", "--dir", "é"], {"A": "b", "C": "d=e f"}), 7,
               "arg 1 <7>\narg 2 <a b>\narg 3 <>\narg 4 <--dir>\narg 5 <é>\nenv <A=b>\nenv <C=d=e f>\n".encode(),
               b"to standard error\n")
    yield Case("args-255", Run(guests / "args.wasm", ["255"]), 255)
    yield Case("big-output", Run(guests / "big_output.wasm", timeout=120), judge=judge_hash)
    yield Case("files", Run(guests / "files.wasm", ["/w"], directories=[(writable, "/w")]), 0, b"files: all right\n", b"")
    yield Case("files-in-cwd", Run(guests / "files.wasm", ["."], directories=[(writable, ".")]), 0,
               b"files: all right\n", b"")
    yield Case("fill-disk", Run(guests / "fill_disk.wasm", ["/w"], directories=[(writable, "/w")], timeout=120), 0,
               b"fill_disk: no space, and then space again\n", b"")
    yield Case("poll", Run(guests / "poll.wasm", stdin=b"some input"), 0,
               b"slept long enough\nthe year is plausible\nstdout is ready\nread some input\n", b"")
    yield Case("memory-limit", Run(guests / "memory.wasm", options=["-W", "max-memory-size=67108864"]), 0,
               judge=judge_memory_limit)
    yield Case("timeout", Run(guests / "spin.wasm", options=["-W", "timeout=1s"]), TRAP_EXIT_CODE, b"spinning\n",
               stderr_has=["interrupt"], judge=judge_timeout)
    for kind, message in TRAPS.items():
        yield trap_case(f"traps-{kind}", Run(guests / "traps.wasm", [kind]), message)
    for access, address, is_inside in ACCESSES:
        run = Run(guests / "out_of_bounds.wasm", [access, address])
        name = f"bounds-{access}-{address}"
        if is_inside:
            yield Case(name, run, 0, b"survived\n", b"")
        else:
            yield trap_case(name, run, "out of bounds memory access")


def guest_cases(folder):
    guests = ROOT / "build" / "guests"
    if not (guests / "hello.wasm").exists():
        raise fetch.Unavailable("the guests are not built (ninja target `guests`)")
    yield from example_cases(guests, tree(folder / "tree"))
    yield from test_guest_cases(guests, folder)


# ---------------------------------------------------------------- suites/bench

BENCH = ["noop", "bz2", "blake3-scalar", "quicksort", "richards", "shootout"]


def read_if_there(path):
    return path.read_bytes() if path.exists() else None


def bench_cases(suites):
    if not (suites / "bench").is_dir():
        raise fetch.Unavailable(f"no suite at {suites / 'bench'}")
    for name in BENCH:
        for wasm in sorted((suites / "bench" / name).glob("*.wasm")):
            case = name if wasm.stem == "benchmark" else wasm.stem
            run = Run(wasm, directories=[(wasm.parent, ".")], timeout=900)
            yield Case(case, run, 0, read_if_there(wasm.with_suffix(".stdout.expected")),
                       read_if_there(wasm.with_suffix(".stderr.expected")))


# ---------------------------------------------------------------- SQLite, CPython


def real_cases(folder):
    programs = fetch.runno()
    (folder / "query.sql").write_bytes((DATA / "query.sql").read_bytes())
    expected = (DATA / "query.expected").read_bytes()
    yield Case("sqlite-file", Run(programs / "sqlite.wasm", ["-batch", "-bail", "/test.db", ".read /query.sql"],
                                  directories=[(folder, "/")], timeout=300), 0, expected, b"")
    yield Case("sqlite-stdin", Run(programs / "sqlite.wasm", ["-batch"], stdin=(DATA / "query.sql").read_bytes(),
                                   timeout=300), 0, expected, b"")
    work = folder / "work"
    work.mkdir()
    (work / "library.py").write_bytes((DATA / "library.py").read_bytes())
    mounts = [(programs / "python", "/"), (work, "/work")]
    python = programs / "python-3.11.3.wasm"
    yield Case("python-hello", Run(python, ["-c", "print(6 * 7)"], directories=mounts, timeout=600), 0, b"42\n", b"")
    yield Case("python-library", Run(python, ["/work/library.py", "one", "two three"], {"COLOUR": "green"}, mounts,
                                     timeout=600), 23, (DATA / "library.expected").read_bytes(), b"to standard error\n")


# ---------------------------------------------------------------- running


def judge(case, outcome):
    problems = engine.differences(outcome, case.exit_code, case.stdout, case.stderr)
    if outcome.timed_out:
        return problems
    for text in case.stderr_has:
        if text.encode() not in outcome.stderr:
            problems.append(f"stderr does not say {text!r}: {engine.shorten(outcome.stderr)!r}")
    if case.judge is not None and not problems:
        problems += case.judge(outcome)
    return problems


def run_group(report, chosen, options, group, cases):
    try:
        for case in cases:
            name = f"{group}/{case.name}"
            if engine.wanted(options, name):
                outcome = chosen.run(case.run)
                report.add(name, judge(case, outcome), outcome.seconds)
    except fetch.Unavailable as why:
        report.skip(group, why)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    engine.add_common_options(parser)
    options = parser.parse_args()
    chosen = engine.Engine(options.engine)
    report = engine.Report("programs", options.verbose)
    with tempfile.TemporaryDirectory(prefix="nacre-programs-") as scratch:
        folder = pathlib.Path(scratch)
        for group in ("guest", "bench", "real"):
            (folder / group).mkdir()
        groups = {
            "guest": guest_cases(folder / "guest"),
            "bench": bench_cases(options.suites),
            "real": real_cases(folder / "real"),
        }
        for group, cases in groups.items():
            if any(engine.wanted(options, group) or part.startswith(group) for part in options.filter or [group]):
                run_group(report, chosen, options, group, cases)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
