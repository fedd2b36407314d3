// The initial archive of a machine: config, program and the trees of --dir, in a nameless file.
#pragma once

#include <cstdint>

#include "file.hh"
#include "nacre/base/core/error.hh"
#include "options.hh"

namespace nacre::launcher {

// Where QEMU's virt machine puts what it loads (hw/riscv/boot.c of 7.2): the archive at half of the memory but at most 128
// MiB behind the kernel's start, the device tree below the end of memory or of the first GiB, whichever comes first. The
// archive has to end below the tree.
inline constexpr uint64_t kMaxArchiveBytes = uint64_t{880} << 20;

struct Image {
  FileDescriptor file;
  uint64_t bytes = 0;
};

// Reads everything the guest will see. Fails with a text for people: a missing or empty program, an
// unreadable file, more than kMaxArchiveBytes.
[[nodiscard]] Result<Image> build_image(const Options& options);

// Copies the archive to a file of that name.
[[nodiscard]] Result<void> save_image(const Image& image, const std::string& path);

// The machine's memory for an archive of this size: what was asked for, or a default. Fails if it
// does not fit.
[[nodiscard]] Result<uint64_t> choose_memory(const Options& options, uint64_t archive_bytes);

}  // namespace nacre::launcher
