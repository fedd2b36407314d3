#include "nacre/base/core/error.hh"

#include "nacre/base/core/format.hh"

namespace nacre {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "invalid argument";
    case ErrorCode::Malformed:
      return "malformed";
    case ErrorCode::Invalid:
      return "invalid";
    case ErrorCode::Unsupported:
      return "unsupported";
    case ErrorCode::Unlinkable:
      return "unlinkable";
    case ErrorCode::NotFound:
      return "not found";
    case ErrorCode::AlreadyExists:
      return "already exists";
    case ErrorCode::PermissionDenied:
      return "permission denied";
    case ErrorCode::OutOfMemory:
      return "out of memory";
    case ErrorCode::LimitExceeded:
      return "limit exceeded";
    case ErrorCode::WouldBlock:
      return "would block";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Io:
      return "input/output error";
  }
  return "unknown";
}

std::string Error::to_string() const {
  if (!has_offset()) return message_;
  return format("{} (at offset 0x{:x})", message_, offset_);
}

Error Error::with_context(std::string_view context) && {
  message_ = format("{}: {}", context, message_);
  return std::move(*this);
}

}  // namespace nacre
