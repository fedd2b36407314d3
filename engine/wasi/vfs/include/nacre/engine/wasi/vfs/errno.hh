// The error numbers of WASI preview 1 (`errno` in wasi_snapshot_preview1.witx), which the file
// system uses as its own: almost every refusal is an answer to a guest, so an enum without text is
// what travels, not nacre::Error.
#pragma once

#include <cstdint>
#include <expected>

namespace nacre::vfs {

enum class Errno : uint16_t {
  Success = 0,
  TooBig = 1,
  Access = 2,
  Again = 6,
  BadFd = 8,
  Busy = 10,
  Exist = 20,
  Fault = 21,
  FileTooBig = 22,
  IllegalSequence = 25,
  Interrupted = 27,
  Invalid = 28,
  Io = 29,
  IsDirectory = 31,
  Loop = 32,
  TooManyFiles = 33,
  TooManyLinks = 34,
  NameTooLong = 37,
  NoEntry = 44,
  NoMemory = 48,
  NoSpace = 51,
  NoSystem = 52,
  NotDirectory = 54,
  NotEmpty = 55,
  NotSocket = 57,
  NotSupported = 58,
  NotTerminal = 59,
  Overflow = 61,
  Permission = 63,
  Pipe = 64,
  Range = 68,
  SeekPipe = 70,
  NotCapable = 76,
};

template <class T>
using Outcome = std::expected<T, Errno>;

[[nodiscard]] inline std::unexpected<Errno> refuse(Errno error) {
  return std::unexpected(error);
}

}  // namespace nacre::vfs
