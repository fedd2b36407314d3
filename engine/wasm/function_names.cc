// The "name" custom section (core specification §7.4.1): subsections of id, size, content; 0 names
// the module, 1 the functions.
#include "byte_reader.hh"
#include "nacre/engine/wasm/module.hh"

namespace nacre::wasm {

FunctionNames::FunctionNames(const Module& module) {
  for (const CustomSection& custom : module.customs) {
    if (custom.name != "name") continue;
    ByteReader reader(custom.bytes);
    while (!reader.at_end()) {
      const uint8_t id = reader.u8();
      ByteReader subsection = reader.sub_reader(reader.u32());
      if (id == 0) {
        module_name_ = subsection.name();
      } else if (id == 1) {
        for (uint32_t left = subsection.u32(); left != 0 && !subsection.failed(); --left) {
          const uint32_t function = subsection.u32();
          const std::string_view name = subsection.name();
          if (!subsection.failed()) names_.emplace(function, name);
        }
      }
      reader.adopt_failure(subsection);
    }
    if (reader.failed()) {
      names_.clear();
      module_name_.reset();
    }
    break;
  }
  // emplace keeps what the name section said.
  for (const Export& exported : module.exports) {
    if (exported.kind == ExternKind::Function) names_.emplace(exported.index, exported.name);
  }
}

std::optional<std::string_view> FunctionNames::find(uint32_t function) const {
  const auto found = names_.find(function);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

}  // namespace nacre::wasm
