// The loader as a UEFI application: asks firmware for everything the ordinary way in (main.cc) expects, leaves boot services, and
// goes on there. Runs on firmware's stack, in firmware's translation, before the image has been checked: what is found here is
// taken on trust, as is a device tree that firmware hands over by itself.
//
// From the volume that the loader came from: \EFI\nacre\cmdline, boot arguments, and \EFI\nacre\archive, the boot archive. Either
// may be absent.
#include "efi.hh"

#include <algorithm>
#include <array>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "efi_memory.hh"
#include "efi_text.hh"
#include "handover.hh"
#include "machine.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::loader {
namespace {

using namespace efi;

// What is said when there is no way on; firmware then tries something else.
using Problem = const char16_t*;
template <class T>
using Attempt = std::expected<T, Problem>;

constexpr size_t kMaxArguments = 4096;
constexpr unsigned kMaxExits = 8;

std::span<std::byte> allocate(const BootServices& services, uint64_t size) {
  uint64_t address = 0;
  const uint64_t pages = size / kPageSize + (size % kPageSize != 0 ? 1 : 0);
  const Status status = services.allocate_pages(
      kAllocateAnyPages, static_cast<uint32_t>(MemoryType::LoaderData), pages, &address);
  return status == kSuccess ? memory_at(address, size) : std::span<std::byte>();
}

// ---- The device tree ----

// A copy, since firmware may keep its own where we must not write, or where the kernel cannot read.
Attempt<fdt::Tree> copy_device_tree(const SystemTable& system, Handover& handover) {
  for (const ConfigurationTable& entry : std::span(system.tables, system.table_count)) {
    if (entry.guid != kDeviceTreeTable) continue;
    const uint64_t address = address_of(entry.table);
    const auto size = fdt::Tree::total_size(memory_at(address, 8));
    if (!size) return std::unexpected(u"the device tree is damaged");
    const std::span<std::byte> copy = allocate(*system.boot_services, *size);
    if (copy.empty()) return std::unexpected(u"no memory for the device tree");
    std::ranges::copy(memory_at(address, *size), copy.begin());
    const auto tree = fdt::Tree::parse(copy);
    if (!tree) return std::unexpected(u"the device tree is damaged");
    handover.device_tree = address_of(copy.data());
    return *tree;
  }
  return std::unexpected(u"firmware has no device tree");
}

Attempt<uint64_t> find_boot_hart(const BootServices& services, const fdt::Tree& tree) {
  void* found = nullptr;
  uint64_t hart = 0;
  if (services.locate_protocol(&kRiscvBoot, nullptr, &found) == kSuccess) {
    auto* const protocol = static_cast<RiscvBoot*>(found);
    if (protocol->get_boot_hart(protocol, &hart) == kSuccess) return hart;
  }
  const auto chosen = tree.find("/chosen");
  const auto property = chosen ? chosen->property("boot-hartid") : std::nullopt;
  const auto number = property ? property->as_number() : std::nullopt;
  if (!number) return std::unexpected(u"firmware does not say which hart this is");
  return *number;
}

// ---- Files beside the loader ----

// A file of the volume, closed at the end.
class OpenFile {
 public:
  OpenFile(File& root, const char16_t* name) { status_ = root.open(&root, &file_, name, kRead, 0); }
  ~OpenFile() {
    if (is_open()) (void)file_->close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] bool is_open() const { return status_ == kSuccess; }
  [[nodiscard]] bool is_absent() const { return status_ == kNotFound; }
  // Bytes, or nothing if the file cannot be read.
  [[nodiscard]] std::optional<uint64_t> size() {
    uint64_t size = 0;
    if (file_->set_position(file_, kEndOfFile) != kSuccess ||
        file_->get_position(file_, &size) != kSuccess ||
        file_->set_position(file_, 0) != kSuccess) {
      return std::nullopt;
    }
    return size;
  }
  // Fills all of `out`; false if the file is shorter or cannot be read.
  [[nodiscard]] bool read(std::span<std::byte> out) {
    while (!out.empty()) {
      uint64_t size = out.size();
      if (file_->read(file_, &size, out.data()) != kSuccess || size == 0) return false;
      out = out.subspan(size);
    }
    return true;
  }

 private:
  File* file_ = nullptr;
  Status status_;
};

Attempt<void> read_command_line(File& root, Words& arguments) {
  static constinit std::array<std::byte, kMaxArguments> text{};
  OpenFile file(root, u"\\EFI\\nacre\\cmdline");
  if (file.is_absent()) return {};
  const auto size = file.is_open() ? file.size() : std::nullopt;
  if (!size) return std::unexpected(u"\\EFI\\nacre\\cmdline cannot be read");
  if (*size > text.size()) return std::unexpected(u"\\EFI\\nacre\\cmdline is too long");
  const std::span<std::byte> bytes = std::span(text).first(*size);
  if (!file.read(bytes)) return std::unexpected(u"\\EFI\\nacre\\cmdline cannot be read");
  std::string_view line(static_cast<const char*>(static_cast<void*>(bytes.data())), bytes.size());
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (!arguments.append(line)) return std::unexpected(u"the boot arguments are too long");
  return {};
}

Attempt<void> read_archive(const BootServices& services, File& root, Handover& handover) {
  OpenFile file(root, u"\\EFI\\nacre\\archive");
  if (file.is_absent()) return {};
  const auto size = file.is_open() ? file.size() : std::nullopt;
  if (!size) return std::unexpected(u"\\EFI\\nacre\\archive cannot be read");
  if (*size == 0) return {};
  const std::span<std::byte> memory = allocate(services, *size);
  if (memory.empty()) return std::unexpected(u"\\EFI\\nacre\\archive does not fit into memory");
  if (!file.read(memory)) return std::unexpected(u"\\EFI\\nacre\\archive cannot be read");
  handover.archive = {address_of(memory.data()), *size};
  return {};
}

// The options come last, since of a word that is said twice the last one counts.
Attempt<void> read_volume(const BootServices& services, Handle image, Handover& handover) {
  static constinit std::array<char, kMaxArguments> buffer{};
  void* found = nullptr;
  if (services.handle_protocol(image, &kLoadedImage, &found) != kSuccess) {
    return std::unexpected(u"firmware does not say where the loader came from");
  }
  const auto* const loaded = static_cast<const LoadedImage*>(found);
  Words arguments(buffer);
  File* root = nullptr;
  // An image that firmware was handed in memory has no volume, and so neither file.
  if (services.handle_protocol(loaded->device, &kFileSystem, &found) == kSuccess) {
    auto* const volume = static_cast<FileSystem*>(found);
    if (volume->open_volume(volume, &root) != kSuccess) {
      return std::unexpected(u"the loader's volume cannot be opened");
    }
    auto done = read_command_line(*root, arguments).and_then([&] {
      return read_archive(services, *root, handover);
    });
    (void)root->close(root);
    if (!done) return done;
  }
  if (loaded->options != nullptr) {
    const std::u16string_view options(loaded->options, loaded->options_size / sizeof(char16_t));
    if (!arguments.append(options))
      warn("load options that are no text, or too long; left out, bytes:", loaded->options_size);
  }
  handover.arguments = arguments.text();
  return {};
}

void read_seed(const BootServices& services, Handover& handover) {
  void* found = nullptr;
  if (services.locate_protocol(&kRandom, nullptr, &found) != kSuccess) return;
  auto* const random = static_cast<Random*>(found);
  if (random->get(random, nullptr, handover.seed.size(), handover.seed.data()) == kSuccess) {
    handover.seed_size = handover.seed.size();
  }
}

// ---- The end of boot services ----

// Leaving may itself change the map; then a new one has to be taken (7.4.6). After the first try only these two calls are allowed.
Attempt<void> leave(const BootServices& services, Handle image, Handover& handover) {
  alignas(MemoryDescriptor) static constinit std::array<std::byte, 32768> buffer{};
  for (unsigned i = 0; i < kMaxExits; ++i) {
    uint64_t size = buffer.size();
    uint64_t key = 0;
    uint64_t stride = 0;
    uint32_t version = 0;
    if (services.get_memory_map(&size, buffer.data(), &key, &stride, &version) != kSuccess) {
      return std::unexpected(u"firmware's memory map cannot be read");
    }
    if (stride < sizeof(MemoryDescriptor)) return std::unexpected(u"a memory map of another kind");
    if (services.exit_boot_services(image, key) == kSuccess) {
      handover.memory = {std::span(buffer).first(size), stride};
      return {};
    }
  }
  return std::unexpected(u"firmware does not let go of the machine");
}

Attempt<void> take_over(Handle image, const SystemTable& system, Handover& handover) {
  const BootServices& services = *system.boot_services;
  const auto tree = copy_device_tree(system, handover);
  if (!tree) return std::unexpected(tree.error());
  const auto hart = find_boot_hart(services, *tree);
  if (!hart) return std::unexpected(hart.error());
  handover.hart = *hart;
  if (auto done = read_volume(services, image, handover); !done) return done;
  read_seed(services, handover);
  return leave(services, image, handover);
}

}  // namespace

// Called by start.S. Nothing on firmware's side is left when a handover is returned; nullptr gives the image back to firmware.
extern "C" const Handover* nacre_loader_leave_firmware(Handle image, const SystemTable* system,
                                                       uint64_t ticks) {
  static constinit Handover handover{};
  handover.ticks = ticks;
  const auto done = take_over(image, *system, handover);
  if (done) return &handover;
  if (TextOutput* const output = system->output) {
    for (const Problem text : {u"loader: ", done.error(), u"\r\n"}) {
      (void)output->output_string(output, text);
    }
  }
  return nullptr;
}

}  // namespace nacre::loader
