#include "efi_text.hh"

#include <algorithm>

namespace nacre::loader::efi {

bool Words::append(std::string_view text) {
  if (text.empty()) return true;
  const size_t blank = used_ == 0 ? 0 : 1;
  if (text.size() + blank > buffer_.size() - used_) return false;
  if (blank != 0) buffer_[used_++] = ' ';
  std::ranges::copy(text, buffer_.begin() + static_cast<ptrdiff_t>(used_));
  used_ += text.size();
  return true;
}

bool Words::append(std::u16string_view text) {
  text = text.substr(0, text.find(u'\0'));
  if (text.empty()) return true;
  const bool is_text = std::ranges::all_of(text, [](char16_t c) { return c >= u' ' && c <= u'~'; });
  const size_t blank = used_ == 0 ? 0 : 1;
  if (!is_text || text.size() + blank > buffer_.size() - used_) return false;
  if (blank != 0) buffer_[used_++] = ' ';
  for (const char16_t c : text) buffer_[used_++] = static_cast<char>(c);
  return true;
}

}  // namespace nacre::loader::efi
