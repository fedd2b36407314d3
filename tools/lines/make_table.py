#!/usr/bin/env python3
"""Makes the table from which a panic's backtrace gets functions, inlined calls, files and lines (base/elf/line_table.hh).

usage: make_table.py KERNEL.elf TABLE [--prefix FOLDER/]

Reads the kernel's debug information through llvm-dwarfdump, llvm-nm and llvm-symbolizer. `--prefix` is taken off file names.
"""

import argparse
import bisect
import collections
import pathlib
import re
import struct
import subprocess
import sys

MAGIC = b"NLT2"
GROUP = 16
LIBRARY = "c++/v1/"

HEADER = struct.Struct("<4sIQIIII")
ROW = re.compile(rb"^0x([0-9a-f]{16}) ", re.MULTILINE)
BRACKETS = re.compile(r"\[abi:[^\]]*\]|\[clone [^\]]*\]")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]{8,16}):\s+(\S+)\s*(.*)$")
# Instructions that neither call nor access memory nor trap.
HARMLESS = re.compile(
    r"(c\.)?(add|addi|addw|addiw|addi16sp|addi4spn|sub|subw|and|andi|andn|or|ori|orn|xor|xori|xnor|not|li|lui|mv|nop|auipc|j|jr|"
    r"beq|bne|blt|bge|bltu|bgeu|beqz|bnez|sll|slli|srl|srli|sra|srai|sllw|slliw|srlw|srliw|sraw|sraiw|slt|slti|sltu|sltiu|"
    r"mul|mulh|mulhu|mulhsu|mulw|div|divu|divw|divuw|rem|remu|remw|remuw|sh[123]add(\.uw)?|add\.uw|slli\.uw|"
    r"clz|clzw|ctz|ctzw|cpop|cpopw|max|maxu|min|minu|sext\.[bhw]|zext\.[bhw]|rol|rolw|ror|rorw|rori|roriw|orc\.b|rev8|"
    r"bclr|bclri|bext|bexti|binv|binvi|bset|bseti|fence|fence\.i)")
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


def encode_symbols(uses):
    """The blob of all symbols and files, and each symbol's offset in it; the most used symbols come first, where offsets are
    short."""
    order = [symbol for symbol, _ in uses.most_common()]
    files = sorted({file for _, file in order} - {""})
    # How long the symbols are depends on the files' offsets, and these on the symbols' length: until both agree.
    files_at = 0
    while True:
        offset_of, at = {"": 0}, files_at
        for file in files:
            offset_of[file] = at
            at += len(file.encode()) + 1
        blob, offsets = bytearray(b"\0"), {}
        for name, file in order:
            offsets[name, file] = len(blob)
            blob += varint(offset_of[file]) + name.encode() + b"\0"
        if len(blob) == files_at:
            break
        files_at = len(blob)
    for file in files:
        blob += file.encode() + b"\0"
    return blob, offsets


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


def read_points(kernel):
    """Addresses that a report can name: calls, whose return addresses are on stacks, and what can fault. What the stack pointer
    is the base of faults only where the stack ends, and then the function is all that matters."""
    for row in run("llvm-objdump-19", "-d", "--no-show-raw-insn", "-M", "no-aliases", kernel, text=True).splitlines():
        match = INSTRUCTION.match(row)
        if not match:
            continue
        address, operation, operands = match.groups()
        if HARMLESS.fullmatch(operation) or operands.startswith(("zero,", "zero\n")) and operation in ("jal", "jalr"):
            continue
        if "(sp)" in operands:
            continue
        yield int(address, 16)


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

    def add(self, address, frames):
        parent, call_line = 0, 0
        for name, file, line in reversed(frames):
            number = self.node((parent, (name, file), call_line))
            parent, call_line = number, line
        # Line 0 is code without a place of its own: it counts to what stands before it.
        if self.rows and (self.rows[-1][1:] == (parent, call_line) or (call_line == 0 and self.rows[-1][1] == parent)):
            return
        self.rows.append((address, parent, call_line))

    def encode(self, end, offsets):
        out = bytearray(varint(len(self.nodes)))
        for number, (parent, symbol, call_line) in enumerate(self.nodes):
            out += varint(number - parent) + varint(offsets[symbol]) + varint(call_line)
        out += varint(len(self.rows))
        at, node, line = self.start, None, 0
        for address, row_node, row_line in self.rows:
            changed = row_node != node
            out += varint((address - at) // 2 << 1 | changed)
            out += varint(row_node) + varint(row_line) if changed else signed(row_line - line)
            at, node, line = address, row_node, row_line
        return varint((end - self.start) // 2) + varint(len(out)) + out


def make_table(kernel, prefix):
    starts, end = read_functions(kernel)
    rows = {int(row, 16) for row in ROW.findall(run("llvm-dwarfdump-19", "--debug-line", kernel))}
    places = sorted({row for row in rows if starts[0] <= row < end} | set(starts))
    reported = {places[bisect.bisect_right(places, point) - 1] for point in read_points(kernel) if starts[0] <= point < end}
    addresses = sorted(reported | set(starts))
    short, functions = {}, [Function(start) for start in starts]
    for address, frames in zip(addresses, symbolize(kernel, addresses)):
        clean = []
        for name, file, line in frames:
            if name not in short:
                short[name] = shorten(name)
            clean.append((short[name], file.removeprefix(prefix), line))
        # Inlined pieces of the C++ library say nothing that the line which uses them does not, and are half of all.
        clean = [frame for frame in clean[:-1] if not frame[1].startswith(LIBRARY)] + clean[-1:]
        functions[bisect.bisect_right(starts, address) - 1].add(address, clean)
    uses = collections.Counter(symbol for function in functions for _, symbol, _ in function.nodes)
    symbols, offsets = encode_symbols(uses)
    index, data = bytearray(), bytearray()
    data_at = HEADER.size + 8 * -(-len(functions) // GROUP)
    for number, (function, next_start) in enumerate(zip(functions, starts[1:] + [end])):
        if number % GROUP == 0:
            index += struct.pack("<II", function.start - starts[0], data_at + len(data))
        data += function.encode(next_start, offsets)
    strings_at = data_at + len(data)
    header = HEADER.pack(MAGIC, len(functions), starts[0], end - starts[0], HEADER.size, strings_at,
                         strings_at + len(symbols))
    return header + index + data + symbols


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
