"""The boot archive of a shell: cpio "newc" with a config (base/launch) and the trees of --dir (abi/control.hh)."""

import os
import pathlib
import stat


def encode_entry(name, mode, data, number, modified=0):
    """One entry; `name` as text, `data` as bytes."""
    encoded = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, modified, len(data), 0, 0, 0, 0, len(encoded), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    pad = lambda blob: blob + b"\0" * (-len(blob) % 4)
    return pad(head) + pad(data)


def tree_entries(root, prefix):
    """Name, mode, content and time of all below a folder; what is neither file, folder nor link is left out."""
    for folder, names, files in os.walk(root):
        names.sort()
        links = [name for name in names if (pathlib.Path(folder) / name).is_symlink()]
        for name in sorted(set(files) | set(names)):
            path = pathlib.Path(folder) / name
            status = path.lstat()
            inside = f"{prefix}/{path.relative_to(root)}"
            if stat.S_ISLNK(status.st_mode):
                yield inside, status.st_mode, os.readlink(path).encode(), int(status.st_mtime)
            elif stat.S_ISDIR(status.st_mode):
                yield inside, status.st_mode, b"", int(status.st_mtime)
            elif stat.S_ISREG(status.st_mode):
                yield inside, status.st_mode, path.read_bytes(), int(status.st_mtime)
        names[:] = [name for name in names if name not in links]


def make_archive(directories):
    """`directories`: pairs of a host folder and its path for programs."""
    config = b"".join(f"preopen={i}:{guest}".encode() + b"\0" for i, (_, guest) in enumerate(directories))
    out = bytearray(encode_entry("config", stat.S_IFREG | 0o444, config, 1))
    number = 2
    for i, (host, _) in enumerate(directories):
        for name, mode, data, modified in [(f"root{i}", stat.S_IFDIR | 0o755, b"", 0), *tree_entries(host, f"root{i}")]:
            out += encode_entry(name, mode, data, number, modified)
            number += 1
    out += encode_entry("TRAILER!!!", 0, b"", 0)
    return bytes(out)
