"""Boot images that are not as they were signed: each must end without the kernel having run."""

import collections
import concurrent.futures
import hashlib
import importlib.machinery
import importlib.util
import os
import pathlib
import random
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A loader that was hit in its own code may hang. That is no way to run the kernel either.
TIMEOUT_S = 3
LOADER_FAILURE = 102
REFUSAL = "loader: the boot image is damaged or not signed by its owner"
# Printed by a kernel that runs, also by one that fails early.
KERNEL_SIGNS = ("init: booted", "no boot archive", "panic on CPU", "kmain")
# The loader is smaller than this: behind it there is only payload and signature.
LOADER_BYTES = 128 * 1024
SHORT_COUNT = 60
LONG_COUNT = 500


def boot(image):
    command = ["qemu-system-riscv64", "-machine", "virt", "-nographic", "-m", "64M", "-kernel", image,
               "-append", "log=info"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT_S)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace")


def boot_bytes(image):
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        return boot(file.name)


def ran(log):
    return any(sign in log for sign in KERNEL_SIGNS)


def refusal_problem(image):
    """Why a boot of this image was not the refusal that it has to be."""
    status, log = boot_bytes(image)
    if ran(log):
        return "the kernel ran"
    if REFUSAL not in log or status != LOADER_FAILURE:
        return f"status {status}, log ends with {log[-120:]!r}"
    return None


def flip(image, bit):
    damaged = bytearray(image)
    damaged[bit // 8] ^= 1 << bit % 8
    return damaged


def flipped_bits(image, count, jobs):
    """Flips one bit in each of `count` boots. Nothing, or the first problem; and how the boots ended."""
    seed = os.environ.get("NACRE_SEED") or str(random.randrange(1 << 32))
    generator = random.Random(seed)
    # Half of them in the loader itself, which is the smaller and the more interesting part.
    bits = [generator.randrange(8 * (len(image) if i % 2 else LOADER_BYTES)) for i in range(count)]
    endings = collections.Counter()
    problem = None
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for bit, (status, log) in zip(bits, pool.map(lambda bit: boot_bytes(flip(image, bit)), bits)):
            refused = REFUSAL in log and status == LOADER_FAILURE
            endings["refused" if refused else "hung" if status is None else "stopped otherwise"] += 1
            where = f"bit {bit % 8} of byte {bit // 8} of {len(image)} (NACRE_SEED={seed})"
            if ran(log):
                problem = problem or f"the kernel ran with {where}"
            elif bit // 8 >= LOADER_BYTES and not refused:
                problem = problem or f"status {status} with {where}"
    return problem, ", ".join(f"{number} {kind}" for kind, number in endings.items())


def load_seal():
    path = str(ROOT / "tools/image/seal")
    loader = importlib.machinery.SourceFileLoader("seal", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("seal", loader))
    loader.exec_module(module)
    return module


def signed_by_another(image):
    """The same image with a valid signature of a key that the loader does not know."""
    seal = load_seal()
    signed = bytes(image[:-seal.SIGNATURE_BYTES])
    with tempfile.TemporaryDirectory() as folder:
        key = pathlib.Path(folder) / "key.pem"
        seal.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key,
                 stderr=subprocess.DEVNULL)
        return refusal_problem(signed + seal.sign(hashlib.sha256(signed).digest(), key))


def checks(path):
    """Triples of a check's name, what is wrong if anything, and a remark."""
    image = pathlib.Path(path).read_bytes()
    long = "NACRE_LONG" in os.environ
    count = LONG_COUNT if long else SHORT_COUNT
    jobs = int(os.environ.get("NACRE_JOBS", os.cpu_count() or 1))
    problem, endings = flipped_bits(image, count, jobs)
    yield f"one flipped bit, {count} times", problem, endings
    yield "an image cut short", refusal_problem(image[:-4096]), ""
    yield "an image without a signature", refusal_problem(image[:-64] + bytes(64)), ""
    yield "an image that someone else signed", signed_by_another(image), ""
