#include "harts.hh"

#include <algorithm>

namespace nacre::loader {

HartList find_harts(const fdt::Tree& tree, uint64_t boot_hart) {
  HartList harts;
  harts.ids[harts.count++] = boot_hart;
  const auto cpus = tree.find("/cpus");
  for (auto node = cpus ? cpus->first_child() : std::nullopt; node; node = node->next_sibling()) {
    if (node->base_name() != "cpu" || !node->is_enabled()) continue;
    const auto place = node->region(0);
    if (!place || std::ranges::count(harts.all(), place->address) != 0) continue;
    if (harts.count == harts.ids.size()) {
      ++harts.left_out;
    } else {
      harts.ids[harts.count++] = place->address;
    }
  }
  return harts;
}

}  // namespace nacre::loader
