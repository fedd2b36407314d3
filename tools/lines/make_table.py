#!/usr/bin/env python3
"""Makes the table from which a panic's backtrace gets functions, inlined calls, files and lines (base/elf/line_table.hh).

usage: make_table.py KERNEL.elf TABLE [--prefix FOLDER/]

Reads the kernel's debug information through llvm-dwarfdump, llvm-nm and llvm-symbolizer. `--prefix` is taken off file names.
"""

import argparse
import bisect
import pathlib
import re
import struct
import subprocess
import sys

MAGIC = b"NLT1"
LIBRARY = "c++/v1/"

HEADER = struct.Struct("<4sIQIIII")
ROW = re.compile(rb"^0x([0-9a-f]{16}) ", re.MULTILINE)
BRACKETS = re.compile(r"\[abi:[^\]]*\]|\[clone [^\]]*\]")
OPERATOR = re.compile(r"operator(?:\(\)|\[\]|->\*?|<=>|<<=?|>>=?|[<>]=?)")


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout


def shorten(name):
    """A function's name without its result, template arguments, parameters and qualifiers."""
    name = BRACKETS.sub("", name).replace("(anonymous namespace)", "\1").replace("std::__1::", "std::")
    name = name.split(" requires ")[0]
    # Operators hold brackets of their own.
    operators = []

    def keep(match):
        operators.append(match[0])
        return "\2"

    name = OPERATOR.sub(keep, name)
    out, depth = [], 0
    for i, char in enumerate(name):
        if char in "<([{":
            depth += 1
        elif char in ">)]}":
            # "->" closes nothing.
            if not (char == ">" and i and name[i - 1] == "-"):
                depth -= 1
        elif depth == 0:
            out.append(char)
    text = "".join(out).replace(" const", "").replace(" volatile", "").rstrip(" &*")
    # What stands before the last blank is the result's type, unless the blank belongs to a conversion or allocation operator.
    at = text.find("operator ")
    head, tail = (text[:at], text[at:]) if at >= 0 else (text, "")
    if " " in head.strip():
        head = head.strip().rsplit(" ", 1)[1]
    text = (head + tail).replace("\1", "(anonymous)")
    for operator in operators:
        text = text.replace("\2", operator, 1)
    return text or name


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value):
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


class Strings:
    """NUL-terminated texts, each once; the empty one is at 0."""

    def __init__(self):
        self.blob = bytearray(b"\0")
        self.offsets = {"": 0}

    def __getitem__(self, text):
        if text not in self.offsets:
            self.offsets[text] = len(self.blob)
            self.blob += text.encode() + b"\0"
        return self.offsets[text]


def read_functions(kernel):
    """Sorted start addresses of all functions, and the end of the text."""
    starts, end = set(), 0
    for line in run("llvm-nm-19", "--defined-only", "--print-size", kernel, text=True).splitlines():
        fields = line.split()
        kind = fields[-2]
        if kind in "tTwW" and "$x" not in fields[-1] and not fields[-1].startswith(".L"):
            start = int(fields[0], 16)
            starts.add(start)
            end = max(end, start + (int(fields[1], 16) if len(fields) == 4 else 2))
    return sorted(starts), end


def symbolize(kernel, addresses):
    """For every address its frames, innermost first: (function, file, line)."""
    text = run("llvm-symbolizer-19", f"--obj={kernel}", "--inlines", "--output-style=LLVM", text=True,
               input="\n".join(hex(address) for address in addresses))
    for block in text.split("\n\n")[:len(addresses)]:
        lines = block.strip("\n").split("\n")
        frames = []
        for i in range(0, len(lines) - 1, 2):
            file, line, _ = lines[i + 1].rsplit(":", 2)
            frames.append((lines[i], "" if file == "??" else file, int(line)))
        yield frames


class Function:
    """The data of one function: its tree of inlined calls, and rows of address, node and line."""

    def __init__(self, start):
        self.start = start
        self.nodes = {}
        self.rows = []  # address, node, line

    def node(self, key):
        return self.nodes.setdefault(key, len(self.nodes))

    def add(self, address, frames, strings):
        parent, call_line = 0, 0
        for name, file, line in reversed(frames):
            number = self.node((parent, strings[name], strings[file], call_line))
            parent, call_line = number, line
        # Line 0 is code without a place of its own: it counts to what stands before it.
        if self.rows and (self.rows[-1][1:] == (parent, call_line) or (call_line == 0 and self.rows[-1][1] == parent)):
            return
        self.rows.append((address, parent, call_line))

    def encode(self):
        out = bytearray(varint(len(self.nodes)))
        for parent, name, file, call_line in self.nodes:
            out += varint(parent) + varint(name) + varint(file) + varint(call_line)
        out += varint(len(self.rows))
        at, node, line = self.start, None, 0
        for address, row_node, row_line in self.rows:
            changed = row_node != node
            out += varint((address - at) // 2 << 1 | changed)
            out += varint(row_node) + varint(row_line) if changed else signed(row_line - line)
            at, node, line = address, row_node, row_line
        return out


def make_table(kernel, prefix):
    starts, end = read_functions(kernel)
    rows = {int(row, 16) for row in ROW.findall(run("llvm-dwarfdump-19", "--debug-line", kernel))}
    addresses = sorted({row for row in rows if starts[0] <= row < end} | set(starts))
    strings, short, functions = Strings(), {}, [Function(start) for start in starts]
    for address, frames in zip(addresses, symbolize(kernel, addresses)):
        clean = []
        for name, file, line in frames:
            if name not in short:
                short[name] = shorten(name)
            clean.append((short[name], file.removeprefix(prefix), line))
        # Inlined pieces of the C++ library say nothing that the line which uses them does not, and are half of all.
        clean = [frame for frame in clean[:-1] if not frame[1].startswith(LIBRARY)] + clean[-1:]
        functions[bisect.bisect_right(starts, address) - 1].add(address, clean, strings)
    index, data = bytearray(), bytearray()
    data_at = HEADER.size + 8 * len(functions)
    for function in functions:
        index += struct.pack("<II", function.start - starts[0], data_at + len(data))
        data += function.encode()
    strings_at = data_at + len(data)
    header = HEADER.pack(MAGIC, len(functions), starts[0], end - starts[0], HEADER.size, strings_at,
                         strings_at + len(strings.blob))
    return header + index + data + strings.blob


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernel", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--prefix", default="")
    options = parser.parse_args()
    options.table.write_bytes(make_table(options.kernel, options.prefix))
    return 0


if __name__ == "__main__":
    sys.exit(main())
