#include "session.hh"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "control.hh"
#include "log_view.hh"
#include "nacre/abi/control.hh"
#include "nacre/base/core/format.hh"

namespace nacre::launcher {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kStatusBrokenPipe = 128 + SIGPIPE;

sigset_t session_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

// Where one of the guest's output ports goes. `pending` is what we have read and not yet written;
// while there is any, the port is not read, so that a slow reader slows the guest down and nothing
// else.
struct Output {
  int port;
  int file;
  size_t chunk = 0;
  std::string pending = {};
  bool ended = false;
};

// How much can be written without blocking once poll() says so: a pipe promises PIPE_BUF, a file
// takes anything.
size_t safe_chunk(int file) {
  struct stat status{};
  const bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  return regular ? size_t{1} << 20 : 4096;
}

class Session {
 public:
  Session(Machine& machine, LogMode log_mode)
      : machine_(machine),
        signals_(signalfd(-1, &signal_set_, SFD_CLOEXEC | SFD_NONBLOCK)),
        outputs_{
            Output{machine.ports.standard_output.get(), STDOUT_FILENO, safe_chunk(STDOUT_FILENO)},
            Output{machine.ports.standard_error.get(), STDERR_FILENO, safe_chunk(STDERR_FILENO)}},
        log_shown_(log_mode == LogMode::Shown),
        show_progress_(isatty(STDERR_FILENO) != 0 && log_mode == LogMode::Hidden) {}

  int run() {
    while (!status_) step(-1);
    machine_.kill();
    print_log();
    return *status_;
  }

 private:
  void step(int timeout_ms);
  void handle_signals();
  void handle_stdin_request();
  void answer_stdin_request();
  void handle_control();
  void handle_frame(const ControlFrame& frame);
  void handle_log(FileDescriptor& source);
  void fill(Output& output);
  void drain(Output& output);
  void finish(int status, std::string_view message);
  void machine_ended(int wait_status);
  void kernel_failed(std::string_view why);
  void print_log();
  void say(std::string_view text);
  void clear_progress();

  Machine& machine_;
  sigset_t signal_set_ = session_signals();
  FileDescriptor signals_;
  std::array<Output, 2> outputs_;
  ControlDecoder control_;
  LogView log_;
  std::string request_bytes_;
  uint32_t stdin_wanted_ = 0;  // 0: no request is open
  bool control_ended_ = false;
  bool input_ended_ = false;
  bool log_shown_;
  bool show_progress_;
  bool progress_on_screen_ = false;
  bool finishing_ = false;  // the guest's end is known; what it wrote is being delivered
  std::optional<int> status_;
};

// Reads what is there now. Nothing: not ready. Empty: the other side is gone.
std::optional<std::string> read_some(int socket) {
  std::string bytes(kReadBytes, '\0');
  const ssize_t count = recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

// One round of waiting and serving. Negative file descriptors are skipped by poll().
void Session::step(int timeout_ms) {
  const auto wanted = [](bool condition, int fd) { return condition ? fd : -1; };
  std::array<pollfd, 10> polled = {{
      {signals_.get(), POLLIN, 0},
      {wanted(!control_ended_, machine_.ports.control.get()), POLLIN, 0},
      {machine_.ports.log.get(), POLLIN, 0},
      {machine_.ports.emulator_errors.get(), POLLIN, 0},
      {wanted(!input_ended_, machine_.ports.standard_input.get()), POLLIN, 0},
      {wanted(stdin_wanted_ != 0, STDIN_FILENO), POLLIN, 0},
  }};
  constexpr size_t kOutputs = 6;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Output& output = outputs_[i];
    const bool idle = output.pending.empty();
    polled[kOutputs + 2 * i] = {wanted(idle && !output.ended, output.port), POLLIN, 0};
    polled[kOutputs + 2 * i + 1] = {wanted(!idle, output.file), POLLOUT, 0};
  }
  if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (polled[kOutputs + 2 * i].revents != 0) fill(outputs_[i]);
    if (polled[kOutputs + 2 * i + 1].revents != 0) drain(outputs_[i]);
  }
  if (polled[2].revents != 0) handle_log(machine_.ports.log);
  if (polled[3].revents != 0) handle_log(machine_.ports.emulator_errors);
  if (polled[4].revents != 0) handle_stdin_request();
  if (polled[5].revents != 0) answer_stdin_request();
  if (polled[1].revents != 0) handle_control();
  if (polled[0].revents != 0) handle_signals();
}

void Session::handle_signals() {
  signalfd_siginfo info{};
  while (!status_ && read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal != SIGCHLD) {
      clear_progress();
      status_ = 128 + signal;
      return;
    }
    int wait_status = 0;
    // After the guest's last word the machine may go as it likes.
    if (machine_.has_ended(wait_status) && !finishing_) machine_ended(wait_status);
  }
}

void Session::handle_stdin_request() {
  const auto bytes = read_some(machine_.ports.standard_input.get());
  if (!bytes) return;
  if (bytes->empty()) input_ended_ = true;
  request_bytes_ += *bytes;
  abi::StdinRequest request{};
  if (request_bytes_.size() < sizeof(request)) return;
  std::memcpy(&request, request_bytes_.data(), sizeof(request));
  request_bytes_.erase(0, sizeof(request));
  stdin_wanted_ = std::clamp<uint32_t>(request.wanted, 1, abi::kMaxStdinFrame);
}

// The frame always fits: only one is under way, and the socket's buffer is larger than that.
void Session::answer_stdin_request() {
  std::string frame(sizeof(abi::StdinFrame) + stdin_wanted_, '\0');
  ssize_t count = read(STDIN_FILENO, frame.data() + sizeof(abi::StdinFrame), stdin_wanted_);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) count = 0;  // a closed or unreadable standard input is an empty one
  const abi::StdinFrame header{static_cast<uint32_t>(count)};
  std::memcpy(frame.data(), &header, sizeof(header));
  frame.resize(sizeof(header) + header.length);
  stdin_wanted_ = 0;
  const ssize_t sent =
      send(machine_.ports.standard_input.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(frame.size())) input_ended_ = true;  // the machine is going down
}

void Session::handle_control() {
  const auto bytes = read_some(machine_.ports.control.get());
  if (!bytes) return;
  if (bytes->empty()) control_ended_ = true;
  control_.feed(*bytes);
  while (!status_) {
    const auto frame = control_.next();
    if (!frame) return kernel_failed(frame.error().message());
    if (!*frame) return;
    handle_frame(**frame);
  }
}

void Session::handle_frame(const ControlFrame& frame) {
  switch (frame.type) {
    case abi::ControlType::Exit:
      return finish(frame.exit_status(), "");
    case abi::ControlType::Trap:
    case abi::ControlType::Timeout:
      return finish(abi::kStatusTrap, frame.payload);
    case abi::ControlType::Error:
      return finish(abi::kStatusError, "nacre: " + frame.payload);
    case abi::ControlType::Progress:
      if (!show_progress_) return;
      clear_progress();
      say(frame.payload);
      progress_on_screen_ = true;
      return;
  }
}

void Session::handle_log(FileDescriptor& source) {
  const auto bytes = read_some(source.get());
  if (!bytes) return;
  if (bytes->empty()) return source.reset(-1);
  log_.feed(*bytes);
  if (log_shown_) say(log_.take_shown());
}

void Session::fill(Output& output) {
  auto bytes = read_some(output.port);
  if (!bytes) return;
  if (bytes->empty()) output.ended = true;
  output.pending = std::move(*bytes);
}

void Session::drain(Output& output) {
  clear_progress();
  const size_t chunk = std::min(output.pending.size(), output.chunk);
  const ssize_t written = write(output.file, output.pending.data(), chunk);
  if (written >= 0) {
    output.pending.erase(0, static_cast<size_t>(written));
  } else if (errno == EPIPE) {
    status_ = kStatusBrokenPipe;  // as if the guest had been ended by SIGPIPE
  } else if (errno != EINTR && errno != EAGAIN) {
    say(format("nacre: cannot write the guest's output: {}\n", std::strerror(errno)));
    status_ = abi::kStatusError;
  }
}

// The guest has ended: what it wrote is in the sockets (see abi/control.hh) and is delivered before
// we end.
void Session::finish(int status, std::string_view message) {
  finishing_ = true;
  for (Output& output : outputs_) {
    do {
      while (!output.pending.empty() && !status_) {
        pollfd ready[] = {{output.file, POLLOUT, 0}, {signals_.get(), POLLIN, 0}};
        if (poll(ready, 2, -1) <= 0) continue;
        if (ready[1].revents != 0) handle_signals();
        if (ready[0].revents != 0 && !status_) drain(output);
      }
      if (!status_ && !output.ended) fill(output);
    } while (!output.pending.empty() && !status_);
  }
  if (status_) return;
  clear_progress();
  if (!message.empty()) {
    say(message);
    if (!message.ends_with('\n')) say("\n");
  }
  status_ = status;
}

// QEMU is gone. What it left in the sockets may still hold the frame that tells why.
void Session::machine_ended(int wait_status) {
  while (!status_ && !control_ended_) handle_control();
  while (machine_.ports.log.is_open()) handle_log(machine_.ports.log);
  while (machine_.ports.emulator_errors.is_open()) handle_log(machine_.ports.emulator_errors);
  if (status_) return;
  if (WIFSIGNALED(wait_status)) {
    return kernel_failed(format("the emulator was ended by signal {}", WTERMSIG(wait_status)));
  }
  kernel_failed(
      format("the machine stopped with status {} without a word", WEXITSTATUS(wait_status)));
}

void Session::kernel_failed(std::string_view why) {
  const std::string log = log_shown_ ? "" : log_.tail();
  finish(abi::kStatusKernelFailure, format("{}nacre: the kernel failed: {}\n", log, why));
}

// Takes what is left of the log when the guest has ended in good order.
void Session::print_log() {
  if (!log_shown_) return;
  while (machine_.ports.log.is_open()) handle_log(machine_.ports.log);
}

void Session::say(std::string_view text) {
  (void)write_all(STDERR_FILENO, text, "standard error");
}

void Session::clear_progress() {
  if (!progress_on_screen_) return;
  progress_on_screen_ = false;
  say("\r\x1b[K");
}

}  // namespace

void block_session_signals() {
  const sigset_t set = session_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int run_session(Machine& machine, LogMode log_mode) {
  return Session(machine, log_mode).run();
}

}  // namespace nacre::launcher
