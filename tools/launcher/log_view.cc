#include "log_view.hh"

#include <algorithm>
#include <iterator>

namespace nacre::launcher {
namespace {

// The last line of OpenSBI's banner begins so (1.1, sbi_boot_print_hart).
constexpr std::string_view kLastFirmwareLine = "Boot HART MEDELEG";

}  // namespace

void LogView::feed(std::string_view bytes) {
  kept_ += bytes;
  if (kept_.size() > 2 * kKeptBytes) kept_.erase(0, kept_.size() - kKeptBytes);
  while (!firmware_done_ && !bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    firmware_line_ += bytes.substr(0, end);
    bytes.remove_prefix(end);
    if (!firmware_line_.ends_with('\n')) continue;
    firmware_done_ = firmware_line_.starts_with(kLastFirmwareLine);
    if (firmware_done_) kept_ = bytes;
    firmware_line_.clear();
  }
  shown_ += bytes;
}

std::string LogView::take_shown() {
  std::string out;
  // The UART ends lines with CR LF.
  std::copy_if(shown_.begin(), shown_.end(), std::back_inserter(out),
               [](char c) { return c != '\r'; });
  shown_.clear();
  return out;
}

std::string LogView::tail() const {
  std::string text;
  std::copy_if(kept_.begin(), kept_.end(), std::back_inserter(text),
               [](char c) { return c != '\r'; });
  // Goes back to the end of the line before the last kTailLines.
  size_t begin = text.size();
  for (size_t lines = 0; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && begin != text.size() && ++lines == kTailLines) break;
  }
  text.erase(0, begin);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace nacre::launcher
