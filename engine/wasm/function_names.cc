// The "name" custom section (core specification §7.4.1): subsections of id, size, content; 0 names
// the module, 1 the functions.
#include <algorithm>

#include "byte_reader.hh"
#include "nacre/engine/wasm/module.hh"

namespace nacre::wasm {

FunctionNames::FunctionNames(const Module& module) : names_(module.functions.size()) {
  const auto section = std::ranges::find(module.customs, "name", &CustomSection::name);
  if (section != module.customs.end() && !read_names(section->bytes)) {
    std::ranges::fill(names_, std::string_view());
    module_name_.reset();
  }
  for (const Export& exported : module.exports) {
    if (exported.kind == ExternKind::Function && names_[exported.index].empty())
      names_[exported.index] = exported.name;
  }
}

bool FunctionNames::read_names(std::span<const uint8_t> section) {
  // Each subsection at most once, in order, and in the one for functions each index once: so no section, however long, is
  // more work than there are functions.
  int last_id = -1;
  ByteReader reader(section);
  while (!reader.at_end()) {
    const uint8_t id = reader.u8();
    if (id <= last_id) return false;
    last_id = id;
    ByteReader subsection = reader.sub_reader(reader.u32());
    if (id == 0) {
      module_name_ = subsection.name();
    } else if (id == 1) {
      const uint32_t count =
          subsection.count("function names", static_cast<uint32_t>(names_.size()));
      for (uint32_t i = 0; i < count && !subsection.failed(); ++i) {
        const uint32_t function = subsection.u32();
        const std::string_view name = subsection.name();
        if (function < names_.size() && !subsection.failed()) names_[function] = name;
      }
    }
    reader.adopt_failure(subsection);
  }
  return !reader.failed();
}

std::optional<std::string_view> FunctionNames::find(uint32_t function) const {
  if (function >= names_.size() || names_[function].empty()) return std::nullopt;
  return names_[function];
}

}  // namespace nacre::wasm
