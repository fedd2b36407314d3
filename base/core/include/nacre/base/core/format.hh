// A small text formatter for the kernel and the engine: std::format costs 185 KB of kernel image, this one two.
//
// Placeholders: {} {:x} {:08x} {:>10} {:<10}. Arguments: integers, bool, char, enums (as integers), pointers
// (hexadecimal), strings, and any type with `void format_value(FormatSink&, const T&)` found by argument lookup.
// A placeholder without an argument prints as itself; a bad format string never fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace nacre {

// Where formatted text goes. Implementations must not throw unless they grow a buffer.
class FormatSink {
 public:
  virtual void write(std::string_view text) = 0;

 protected:
  ~FormatSink() = default;
};

struct FormatSpec {
  uint8_t width = 0;
  bool zero_pad = false;
  bool left_align = false;
  bool hexadecimal = false;
};

namespace format_detail {

struct Argument {
  const void* value;
  void (*print)(FormatSink&, const void* value, FormatSpec spec);
};

void print_unsigned(FormatSink& sink, uint64_t value, bool negative, FormatSpec spec);
void print_text(FormatSink& sink, std::string_view text, FormatSpec spec);

template <class T>
void print_value(FormatSink& sink, const void* pointer, FormatSpec spec) {
  const T& value = *static_cast<const T*>(pointer);
  if constexpr (std::is_same_v<T, bool>) {
    print_text(sink, value ? "true" : "false", spec);
  } else if constexpr (std::is_same_v<T, char>) {
    print_text(sink, std::string_view(&value, 1), spec);
  } else if constexpr (requires { format_value(sink, value); }) {
    format_value(sink, value);
  } else if constexpr (std::is_enum_v<T>) {
    print_unsigned(sink, static_cast<uint64_t>(value), false, spec);
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>) {
      // Hexadecimal shows the bits of the argument's own width.
      if (value < 0 && !spec.hexadecimal) {
        print_unsigned(sink, uint64_t{0} - static_cast<uint64_t>(value), true, spec);
        return;
      }
    }
    print_unsigned(sink, static_cast<std::make_unsigned_t<T>>(value), false, spec);
  } else if constexpr (std::is_pointer_v<T> && !std::is_convertible_v<T, std::string_view>) {
    spec.hexadecimal = true;
    sink.write("0x");
    print_unsigned(sink, reinterpret_cast<uintptr_t>(value), false, spec);
  } else {
    print_text(sink, std::string_view(value), spec);
  }
}

// Arrays (string literals) are printed as text; everything else by its own type.
template <class T>
Argument make_argument(const T& value) {
  return {&value, &print_value<T>};
}
template <size_t N>
Argument make_argument(const char (&value)[N]) {
  return {&value, [](FormatSink& sink, const void* text, FormatSpec spec) {
            print_text(sink, static_cast<const char*>(text), spec);
          }};
}

void vformat(FormatSink& sink, std::string_view text, std::span<const Argument> arguments);

}  // namespace format_detail

template <class... Args>
void format_to(FormatSink& sink, std::string_view text, const Args&... args) {
  const format_detail::Argument arguments[] = {format_detail::make_argument(args)...,
                                               {nullptr, nullptr}};
  format_detail::vformat(sink, text, std::span(arguments, sizeof...(Args)));
}

class StringSink final : public FormatSink {
 public:
  explicit StringSink(std::string& out) : out_(out) {}
  void write(std::string_view text) override { out_ += text; }

 private:
  std::string& out_;
};

template <class... Args>
[[nodiscard]] std::string format(std::string_view text, const Args&... args) {
  std::string out;
  StringSink sink(out);
  format_to(sink, text, args...);
  return out;
}

}  // namespace nacre
