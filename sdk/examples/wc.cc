// wc FILE…: lines, words and bytes. (Debian's C++ library for this target has no <fstream>.)
#include <cctype>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string_view>
#include <vector>

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

struct Counts {
  long lines = 0;
  long words = 0;
  long bytes = 0;
  bool in_word = false;

  void add(std::string_view text) {
    bytes += static_cast<long>(text.size());
    for (const char c : text) {
      if (c == '\n') ++lines;
      const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
      if (!is_space && !in_word) ++words;
      in_word = !is_space;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  std::vector<char> buffer(65536);
  for (int i = 1; i < argc; ++i) {
    const std::unique_ptr<std::FILE, Close> file(std::fopen(argv[i], "rb"));
    if (!file) {
      std::cerr << "wc: " << argv[i] << ": cannot be opened\n";
      status = 1;
      continue;
    }
    Counts counts;
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
      counts.add({buffer.data(), size});
    }
    std::cout << counts.lines << ' ' << counts.words << ' ' << counts.bytes << ' ' << argv[i]
              << '\n';
  }
  return status;
}
