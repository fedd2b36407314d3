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
  ImageBuilder& symbol(std::string_view name, uint64_t value, uint64_t size,
                       uint8_t type = kSymbolFunction) {
    symbols_.push_back({static_cast<uint32_t>(names_.size()), type, 0, 1, value, size});
    names_.append(name).push_back('\0');
    return *this;
  }

  [[nodiscard]] std::string finish(uint64_t entry = 0) const {
    std::string file(kPage * (1 + headers_.size()), '\0');
    for (size_t i = 0; i < headers_.size(); ++i) {
      put(file, sizeof(FileHeader) + i * sizeof(ProgramHeader), &headers_[i],
          sizeof(ProgramHeader));
      put(file, headers_[i].offset, contents_[i].data(), contents_[i].size());
    }
    const uint64_t symbols_at = file.size();
    file.append(std::string(symbols_.size() * sizeof(Symbol), '\0'));
    put(file, symbols_at, symbols_.data(), symbols_.size() * sizeof(Symbol));
    const uint64_t names_at = file.size();
    file += names_;
    const uint64_t sections_at = file.size();
    SectionHeader sections[3]{};
    sections[1].type = kSectionSymbols;
    sections[1].offset = symbols_at;
    sections[1].size = symbols_.size() * sizeof(Symbol);
    sections[1].link = 2;
    sections[2].type = 3;
    sections[2].offset = names_at;
    sections[2].size = names_.size();
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
    header.section_header_count = 3;
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
  std::vector<Symbol> symbols_;
  std::string names_ = std::string(1, '\0');
};

}  // namespace nacre::elf
