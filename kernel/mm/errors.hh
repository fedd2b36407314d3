// What goes wrong with address spaces and their memory. Texts stay within what std::string holds without allocating: there may be
// no memory for more.
#pragma once

#include <expected>

#include "nacre/base/core/error.hh"

namespace nacre::mm {

inline std::unexpected<Error> out_of_memory() {
  return fail(ErrorCode::OutOfMemory, "out of memory");
}
inline std::unexpected<Error> over_budget() {
  return fail(ErrorCode::LimitExceeded, "memory budget used up");
}
inline std::unexpected<Error> bad_argument() {
  return fail(ErrorCode::InvalidArgument, "bad memory range");
}
inline std::unexpected<Error> not_found() {
  return fail(ErrorCode::NotFound, "no such region");
}

}  // namespace nacre::mm
