// args_* and environ_*: two lists of NUL-terminated strings.
#include <string>
#include <vector>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

uint64_t total_size(const std::vector<std::string>& strings) {
  uint64_t size = 0;
  for (const std::string& text : strings) size += text.size() + 1;
  return size;
}

// Writes pointers to `table` and the strings, one after the other, to `buffer`.
Errno write_strings(GuestMemory& memory, const std::vector<std::string>& strings, uint32_t table,
                    uint32_t buffer) {
  if (!memory.contains(table, strings.size() * 4)) return Errno::Fault;
  if (!memory.contains(buffer, total_size(strings))) return Errno::Fault;
  uint64_t entry = table;
  uint64_t at = buffer;
  for (const std::string& text : strings) {
    if (!memory.store(entry, static_cast<uint32_t>(at))) return Errno::Fault;
    if (!memory.write_text(at, std::string_view(text.c_str(), text.size() + 1))) {
      return Errno::Fault;
    }
    entry += 4;
    at += text.size() + 1;
  }
  return Errno::Success;
}

Errno write_sizes(GuestMemory& memory, const std::vector<std::string>& strings, uint32_t count,
                  uint32_t size) {
  if (!can_store(memory, count, 4) || !can_store(memory, size, 4)) return Errno::Fault;
  if (!memory.store(count, static_cast<uint32_t>(strings.size())) ||
      !memory.store(size, static_cast<uint32_t>(total_size(strings)))) {
    return Errno::Fault;
  }
  return Errno::Success;
}

}  // namespace

Errno args_get(Call& call) {
  return write_strings(call.memory, call.process.arguments(), call.u32(0), call.u32(1));
}

Errno args_sizes_get(Call& call) {
  return write_sizes(call.memory, call.process.arguments(), call.u32(0), call.u32(1));
}

Errno environ_get(Call& call) {
  return write_strings(call.memory, call.process.environment(), call.u32(0), call.u32(1));
}

Errno environ_sizes_get(Call& call) {
  return write_sizes(call.memory, call.process.environment(), call.u32(0), call.u32(1));
}

}  // namespace nacre::wasi
