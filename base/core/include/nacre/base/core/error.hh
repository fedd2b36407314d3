// Failed operations. `Result<T>` is the return type of everything that can fail for a reason outside our own
// code; see docs/ARCHITECTURE.md, "Three kinds of failure".
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace nacre {

// Coarse classes that a caller may branch on; the text is for people.
enum class ErrorCode : uint8_t {
  InvalidArgument,  // the caller asked for something that makes no sense
  Malformed,        // bytes that are not what the format demands
  Invalid,          // well-formed, but breaks a rule of the format (WebAssembly validation)
  Unsupported,      // legal, but not provided here
  Unlinkable,       // an import is missing or has the wrong type
  NotFound,
  AlreadyExists,
  PermissionDenied,
  OutOfMemory,
  LimitExceeded,  // a quota or an implementation limit
  WouldBlock,
  Cancelled,
  Io,
};

[[nodiscard]] std::string_view name_of(ErrorCode code);

class [[nodiscard]] Error {
 public:
  static constexpr uint64_t kNoOffset = ~uint64_t{0};

  Error(ErrorCode code, std::string message, uint64_t offset = kNoOffset)
      : message_(std::move(message)), offset_(offset), code_(code) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  // Byte offset in the input that the error is about, or kNoOffset.
  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] bool has_offset() const { return offset_ != kNoOffset; }

  // "message (at offset 0x1f)".
  [[nodiscard]] std::string to_string() const;

  // Puts "context: " before the message, for callers that know more of the where.
  [[nodiscard]] Error with_context(std::string_view context) &&;

 private:
  std::string message_;
  uint64_t offset_;
  ErrorCode code_;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message,
                                                 uint64_t offset = Error::kNoOffset) {
  return std::unexpected<Error>(std::in_place, code, std::move(message), offset);
}

}  // namespace nacre

#define NACRE_CONCAT_INNER(a, b) a##b
#define NACRE_CONCAT(a, b) NACRE_CONCAT_INNER(a, b)

// TRY(expr): returns the error of a Result<void>, or goes on.
#define TRY(expression)                                            \
  do {                                                             \
    if (auto nacre_try_result = (expression); !nacre_try_result) { \
      return std::unexpected(std::move(nacre_try_result).error()); \
    }                                                              \
  } while (false)

// TRY_ASSIGN(auto x, expr): binds the value of a Result<T>, or returns its error.
#define TRY_ASSIGN(declaration, expression) \
  TRY_ASSIGN_INNER(declaration, expression, NACRE_CONCAT(nacre_try_result_, __LINE__))
#define TRY_ASSIGN_INNER(declaration, expression, temporary) \
  auto temporary = (expression);                             \
  if (!temporary) {                                          \
    return std::unexpected(std::move(temporary).error());    \
  }                                                          \
  declaration = std::move(*temporary)
