"""Runs programs under QEMU with the counting plug-in and reads what it reports."""

import bisect
import collections
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 600
EMULATOR = "qemu-riscv64"
# What the loader's functions are for, by their names.
LOADER_PARTS = {"hash": r"[Ss]ha256", "signature": r"p256::|^br_", "unpack": r"^(ZSTD|HUF|FSE)_"}


class Failure(Exception):
    """A program ended badly or something is not there."""


@dataclasses.dataclass
class Kernel:
    result: int
    instructions: int
    code_bytes: int
    wasm_bytes: int = 0


@dataclasses.dataclass
class Compilation:
    instructions: int
    wasm_bytes: int
    code_bytes: int


@dataclasses.dataclass
class Region:
    first: int  # instructions before it
    total: int
    minimum: int


def add_arguments(parser):
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", metavar="DIR",
                        help="where the presets' build folders are")
    parser.add_argument("--host-build", type=pathlib.Path, help="instead of DIR/host")
    parser.add_argument("--linux-build", type=pathlib.Path, help="instead of DIR/riscv64-linux")
    parser.add_argument("--boot-image", type=pathlib.Path, help="instead of the one that `nacre run` builds")


def short_name(path):
    return "/".join(path.parts[-2:]) if path.stem in ("benchmark", "main") else path.name


def read_leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def code_section_size(path):
    """Bytes of a module's code section (core specification, 5.5)."""
    data = path.read_bytes()
    at = 8
    while at < len(data):
        section = data[at]
        size, at = read_leb(data, at + 1)
        if section == 10:
            return size
        at += size
    return 0


def find_one(text, pattern, what):
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise Failure(f"{what}: found no /{pattern}/ in {text[-300:]!r}")
    return match


class Tools:
    def __init__(self, options):
        host = options.host_build or options.build / "host"
        linux = options.linux_build or options.build / "riscv64-linux"
        self.plugin = host / "tools/bench/nacre_count.so"
        self.programs = host / "tests/perf"
        self.wasm_run = linux / "engine/host/wasm-run"
        self.kernel_tests = options.build / "riscv64-kernel/nacre-test.img"
        self.nacre_run = [ROOT / "nacre", "run"]
        self.loader = None if options.boot_image else options.build / "riscv64-kernel/boot/loader/nacre_image_loader.elf"
        self.boot_image = options.build / "riscv64-kernel/nacre.img"
        if options.boot_image:
            self.nacre_run = [host / "tools/launcher/nacre-run", "--kernel", options.boot_image]
        for path in (self.plugin, self.programs, self.wasm_run):
            if not path.exists():
                raise Failure(f"{path} is missing; `./nacre bench` builds it")

    def describe(self):
        version = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
        return f"{version}; source {commit.stdout.strip() or 'unknown'}"

    def _count(self, program, profile=None):
        """Runs a riscv64-linux program; its output and the plug-in's report."""
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report"
            plugin = f"{self.plugin},out={report}" + (f",profile={profile}" if profile else "")
            command = [EMULATOR, "-plugin", plugin, "-d", "plugin", "-D", os.devnull, *map(str, program)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                raise Failure(f"{program[0]} ran for more than {TIMEOUT_S} s") from error
            if done.returncode != 0:
                raise Failure(f"{' '.join(map(str, program))} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            if not report.exists():
                raise Failure(f"{EMULATOR} wrote no report: {done.stderr.strip()[-300:]}")
            return done, report.read_text()

    def _region(self, report, what):
        return int(find_one(report, r"^region 0 first \d+ entered 1 sum (\d+)", what)[1])

    def native(self, name, n):
        done, report = self._count([self.programs / f"{name}.native", n])
        sizes = subprocess.run(["llvm-size-19", self.programs / f"{name}.o"], capture_output=True, text=True, check=True)
        text_bytes = int(sizes.stdout.splitlines()[1].split()[0])
        return Kernel(int(done.stdout) % 2**64, self._region(report, name), text_bytes)

    def guest(self, name, n, profile=None):
        module = self.programs / f"{name}.wasm"
        done, report = self._count([self.wasm_run, "--mark", "--stats", "--invoke", "kernel", module, n], profile)
        try:
            result = int(done.stdout.split()[-1]) % 2**64
        except (ValueError, IndexError) as error:
            raise Failure(f"{name}: wasm-run printed {done.stdout!r}") from error
        return Kernel(result, self._region(report, name), self._code_bytes(done.stderr, name), code_section_size(module))

    def _code_bytes(self, text, what):
        return int(find_one(text, r"machine code: (\d+) bytes", what)[1])

    def compile_inputs(self):
        """Our own large module, and those of the benchmark suite if it is there."""
        inputs = [self.programs / "large.wasm"]
        suites = os.environ.get("NACRE_SUITES")
        if suites:
            for name in ("bz2", "blake3-scalar", "richards"):
                path = pathlib.Path(suites) / "bench" / name / "benchmark.wasm"
                if path.exists():
                    inputs.append(path)
        return inputs

    def compile_cost(self, module):
        _, report = self._count([self.wasm_run, "--compile-only", "--mark-compile", "--stats", module])
        done, _ = self._count([self.wasm_run, "--compile-only", "--stats", module])
        return Compilation(self._region(report, module.name), code_section_size(module),
                           self._code_bytes(done.stderr, module.name))

    def boot_region(self, name, arguments):
        """Region 0 of a program run on a booted machine."""
        return self._boot(name, arguments, "")[0]

    def boot_start(self, name):
        """Instructions until region 0 opens: of the firmware, of the loader, and of all that follows; and the loader's by what
        they are for."""
        region, rows = self._boot(name, [], ",everything=on,profile={}")
        # OpenSBI lies below the 2 MiB boundary at which QEMU puts what it boots; the loader runs there, untranslated. Both are
        # over before the region opens.
        firmware = sum(count for pc, count, _ in rows if pc < 0x8020_0000)
        loader = sum(count for pc, count, _ in rows if 0x8020_0000 <= pc < 1 << 32)
        return firmware, loader, region.first - firmware - loader, self._loader_parts(rows)

    def _loader_parts(self, rows):
        """By the names of its functions. Empty for an image that is not the built one."""
        if not self.loader:
            return {}
        lines = subprocess.run(["llvm-nm-19", "--demangle", self.loader], capture_output=True, text=True, check=True).stdout
        functions = sorted((int(fields[0], 16), fields[2]) for fields in (line.split(None, 2) for line in lines.splitlines())
                           if fields[1] in "tT" and fields[2][0] not in ".$")
        starts = [start for start, _ in functions]
        parts = dict.fromkeys([*LOADER_PARTS, "rest"], 0)
        for pc, count, _ in rows:
            if 0x8020_0000 <= pc < 1 << 32:
                name = functions[bisect.bisect_right(starts, pc) - 1][1]
                parts[next((part for part, pattern in LOADER_PARTS.items() if re.search(pattern, name)), "rest")] += count
        return parts

    def loader_sizes(self):
        """Bytes of the image, of the packed kernel in it, and of the kernel."""
        payload = self.loader.parent / "nacre_image_payload.zst"
        return self.boot_image.stat().st_size, payload.stat().st_size, payload.with_suffix(".elf").stat().st_size

    def _boot(self, name, arguments, profiling):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report"
            profile = pathlib.Path(folder) / "profile"
            plugin = f"{self.plugin},out={report}{profiling.format(profile)}"
            emulator = ["-plugin", plugin, "-d", "plugin", "-D", os.devnull]
            command = [*self.nacre_run, *(f"--qemu={word}" for word in emulator), self.programs / f"{name}.wasm", *arguments]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S)
            if done.returncode != 0 or not report.exists():
                raise Failure(f"`nacre run {name}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            match = find_one(report.read_text(), r"^region 0 first (\d+) entered \d+ sum (\d+) min (\d+)", name)
            rows = read_profile(profile) if profiling else []
            return Region(int(match[1]), int(match[2]), int(match[3])), rows

    def kernel_benchmarks(self):
        """Name, instructions or what is wrong, and whether that is a failure, of every benchmark of the kernel."""
        found = {}
        # What needs another hart, or other interrupt controllers, is skipped without.
        for harts, machine, which in ((1, "virt", ""), (2, "virt", ""), (1, "virt,aia=aplic-imsic", "*_imsic")):
            command = ["qemu-system-riscv64", "-machine", machine, "-nographic", "-m", "256M", "-smp", str(harts),
                       "-icount", "shift=0,sleep=off", "-kernel", self.kernel_tests, "-append", f"log=warn bench={which}"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
            lines = re.findall(r"^(\w+): (?:(\d+) instructions|(skipped|FAILED), .*)\r?$", done.stdout, re.MULTILINE)
            if not lines:
                raise Failure(f"{self.kernel_tests} prints no figures: {done.stdout[-300:]}")
            for name, count, problem in lines:
                if name not in found or not found[name][0].isdigit():
                    found[name] = (count or problem, problem == "FAILED")
        return [(name, *what) for name, what in sorted(found.items())]

    def profile(self, name, n, shown):
        """Prints the hottest stretches of straight-line compiled code, disassembled."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "profile"
            self.guest(name, n, profile=path)
            # Guest code lies above wasm-run's own, which is linked at a low address.
            rows = [row for row in read_profile(path) if row[0] > 1 << 32]
        total = sum(count for _, count, _ in rows)
        stretches = []
        for row in rows:
            last = stretches[-1][-1] if stretches else None
            if last and row[0] - last[0] in (2, 4) and row[1] == last[1]:
                stretches[-1].append(row)
            else:
                stretches.append([row])
        stretches.sort(key=lambda stretch: -sum(count for _, count, _ in stretch))
        print(f"\n{name}: {total} instructions of compiled code")
        for stretch in stretches[:shown]:
            weight = sum(count for _, count, _ in stretch)
            print(f"  {100 * weight / total:.1f} %: {len(stretch)} instructions, {stretch[0][1]} times each")
            for (pc, _, _), text in zip(stretch, disassemble(word for _, _, word in stretch)):
                print(f"    {pc & 0xFFFFFF:6x}  {text}")
        mix = collections.Counter()
        for (_, count, _), text in zip(rows, disassemble(word for _, _, word in rows)):
            mix[text.split()[0]] += count
        print("  mix: " + ", ".join(f"{op} {100 * count / total:.1f}" for op, count in mix.most_common(16)))


def read_profile(path):
    """Rows of address, count and instruction word, ascending."""
    rows = (line.split() for line in path.read_text().splitlines())
    return [(int(pc, 16), int(count), word) for pc, count, word in rows]


def disassemble(words):
    """Assembly text of instruction words given in hexadecimal."""
    lines = []
    for word in words:
        value = bytes.fromhex(word)[::-1]
        size = 4 if value[0] & 3 == 3 else 2
        lines.append(" ".join(f"0x{byte:02x}" for byte in value[:size]))
    done = subprocess.run(["llvm-mc-19", "--disassemble", "--triple=riscv64", "--mattr=+m,+a,+f,+d,+c,+zba,+zbb,+zbs"],
                          input="\n".join(lines), capture_output=True, text=True)
    texts = [line.strip().replace("\t", " ") for line in done.stdout.splitlines() if line.startswith("\t")]
    return [text for text in texts if not text.startswith(".")]
