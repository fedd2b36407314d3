// Names for what modules may import: "module" "name" → Extern.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/engine/runtime/store.hh"

namespace nacre::runtime {

class Linker {
 public:
  // A later definition replaces an earlier one of the same name.
  void define(std::string_view module, std::string_view name, Extern value);
  // All exports of an instance under a module name.
  void define_instance(std::string_view module, const Instance& instance);
  [[nodiscard]] Result<void> define_host_function(Store& store, const HostFunction& function);

  // The same for many at once: each is created in the store when a module first imports it. An earlier definition of the
  // same name, by whatever function above, hides these. `functions` must outlive the linker.
  void define_host_functions(Store& store, std::span<const HostFunction> functions);

  // One Extern per import of the module, or an error of code Unlinkable: "unknown import:
  // module.name (function) …".
  [[nodiscard]] Result<std::vector<Extern>> resolve(const wasm::Module& module);
  // resolve() and Store::instantiate().
  [[nodiscard]] Result<Instantiation> instantiate(Store& store, const ModuleCode& code);

 private:
  // Compares owned and viewed names alike.
  struct NameLess {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      const int modules = std::string_view(a.first).compare(std::string_view(b.first));
      if (modules != 0) return modules < 0;
      return std::string_view(a.second) < std::string_view(b.second);
    }
  };

  struct Provider {
    Store* store;
    std::span<const HostFunction> functions;
  };

  // nullptr if nobody defines it.
  [[nodiscard]] Result<const Extern*> find(std::string_view module, std::string_view name);

  std::map<std::pair<std::string, std::string>, Extern, NameLess> entries_;
  std::vector<Provider> providers_;
};

}  // namespace nacre::runtime
