#include "program_files.hh"

#include <optional>
#include <string_view>
#include <vector>

#include "nacre/abi/control.hh"
#include "nacre/base/core/format.hh"
#include "nacre/base/cpio/cpio.hh"

namespace nacre::kwasm {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// "root12/a/b" → {12, "a/b"}; nothing for entries outside the trees.
struct TreePath {
  size_t root;
  std::string_view path;
};

std::optional<TreePath> parse_tree_path(std::string_view name) {
  const std::string_view prefix = abi::kRootPrefix;
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  size_t root = 0;
  size_t digits = 0;
  while (digits < name.size() && name[digits] >= '0' && name[digits] <= '9' && digits < 9) {
    root = root * 10 + static_cast<size_t>(name[digits++] - '0');
  }
  name.remove_prefix(digits);
  if (digits == 0 || (!name.empty() && name[0] != '/')) return std::nullopt;
  if (!name.empty()) name.remove_prefix(1);
  return TreePath{root, name};
}

std::span<const uint8_t> as_octets(std::span<const std::byte> bytes) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

vfs::Outcome<vfs::InodeRef> add_entry(vfs::FileSystem& files, const vfs::InodeRef& root,
                                      std::string_view path, const cpio::Entry& entry,
                                      uint64_t now) {
  switch (entry.kind) {
    case cpio::EntryKind::File:
      return files.add_image_file(root, path, as_octets(entry.data), now);
    case cpio::EntryKind::Directory:
      return files.make_directories(root, path, now);
    case cpio::EntryKind::Symlink:
      if (auto made = files.symlink(entry.text(), root, path, now); !made) {
        return vfs::refuse(made.error());
      }
      return vfs::FileSystem::lookup(root, path, vfs::LastLink::Keep);
    case cpio::EntryKind::Other:
      break;
  }
  return vfs::refuse(vfs::Errno::NotSupported);
}

}  // namespace

Result<void> mount_archive(std::span<const std::byte> archive, const launch::Config& config,
                           wasi::Process& process) {
  vfs::FileSystem& files = process.file_system();
  // Trees without a guest path are left out.
  std::vector<std::optional<vfs::InodeRef>> roots;
  for (const std::string& guest_path : config.preopens) {
    roots.emplace_back();
    if (guest_path.empty()) continue;
    auto root = files.create_root(process.realtime());
    if (!root) return fail(ErrorCode::OutOfMemory, "no room for a preopened directory");
    roots.back() = *root;
    if (!process.preopen(*root, guest_path)) {
      return fail(ErrorCode::LimitExceeded,
                  format("too many preopened directories: {}", guest_path));
    }
  }

  cpio::Reader reader(archive);
  for (;;) {
    TRY_ASSIGN(const std::optional<cpio::Entry> entry, reader.next());
    if (!entry) return {};
    const auto place = parse_tree_path(entry->name);
    if (!place || place->path.empty() || place->root >= roots.size() || !roots[place->root])
      continue;
    const uint64_t modified = uint64_t{entry->modified_s} * kNanosecondsPerSecond;
    const auto added = add_entry(files, *roots[place->root], place->path, *entry, modified);
    if (!added) {
      return fail(ErrorCode::OutOfMemory,
                  format("{}: cannot be put into the guest's file system (errno {})", entry->name,
                         static_cast<unsigned>(added.error())));
    }
  }
}

}  // namespace nacre::kwasm
