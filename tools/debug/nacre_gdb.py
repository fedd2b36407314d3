"""GDB on Nacre: pretty-printers for the kernel's types, and commands that look at the kernel's state (`help nacre`).

Only memory is read; nothing is called in the machine, which may be anywhere.
"""

import gdb
import gdb.printing


def find_number(value):
    """The one integer inside, through base classes."""
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM):
        return int(value)
    for member in kind.fields():
        if hasattr(member, "bitpos"):
            inner = value[member] if member.is_base_class else value[member.name]
            if inner.type.strip_typedefs().sizeof == kind.sizeof:
                return find_number(inner)
    raise ValueError("no number")


class Address:
    """Address<PhysTag> and its like."""

    def __init__(self, value):
        tag = value.type.strip_typedefs().template_argument(0).name.split("::")[-1]
        self.value, self.name = value, tag.removesuffix("Tag") + "Addr"

    def to_string(self):
        return f"{self.name} {find_number(self.value):#x}"


class Id:
    def __init__(self, value):
        self.value, self.name = value, value.type.strip_typedefs().unqualified().name.split("::")[-1]

    def to_string(self):
        return f"{self.name} {find_number(self.value)}"


class Size:
    def __init__(self, value):
        self.value = find_number(value)

    def to_string(self):
        for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
            if self.value and self.value % (1 << shift) == 0:
                return f"{self.value >> shift} {unit}"
        return f"{self.value} bytes"


class StringView:
    """libc++'s string_view."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        data, size = self.value["__data_"], int(self.value["__size_"])
        return data.string(length=min(size, 4096), errors="replace") if size else ""

    def display_hint(self):
        return "string"


class String:
    """libc++'s string: short ones inside, long ones with a pointer; the lowest bit of the first byte tells."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        raw = self.value.address.cast(gdb.lookup_type("unsigned char").pointer())
        words = self.value.address.cast(gdb.lookup_type("unsigned long").pointer())
        if int(raw[0]) & 1:
            data, size = words[2].cast(gdb.lookup_type("char").pointer()), int(words[1])
        else:
            data, size = (raw + 1).cast(gdb.lookup_type("char").pointer()), int(raw[0]) >> 1
        return data.string(length=min(size, 4096), errors="replace") if size else ""

    def display_hint(self):
        return "string"


class Ref:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind = self.value.type.strip_typedefs()
        pointer = next(self.value[f.name] for f in kind.fields()
                       if f.type.strip_typedefs().code == gdb.TYPE_CODE_PTR)
        return f"Ref to {pointer.dereference().dynamic_type} at {int(pointer):#x}" if int(pointer) else "empty Ref"


class IntrusiveList:
    """The addresses of its nodes, up to 100."""

    def __init__(self, value):
        self.value = value

    def nodes(self):
        head = next(self.value[f.name] for f in self.value.type.strip_typedefs().fields() if not f.is_base_class)
        first, node = head.address, head["next_"]
        while node != first and int(node) != 0:
            yield node
            node = node.dereference()["next_"]

    def to_string(self):
        addresses = []
        for node in self.nodes():
            if len(addresses) == 100:
                addresses.append("...")
                break
            addresses.append(f"{int(node):#x}")
        return f"list of {len(addresses)}: " + ", ".join(addresses) if addresses else "empty list"


def make_printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("nacre")
    printers.add_printer("address", r"^nacre::Address<.*>$", Address)
    printers.add_printer("size", r"^nacre::ByteSize$", Size)
    printers.add_printer("id", r"^nacre::(CpuId|HartId)$", Id)
    printers.add_printer("string_view", r"^std::__1::basic_string_view<char,.*>$", StringView)
    printers.add_printer("string", r"^std::__1::basic_string<char,.*>$", String)
    printers.add_printer("ref", r"^nacre::Ref<.*>$", Ref)
    printers.add_printer("list", r"^nacre::IntrusiveList<.*>$", IntrusiveList)
    return printers


# ---- Commands

class Nacre(gdb.Command):
    """Looks at the kernel's state: nacre log, nacre cpus, nacre frames."""

    def __init__(self):
        super().__init__("nacre", gdb.COMMAND_DATA, prefix=True)


def symbol(name):
    value = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if value is None:
        raise gdb.GdbError(f"the kernel has no symbol {name}")
    return value.value()


class NacreLog(gdb.Command):
    """The last lines that the kernel has logged."""

    def __init__(self):
        super().__init__("nacre log", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        written = int(symbol("nacre::trace::(anonymous namespace)::history_written"))
        history = symbol("nacre::trace::(anonymous namespace)::history")
        data = bytes(gdb.selected_inferior().read_memory(int(history.address), history.type.sizeof))
        end = written % len(data)
        text = data[:written] if written < len(data) else data[end:] + data[:end]
        gdb.write(text.decode(errors="replace"))


class NacreCpus(gdb.Command):
    """Each hart's place in the kernel, and whose block its tp is."""

    def __init__(self):
        super().__init__("nacre cpus", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        selected = gdb.selected_thread()
        per_cpu = gdb.lookup_type("nacre::arch::PerCpu").pointer()
        try:
            for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
                thread.switch()
                frame = gdb.newest_frame()
                pc, tp = int(frame.read_register("pc")), frame.read_register("tp")
                where = frame.name() or ("user mode" if pc < 1 << 63 else "unknown")
                line = f"hart {thread.num - 1}: pc {pc:#x} {where}"
                if int(tp) & (1 << 63):
                    cpu = tp.cast(per_cpu).dereference()
                    try:
                        line += f", CPU {find_number(cpu['id'])}, panic depth {int(cpu['panic_depth'])}"
                    except gdb.MemoryError:
                        line += ", not in the kernel yet"
                gdb.write(line + "\n")
        finally:
            selected.switch()


class NacreFrames(gdb.Command):
    """The kernel's frame allocator and heap."""

    def __init__(self):
        super().__init__("nacre frames", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        gdb.write(f"{symbol('nacre::mm::detail::g_frames')}\n")


gdb.printing.register_pretty_printer(None, make_printers(), replace=True)
Nacre()
NacreLog()
NacreCpus()
NacreFrames()
