// What the machine and the program that started it say to each other, over four virtio-serial ports
// and one archive.
//
// Ports, found by name:
//   nacre.stdin    both ways. The machine writes a StdinRequest when a guest wants to read and
//   nothing is buffered; the
//                  host answers each request with exactly one StdinFrame header and that many bytes
//                  of its standard input, length 0 at the end of file. The host reads its standard
//                  input for no other reason, so a program that never reads leaves it to whoever
//                  runs next. At most one request is outstanding.
//   nacre.stdout   machine to host: bytes, forwarded exactly
//   nacre.stderr   machine to host: bytes, forwarded exactly
//   nacre.control  machine to host: ControlHeader + payload, repeated
// A port's data counts as delivered when the device has used the buffer. The machine lets its
// output be used before it sends the frame that ends it (Exit, Trap, Error, Timeout), so the host
// loses nothing by ending the machine there.
//
// The initial archive (cpio newc) holds `config` (see base/launch), `program.wasm`, and the trees
// of the guest's preopened directories as root0/…, root1/… . All integers are little-endian.
#pragma once

#include <cstdint>

namespace nacre::abi {

inline constexpr char kStdinPort[] = "nacre.stdin";
inline constexpr char kStdoutPort[] = "nacre.stdout";
inline constexpr char kStderrPort[] = "nacre.stderr";
inline constexpr char kControlPort[] = "nacre.control";

inline constexpr char kConfigEntry[] = "config";
inline constexpr char kProgramEntry[] = "program.wasm";
inline constexpr char kRootPrefix[] = "root";  // + decimal index of the preopened directory

// machine → host, on nacre.stdin
struct StdinRequest {
  uint32_t wanted;  // 1 … kMaxStdinFrame bytes; more is cut to that
};
static_assert(sizeof(StdinRequest) == 4);

// host → machine, on nacre.stdin, followed by `length` bytes
struct StdinFrame {
  uint32_t length;  // 0 = end of file; every later request is answered with 0 again
};
static_assert(sizeof(StdinFrame) == 4);

inline constexpr uint32_t kMaxStdinFrame = 64 * 1024;

enum class ControlType : uint32_t {
  Exit = 1,  // payload ControlExit: the guest ended by itself
  Trap = 2,  // payload text for standard error: the guest was stopped by a trap; exit status 134
  Error =
      3,  // payload text: the program could not be loaded or linked, or bad options; exit status 1
  Progress = 4,  // payload text, one line: what takes so long; may be shown or not
  Timeout = 5,   // payload text: the time limit was reached; exit status 134
};

struct ControlHeader {
  ControlType type;
  uint32_t length;  // bytes of payload, at most kMaxControlPayload
};
static_assert(sizeof(ControlHeader) == 8);

struct ControlExit {
  uint32_t code;  // the low 8 bits are the exit status
};
static_assert(sizeof(ControlExit) == 4);

inline constexpr uint32_t kMaxControlPayload = 1024 * 1024;

// Exit statuses of the host program that do not come from the guest.
inline constexpr int kStatusError = 1;  // ControlType::Error, or a mistake on the command line
inline constexpr int kStatusKernelFailure =
    70;                                  // the machine ended without one of the frames above
inline constexpr int kStatusTrap = 134;  // ControlType::Trap and ControlType::Timeout

}  // namespace nacre::abi
