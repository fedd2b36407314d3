"""Where the loader puts things: at other places at each boot, as random as boot/loader/README.md says."""

import concurrent.futures
import os
import re
import subprocess

TIMEOUT_S = 60
MODES = ("sv39", "sv48", "sv57")
SHORT_BOOTS = 8
LONG_BOOTS = 200

# Bits of an address that are random: from the alignment of the piece to below the two highest of the upper half. How the two
# fall depends a little on the room that the other pieces leave.
HALF_BITS = {"sv39": 38, "sv48": 47, "sv57": 56}
ALIGNMENT_BITS = {"direct map": 21, "image": 12, "stack": 12, "TLS": 12, "stack of CPU 1": 12}
PATTERNS = {
    "image": r"kernel at 0x([0-9a-f]+)",
    "direct map": r"direct map at 0x([0-9a-f]+)",
    "stack": r"CPU 0: hart \d+, stack 0x([0-9a-f]+)",
    "TLS": r"CPU 0: .*TLS 0x([0-9a-f]+)",
    "stack of CPU 1": r"CPU 1: hart \d+, stack 0x([0-9a-f]+)",
}


def boot(image, arguments, *options):
    command = ["qemu-system-riscv64", "-machine", "virt", "-nographic", "-m", "64M", *options, "-kernel", image,
               "-append", arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIMEOUT_S)
    return done.returncode, done.stdout.decode(errors="replace")


def places(image, mode):
    """The address of each piece in one boot."""
    _, log = boot(image, f"log=debug paging={mode}", "-smp", "2")
    found = {name: re.search(pattern, log) for name, pattern in PATTERNS.items()}
    missing = [name for name, match in found.items() if not match]
    if missing:
        raise ValueError(f"the log does not tell the place of: {', '.join(missing)}; it ends with {log[-200:]!r}")
    return {name: int(match[1], 16) for name, match in found.items()}


def problem_of(piece, mode, addresses):
    """Why these addresses do not look random, if so. Both tests fail once in a million runs."""
    count = len(addresses)
    low, high = ALIGNMENT_BITS[piece], HALF_BITS[mode] - 2
    # Fewer places than for anything else: 2^16.6 for the direct map under Sv39.
    if count - len(set(addresses)) > (4 if count > 50 else 2 if piece == "direct map" else 0):
        return f"{piece} under {mode}: only {len(set(addresses))} places in {count} boots"
    # 6 standard deviations.
    slack = 3 * count ** 0.5
    for bit in range(low, high):
        ones = sum(address >> bit & 1 for address in addresses)
        if abs(ones - count / 2) > slack:
            return f"{piece} under {mode}: bit {bit} is set in {ones} of {count} boots"
    return None


def randomness(image):
    """Triples of a check's name, what is wrong if anything, and a remark."""
    boots = LONG_BOOTS if "NACRE_LONG" in os.environ else SHORT_BOOTS
    jobs = int(os.environ.get("NACRE_JOBS", os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mode in MODES:
            name = f"places are random under {mode}"
            try:
                seen = list(pool.map(lambda _, mode=mode: places(image, mode), range(boots)))
            except ValueError as error:
                yield name, str(error), ""
                continue
            problems = [problem_of(piece, mode, [place[piece] for place in seen]) for piece in PATTERNS]
            yield name, next(filter(None, problems), None), f"{boots} boots"


def fixed(image):
    """kaslr=off puts everything where the linker thinks it is, every time."""
    logs = [boot(image, "log=debug kaslr=off")[1] for _ in range(2)]
    for log in logs:
        if "slide 0x0)" not in log:
            return f"no slide of 0 in {log[-200:]!r}"
    return None


def without_seed(image):
    """A machine whose firmware has no seed still boots, at other places each time, and says what they are worth."""
    seen = set()
    for _ in range(2):
        status, log = boot(image, "log=debug seed=off")
        if "firmware gives no random seed" not in log:
            return f"the log does not say that there is no seed: {log[-200:]!r}"
        if status:
            return f"status {status}"
        seen.add(re.search(PATTERNS["image"], log)[1])
    return None if len(seen) == 2 else "twice at the same place"
