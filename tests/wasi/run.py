#!/usr/bin/env python3
"""Runs the WASI preview-1 conformance programs of suites/wasi through an engine.

A program X.wasm may have an X.json beside it: {"args": […], "env": {…}, "root": folder preopened as "/", "exit_code": 0,
"stdout": …, "stderr": …}. It runs over a fresh copy of its root, from which *.cleanup entries are deleted first. The last
line is `wasi: N passed, N failed, N skipped`.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "programs"))
import engine  # noqa: E402


def fresh_copy(source, target):
    shutil.copytree(source, target, symlinks=True)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in target.rglob("*.cleanup"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def run_case(chosen, wasm, scratch):
    description = wasm.with_suffix(".json")
    expected = json.loads(description.read_text()) if description.exists() else {}
    run = engine.Run(wasm, expected.get("args", []), expected.get("env", {}), timeout=120)
    if "root" in expected:
        root = scratch / "root"
        fresh_copy(wasm.parent / expected["root"], root)
        run.directories.append((root, "/"))
    outcome = chosen.run(run)

    def text(key):
        return expected[key].encode() if key in expected else None

    return outcome, engine.differences(outcome, expected.get("exit_code", 0), text("stdout"), text("stderr"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    engine.add_common_options(parser)
    options = parser.parse_args()
    report = engine.Report("wasi", options.verbose)
    suite = options.suites / "wasi"
    if not suite.is_dir():
        print(f"wasi: no suite at {suite}: nothing to run")
        return report.finish()
    chosen = engine.Engine(options.engine)
    for wasm in sorted(suite.glob("*/*.wasm")):
        case = f"{wasm.parent.name}/{wasm.stem}"
        if not engine.wanted(options, case):
            continue
        with tempfile.TemporaryDirectory(prefix="nacre-wasi-") as scratch:
            outcome, problems = run_case(chosen, wasm, pathlib.Path(scratch))
        report.add(case, problems, outcome.seconds)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
