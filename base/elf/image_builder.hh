// Makes small ELF files for tests.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "nacre/base/elf/format.hh"

namespace nacre::elf {

class ImageBuilder {
 public:
  // Content is put into the file behind all headers, page by page.
  ImageBuilder& segment(uint32_t type, uint32_t flags, uint64_t address, std::string content,
                        uint64_t memory_size) {
    headers_.push_back({type, flags, kPage * (1 + headers_.size()), address, address,
                        content.size(), memory_size, kPage});
    contents_.push_back(std::move(content));
    return *this;
  }
  ImageBuilder& lines(std::string content) {
    lines_ = std::move(content);
    return *this;
  }

  [[nodiscard]] std::string finish(uint64_t entry = 0) const {
    std::string file(kPage * (1 + headers_.size()), '\0');
    for (size_t i = 0; i < headers_.size(); ++i) {
      put(file, sizeof(FileHeader) + i * sizeof(ProgramHeader), &headers_[i],
          sizeof(ProgramHeader));
      put(file, headers_[i].offset, contents_[i].data(), contents_[i].size());
    }
    const uint64_t lines_at = file.size();
    file += lines_;
    const uint64_t sections_at = file.size();
    SectionHeader sections[2]{};
    sections[1].type = kSectionLines;
    sections[1].offset = lines_at;
    sections[1].size = lines_.size();
    file.append(sizeof sections, '\0');
    put(file, sections_at, sections, sizeof sections);

    FileHeader header{};
    std::memcpy(header.identification,
                "\x7f"
                "ELF\2\1\1",
                7);
    header.machine = kMachineRiscV;
    header.entry = entry;
    header.program_headers = sizeof(FileHeader);
    header.program_header_size = sizeof(ProgramHeader);
    header.program_header_count = static_cast<uint16_t>(headers_.size());
    header.section_headers = sections_at;
    header.section_header_size = sizeof(SectionHeader);
    header.section_header_count = 2;
    put(file, 0, &header, sizeof header);
    return file;
  }

  static constexpr uint64_t kPage = 4096;

 private:
  static void put(std::string& file, uint64_t at, const void* data, size_t size) {
    if (size != 0) std::memcpy(file.data() + at, data, size);
  }

  std::vector<ProgramHeader> headers_;
  std::vector<std::string> contents_;
  std::string lines_;
};

}  // namespace nacre::elf
