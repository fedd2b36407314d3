// What the machine and the kernel are doing.
#include <algorithm>
#include <array>
#include <vector>

#include "commands.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/machine/interrupts.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/backtrace.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/metrics.hh"
#include "nacre/kernel/wasm/domain_list.hh"
#include "others_stopped.hh"

namespace nacre::shell {
namespace {

coro::Task<Result<void>> help(Shell& shell, Words words) {
  if (words.size() > 1) {
    const Command* command = find_command(words[1]);
    if (command == nullptr)
      co_return fail(ErrorCode::NotFound, format("{}: no such command", words[1]));
    shell.print("{} {}\n  {}\n", command->name, command->usage, command->help);
    co_return {};
  }
  visit_commands(
      [&](const Command& command) { shell.print("  {:<10} {}\n", command.name, command.help); });
  co_return {};
}

coro::Task<Result<void>> version(Shell& shell, Words) {
  const arch::CpuFeatures& features = arch::cpu_features();
  shell.print("Nacre, built with clang {}; boot protocol {}\n", __clang_version__,
              shell.info.version);
  shell.print("{} CPUs, Sv{}, zba {} zbb {} zbs {} v {} sstc {} svinval {}\n", shell.info.cpu_count,
              39 + 9 * (shell.info.paging_mode - 8), features.zba, features.zbb, features.zbs,
              features.v, features.sstc, features.svinval);
  co_return {};
}

coro::Task<Result<void>> uptime(Shell& shell, Words) {
  const uint64_t ms = arch::now_ns() / 1'000'000;
  shell.print("{}.{:03} s\n", ms / 1000, ms % 1000);
  co_return {};
}

// How the free memory hangs together: blocks of the buddy allocator. Their heads in the frame table, while nobody changes it.
Result<void> show_free_blocks(const Shell& shell) {
  mm::FrameAllocator& frames = mm::frames();
  std::array<uint64_t, mm::FrameAllocator::kMaxOrder + 1> blocks{};
  {
    const OthersStopped stopped;
    if (const auto cpu = stopped.missing())
      return fail(ErrorCode::WouldBlock, format("CPU {} does not come to rest", cpu->value));
    for (uint32_t index = 0; frames.contains(frames.frame_at(index));) {
      const mm::FrameInfo& info = frames.infos()[index];
      const bool is_free = info.state == mm::FrameState::Free;
      if (is_free) ++blocks.at(info.order);
      index += is_free ? uint32_t{1} << info.order : 1;
    }
  }
  shell.print("order  block KiB   blocks  free KiB\n");
  for (size_t order = 0; order < blocks.size(); ++order) {
    if (blocks[order] == 0) continue;
    const uint64_t kib = kPageSize / 1024 << order;
    shell.print("{:>5} {:>10} {:>8} {:>9}\n", order, kib, blocks[order], blocks[order] * kib);
  }
  return {};
}

coro::Task<Result<void>> mem(Shell& shell, Words words) {
  if (words.size() > 1) {
    if (words[1] != "blocks") co_return fail(ErrorCode::InvalidArgument, "usage: mem [blocks]");
    co_return show_free_blocks(shell);
  }
  const mm::FrameCounts counts = mm::frames().counts();
  const mm::HeapStatistics heap = mm::heap().statistics();
  const auto kib = [](uint64_t frames) { return frames * (kPageSize / 1024); };
  shell.print(
      "frames  total {:>8} KiB\n        used  {:>8} KiB\n        free  {:>8} KiB, {} KiB of them "
      "in the CPUs' caches\n",
      kib(counts.total), kib(counts.used()), kib(counts.free + counts.cached), kib(counts.cached));
  shell.print("heap    slabs {:>8} KiB in {} slabs, {} objects\n        large {:>8} KiB\n",
              heap.slab_bytes / 1024, heap.slabs, heap.objects, heap.large_bytes / 1024);
  shell.print("class   bytes    slabs    empty  objects      KiB\n");
  for (unsigned i = 0; i < mm::heap_detail::kClasses; ++i) {
    const mm::HeapClassStatistics row = mm::heap().class_statistics(i);
    if (row.slabs == 0) continue;
    shell.print("        {:>5} {:>8} {:>8} {:>8} {:>8}\n", row.size, row.slabs, row.empty,
                row.objects, row.slab_bytes / 1024);
  }
  co_return {};
}

// "2 /bin/spin.wasm" for each CPU that runs a domain's thread.
std::vector<std::string> guests_by_cpu(size_t cpus) {
  std::vector<std::string> guests(cpus);
  kwasm::DomainList::visit([&](kwasm::Domain& domain) {
    kwasm::DomainList::visit_threads(domain, [&](const kwasm::Thread& thread) {
      const size_t cpu = thread.cpu().value;
      if (thread.state() == kwasm::Thread::State::Running && cpu < cpus)
        guests[cpu] = format("{} {}", domain.id(), domain.label().name);
    });
  });
  return guests;
}

coro::Task<Result<void>> cpu(Shell& shell, Words) {
  const std::vector<std::string> guests = guests_by_cpu(shell.info.cpu_count);
  shell.print(" CPU  hart    resumed     remote     stolen      waits  domain\n");
  for (uint32_t i = 0; i < shell.info.cpu_count; ++i) {
    const exec::Executor* const executor = exec::executors().find(CpuId{i});
    if (executor == nullptr) {
      shell.print("{:>4} {:>5}  did not come\n", i, shell.info.cpus[i].hart_id);
      continue;
    }
    const exec::Executor::Statistics& numbers = executor->statistics();
    shell.print("{:>4} {:>5} {:>10} {:>10} {:>10} {:>10}  {}\n", i, shell.info.cpus[i].hart_id,
                numbers.resumed, numbers.remote, numbers.stolen, numbers.waits,
                guests[i].empty() ? "-" : guests[i]);
  }
  co_return {};
}

void show_interrupts_of_cpus(Shell& shell, const dev::InterruptController* controller) {
  using arch::InterruptSource;
  const auto served = arch::interrupts_served;
  shell.print("CPU       timer    software    external       pokes\n");
  for (uint32_t cpu = 0; cpu < shell.info.cpu_count; ++cpu) {
    const CpuId id{cpu};
    shell.print("{:>3} {:>11} {:>11} {:>11} {:>11}\n", cpu, served(id, InterruptSource::Timer),
                served(id, InterruptSource::Software), served(id, InterruptSource::External),
                controller == nullptr ? 0 : controller->pokes(id));
  }
}

void show_interrupts(Shell& shell, const dev::InterruptController& controller) {
  shell.print("{}: {} spurious, {} storms, {} pokes\nsource  CPU  count\n", controller.name(),
              controller.spurious(), controller.storms(), controller.pokes());
  for (uint32_t source = 1; source <= controller.sources(); ++source) {
    const uint64_t count = controller.handled(source);
    const auto cpu = controller.target(source);
    if (cpu) {
      shell.print("{:>6} {:>4}  {}\n", source, cpu->value, count);
    } else if (count != 0) {
      shell.print("{:>6}    -  {}\n", source, count);
    }
  }
}

coro::Task<Result<void>> irq(Shell& shell, Words words) {
  dev::InterruptController* controller = machine::interrupt_controller();
  if (words.size() == 1) show_interrupts_of_cpus(shell, controller);
  if (controller == nullptr)
    co_return fail(ErrorCode::NotFound, "the machine has no interrupt controller");
  if (words.size() == 1) {
    show_interrupts(shell, *controller);
    co_return {};
  }
  if (words.size() == 2) {
    if (words[1] != "spread")
      co_return fail(ErrorCode::InvalidArgument, "irq [spread | SOURCE CPU]");
    controller->spread();
    co_return {};
  }
  const auto source = parse_number(words[1]);
  if (!source) co_return std::unexpected(source.error());
  const auto cpu = parse_number(words[2]);
  if (!cpu) co_return std::unexpected(cpu.error());
  // Numbers beyond 32 bits are as wrong as the largest of them.
  const auto narrow = [](uint64_t number) {
    return static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX));
  };
  co_return controller->route(narrow(*source), CpuId{narrow(*cpu)});
}

coro::Task<Result<void>> log(Shell& shell, Words words) {
  if (words.size() == 1) {
    std::string text;
    trace::append_history(text);
    StringSink sink(text);
    text += "filter: ";
    trace::current_filter().describe(sink);
    sink.write("\n");
    for (uint32_t cpu = 0; cpu < shell.info.cpu_count; ++cpu) {
      if (const uint64_t lost = trace::lost_lines(CpuId{cpu}))
        format_to(sink, "CPU {} lost {} lines\n", cpu, lost);
    }
    shell.terminal.write(text);
    co_return {};
  }
  const auto filter = trace::Filter::parse(words[1]);
  if (!filter) {
    co_return fail(ErrorCode::InvalidArgument, format("filter '{}', column {}: {}", words[1],
                                                      filter.error().column, filter.error().what));
  }
  trace::set_filter(*filter);
  co_return {};
}

coro::Task<Result<void>> metrics(Shell& shell, Words words) {
  std::string text;
  StringSink sink(text);
  trace::write_metrics(sink, words.size() > 1 ? std::string_view(words[1]) : std::string_view());
  shell.terminal.write(text);
  co_return {};
}

coro::Task<Result<void>> show_arguments(Shell& shell, Words) {
  shell.print("{}\n", shell.arguments.text());
  co_return {};
}

coro::Task<Result<void>> backtrace(Shell&, Words words) {
  if (words.size() == 1) {
    trace::write_backtrace();
    co_return {};
  }
  const auto style = trace::parse_backtrace_style(words[1]);
  if (!style) co_return fail(ErrorCode::InvalidArgument, "backtraces are short, full or off");
  trace::set_backtrace_style(*style);
  co_return {};
}

coro::Task<Result<void>> echo(Shell& shell, Words words) {
  std::string line;
  for (size_t i = 1; i < words.size(); ++i) line += (i > 1 ? " " : "") + words[i];
  shell.print("{}\n", line);
  co_return {};
}

coro::Task<void> watch_keyboard(Terminal* terminal, coro::Event* event) {
  co_await terminal->wait_for_interrupt_key();
  event->set();
}

coro::Task<Result<void>> sleep(Shell& shell, Words words) {
  constexpr uint64_t kMostMs = 86'400'000;
  const auto ms = parse_number(words[1]);
  if (!ms) co_return std::unexpected(ms.error());
  if (*ms > kMostMs)
    co_return fail(ErrorCode::InvalidArgument,
                   format("sleep {}: at most a day, {} ms", *ms, kMostMs));
  coro::Event interrupted;
  coro::Scope watch;
  watch.spawn(watch_keyboard(&shell.terminal, &interrupted), coro::Placement::Pinned);
  const bool was_interrupted = co_await interrupted.wait_until(arch::now_ns() + *ms * 1'000'000);
  co_await watch.cancel();
  if (was_interrupted) co_return fail(ErrorCode::Cancelled, "stopped by ^C");
  co_return {};
}

coro::Task<Result<void>> history(Shell& shell, Words) {
  for (const std::string& line : shell.editor.history()) shell.print("  {}\n", line);
  co_return {};
}

coro::Task<Result<void>> shutdown(Shell&, Words words) {
  uint64_t status = 0;
  if (words.size() > 1) {
    const auto number = parse_number(words[1]);
    if (!number) co_return std::unexpected(number.error());
    status = *number;
  }
  if (status > UINT8_MAX) co_return fail(ErrorCode::InvalidArgument, "a status is 0 to 255");
  arch::stop_machine(static_cast<uint8_t>(status));
}

constexpr size_t kManyWords = 64;

constexpr Command kCommands[] = {
    {"help", "[COMMAND]", "this list, or one command", 0, 1, help},
    {"version", "", "what this kernel and machine are", 0, 0, version},
    {"uptime", "", "time since power-on", 0, 0, uptime},
    {"args", "", "the boot arguments", 0, 0, show_arguments},
    {"cpu", "", "the CPUs: what they have done, and whose thread runs there", 0, 0, cpu},
    {"mem", "[blocks]", "page frames and heap; or the free blocks by size", 0, 1, mem},
    {"irq", "[spread | SOURCE CPU]",
     "interrupts of each CPU and source, and where they go; or delivers one elsewhere, or all in "
     "turn",
     0, 2, irq},
    {"log", "[FILTER]", "the last lines and the filter, or sets the filter (warn,mm=trace)", 0, 1,
     log},
    {"metrics", "[PREFIX]", "all counters, as OpenMetrics text", 0, 1, metrics},
    {"backtrace", "[short|full|off]", "where this command runs, or how backtraces look from now on",
     0, 1, backtrace},
    {"history", "", "lines typed before", 0, 0, history},
    {"echo", "[WORDS...]", "print the words", 0, kManyWords, echo},
    {"sleep", "MILLISECONDS", "wait; ^C ends it", 1, 1, sleep},
    {"shutdown", "[STATUS]", "switch the machine off", 0, 1, shutdown},
};

}  // namespace

std::span<const Command> system_commands() {
  return kCommands;
}

}  // namespace nacre::shell
