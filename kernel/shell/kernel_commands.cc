// The kernel's insides: translations, regions, memory, symbols, tasks.
#include <algorithm>
#include <array>
#include <vector>

#include "commands.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/engine/runtime/trap.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/backtrace.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/span.hh"
#include "nacre/kernel/wasm/domain_list.hh"
#include "others_stopped.hh"

namespace nacre::shell {
namespace {

// Calls use(domain) for the one of that number.
template <class Use>
Result<void> with_domain(std::string_view word, Use&& use) {
  TRY_ASSIGN(const uint64_t id, parse_number(word));
  bool found = false;
  kwasm::DomainList::visit([&](kwasm::Domain& domain) {
    if (domain.id() != id) return;
    found = true;
    use(domain);
  });
  if (!found) return fail(ErrorCode::NotFound, format("no domain {} (ps lists them)", id));
  return {};
}

std::string_view name_of(paging::Access access) {
  switch (access) {
    case paging::Access::Read:
      return "r--";
    case paging::Access::ReadWrite:
      return "rw-";
    case paging::Access::ReadExecute:
      return "r-x";
  }
  return "?";
}

coro::Task<Result<void>> map(Shell& shell, Words words) {
  std::string text;
  StringSink sink(text);
  const auto done = with_domain(words[1], [&](kwasm::Domain& domain) {
    for (const mm::AddressSpace::RegionInfo& region : domain.space().list_regions()) {
      format_to(sink, "0x{:014x}..0x{:014x} {} {:>10} KiB", region.start.value(),
                region.start.value() + region.size.bytes(), name_of(region.access),
                region.size.bytes() / 1024);
      if (region.reservation)
        format_to(sink, ", {} KiB of it committed", region.committed.bytes() / 1024);
      sink.write("\n");
    }
  });
  if (!done) co_return done;
  shell.terminal.write(text);
  co_return {};
}

// One table a line, down to the leaf.
void walk(FormatSink& sink, PhysAddr root, uint64_t address) {
  const paging::Mode mode = mm::machine().mode;
  PhysAddr table = root;
  for (unsigned level = paging::levels_of(mode); level-- > 0;) {
    const unsigned index = paging::table_index(address, level);
    const paging::Entry entry =
        mm::frames().direct_map().pointer<const paging::Entry>(table)[index];
    format_to(sink, "level {}: table 0x{:x}, entry {:>3}: 0x{:016x} ", level, table.value(), index,
              entry.bits());
    if (!entry.is_valid()) {
      sink.write("not mapped\n");
      return;
    }
    if (entry.is_leaf()) {
      const paging::Attributes attributes = entry.attributes();
      const uint64_t offset = address & (paging::span_of_level(level) - 1);
      format_to(sink, "{}{}{}, {} KiB: physical 0x{:x}\n", name_of(attributes.access),
                attributes.privilege == paging::Privilege::User ? " user" : " kernel",
                attributes.sharing == paging::Sharing::Global ? " global" : "",
                paging::span_of_level(level) / 1024, entry.frame().value() + offset);
      return;
    }
    sink.write("a table\n");
    table = entry.frame();
  }
}

coro::Task<Result<void>> pt(Shell& shell, Words words) {
  const auto address = parse_number(words[1]);
  if (!address) co_return std::unexpected(address.error());
  if (!paging::is_canonical(mm::machine().mode, *address))
    co_return fail(ErrorCode::InvalidArgument,
                   format("0x{:x} is no address of this translation mode", *address));
  std::string text;
  StringSink sink(text);
  Result<void> done;
  {
    const OthersStopped stopped;
    if (const auto cpu = stopped.missing()) {
      done = fail(ErrorCode::WouldBlock, format("CPU {} does not come to rest", cpu->value));
    } else if (words.size() > 2) {
      done = with_domain(words[2], [&](kwasm::Domain& domain) {
        walk(sink, domain.space().root()->table(), *address);
      });
    } else {
      walk(sink, mm::machine().kernel_root, *address);
    }
  }
  if (done) shell.terminal.write(text);
  co_return done;
}

constexpr uint64_t kMostBytes = 4096;
constexpr size_t kRowBytes = 16;

void show_row(const Shell& shell, uint64_t address, std::span<const uint8_t> bytes) {
  std::string hex;
  std::string text;
  for (const uint8_t byte : bytes) {
    hex += format(" {:02x}", byte);
    text.push_back(byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.');
  }
  shell.print("0x{:016x} {:<48}  {}\n", address, hex, text);
}

coro::Task<Result<void>> peek(Shell& shell, Words words) {
  const auto address = parse_number(words[1]);
  if (!address) co_return std::unexpected(address.error());
  uint64_t count = 64;
  if (words.size() > 2) {
    const auto number = parse_number(words[2]);
    if (!number) co_return std::unexpected(number.error());
    count = *number;
  }
  if (count == 0 || count > kMostBytes)
    co_return fail(ErrorCode::InvalidArgument, format("peek: 1 to {} bytes", kMostBytes));
  for (uint64_t done = 0; done < count; done += kRowBytes) {
    std::array<uint8_t, kRowBytes> bytes{};
    const size_t part = std::min<uint64_t>(kRowBytes, count - done);
    const uint64_t at = *address + done;
    if (!arch::peek(bytes.data(), VirtAddr(at), part))
      co_return fail(ErrorCode::NotFound, format("nothing is mapped at 0x{:x}", at));
    show_row(shell, at, std::span(bytes).first(part));
  }
  co_return {};
}

coro::Task<Result<void>> sym(Shell& shell, Words words) {
  const auto address = parse_number(words[1]);
  if (!address) co_return std::unexpected(address.error());
  std::string text;
  StringSink sink(text);
  trace::describe_address(sink, *address);
  if (text == "?")
    co_return fail(ErrorCode::NotFound, format("0x{:x} is not in the kernel's code", *address));
  shell.print("{}\n", text);
  co_return {};
}

void describe_thread(FormatSink& sink, size_t number, const kwasm::Thread& thread) {
  coro::Strand* const strand = thread.strand();
  if (strand == nullptr) {
    format_to(sink, "thread {}: idle\n", number);
    return;
  }
  format_to(sink, "thread {}, task {}: ", number, static_cast<const void*>(strand));
  trace::describe_spans_of(sink, *strand);
  sink.write("\n");
  trace::describe_coroutines(sink, *strand);
  sink.write(runtime::format_trap(thread.interruption()));
}

coro::Task<Result<void>> bt(Shell& shell, Words words) {
  std::string text;
  StringSink sink(text);
  const auto describe = [&](kwasm::Domain& domain) {
    format_to(sink, "domain {}, {}\n", domain.id(), domain.label().name);
    size_t number = 0;
    kwasm::DomainList::visit_threads(
        domain, [&](const kwasm::Thread& thread) { describe_thread(sink, number++, thread); });
  };
  Result<void> done;
  {
    const OthersStopped stopped;
    if (const auto cpu = stopped.missing()) {
      done = fail(ErrorCode::WouldBlock, format("CPU {} does not come to rest", cpu->value));
    } else if (words.size() > 1) {
      done = with_domain(words[1], describe);
    } else {
      kwasm::DomainList::visit(describe);
    }
  }
  if (done) shell.terminal.write(text.empty() ? "no domain\n" : text);
  co_return done;
}

// What `trace off` goes back to. Only the shell's task uses it.
std::optional<trace::Filter> filter_before_trace;

coro::Task<Result<void>> trace_command(Shell&, Words words) {
  if (words[1] == "off" && words.size() == 2) {
    if (!filter_before_trace) co_return fail(ErrorCode::InvalidArgument, "trace is off");
    trace::set_filter(*std::exchange(filter_before_trace, std::nullopt));
    co_return {};
  }
  if (words[1] != "on") co_return fail(ErrorCode::InvalidArgument, "usage: trace on [SPAN] | off");
  std::string text;
  StringSink sink(text);
  const trace::Filter before = filter_before_trace.value_or(trace::current_filter());
  before.describe(sink);
  // Each key that is typed is an interrupt.
  text += words.size() > 2 ? format(",[{}]=trace", words[2]) : ",span=trace,span[interrupt]=off";
  const auto filter = trace::Filter::parse(text);
  if (!filter) {
    co_return fail(ErrorCode::InvalidArgument, format("filter '{}', column {}: {}", text,
                                                      filter.error().column, filter.error().what));
  }
  filter_before_trace = before;
  trace::set_filter(*filter);
  co_return {};
}

constexpr Command kCommands[] = {
    {"bt", "[DOMAIN]", "what each thread is at: its coroutines, and where the guest is", 0, 1, bt},
    {"map", "DOMAIN", "the regions of its address space", 1, 1, map},
    {"pt", "ADDRESS [DOMAIN]", "the tables that translate an address", 1, 2, pt},
    {"peek", "ADDRESS [BYTES]", "the kernel's memory", 1, 2, peek},
    {"sym", "ADDRESS", "function and line of an address of the kernel", 1, 1, sym},
    {"trace", "on [SPAN] | off", "show when spans begin and end; or all lines in one of that name",
     1, 2, trace_command},
};

}  // namespace

std::span<const Command> kernel_commands() {
  return kCommands;
}

}  // namespace nacre::shell
