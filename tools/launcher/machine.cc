#include "machine.hh"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <array>

#include "nacre/abi/control.hh"
#include "nacre/base/core/format.hh"

namespace nacre::launcher {
namespace {

constexpr char kEmulator[] = "qemu-system-riscv64";

struct Pair {
  FileDescriptor ours;
  FileDescriptor theirs;
};

Result<Pair> make_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno("cannot create a socket pair");
  }
  return Pair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

class CommandLine {
 public:
  void add(std::string_view word) { words_.emplace_back(word); }
  void add(std::string_view option, std::string value) {
    words_.emplace_back(option);
    words_.push_back(std::move(value));
  }

  void add_port(int number, std::string_view name, int fd) {
    add("-chardev", format("socket,id=port{},fd={}", number, fd));
    // Numbers from 1: number 0 is kept for a console by the specification (virtio 1.2, 5.3.2).
    add("-device", format("virtserialport,chardev=port{},name={},nr={}", number, name, number));
  }

  [[nodiscard]] std::vector<char*> pointers() {
    std::vector<char*> out;
    for (std::string& word : words_) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
  }

 private:
  std::vector<std::string> words_;
};

struct TheirEnds {
  FileDescriptor standard_input;
  FileDescriptor standard_output;
  FileDescriptor standard_error;
  FileDescriptor control;
  FileDescriptor log;
  FileDescriptor emulator_errors;
};

CommandLine make_command_line(const MachineConfig& config, const TheirEnds& ends) {
  CommandLine line;
  line.add(kEmulator);
  line.add("-machine", "virt");
  line.add("-smp", format("{}", config.harts));
  line.add("-m", format("{}B", config.memory_bytes));
  line.add("-nodefaults");
  line.add("-no-user-config");
  line.add("-no-reboot");
  line.add("-display", "none");
  line.add("-monitor", "none");
  line.add("-chardev", format("socket,id=log,fd={}", ends.log.get()));
  line.add("-serial", "chardev:log");
  line.add("-global", "virtio-mmio.force-legacy=false");
  line.add("-device", "virtio-serial-device,max_ports=5");
  line.add_port(1, abi::kStdinPort, ends.standard_input.get());
  line.add_port(2, abi::kStdoutPort, ends.standard_output.get());
  line.add_port(3, abi::kStderrPort, ends.standard_error.get());
  line.add_port(4, abi::kControlPort, ends.control.get());
  line.add("-kernel", config.kernel);
  line.add("-initrd", format("/dev/fd/{}", config.archive_fd));
  if (!config.boot_arguments.empty()) line.add("-append", config.boot_arguments);
  for (const std::string& argument : config.qemu_arguments) line.add(argument);
  return line;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_emulator(const MachineConfig& config, const TheirEnds& ends, pid_t parent,
                                  char* const* words) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // we were orphaned before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int fd :
       {ends.standard_input.get(), ends.standard_output.get(), ends.standard_error.get(),
        ends.control.get(), ends.log.get(), config.archive_fd}) {
    fcntl(fd, F_SETFD, 0);
  }
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(ends.emulator_errors.get(), STDOUT_FILENO);
  dup2(ends.emulator_errors.get(), STDERR_FILENO);
  execvp(words[0], words);
  static constexpr std::string_view kMessage = "cannot start qemu-system-riscv64\n";
  (void)!write(STDERR_FILENO, kMessage.data(), kMessage.size());
  _exit(127);
}

Result<void> connect(FileDescriptor& ours, FileDescriptor& theirs) {
  TRY_ASSIGN(Pair pair, make_pair());
  ours = std::move(pair.ours);
  theirs = std::move(pair.theirs);
  return {};
}

}  // namespace

Result<Machine> Machine::start(const MachineConfig& config) {
  Ports ports;
  TheirEnds ends;
  TRY(connect(ports.standard_input, ends.standard_input));
  TRY(connect(ports.standard_output, ends.standard_output));
  TRY(connect(ports.standard_error, ends.standard_error));
  TRY(connect(ports.control, ends.control));
  TRY(connect(ports.log, ends.log));
  TRY(connect(ports.emulator_errors, ends.emulator_errors));
  CommandLine line = make_command_line(config, ends);
  const std::vector<char*> words = line.pointers();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail_errno("cannot start the emulator");
  if (pid == 0) become_emulator(config, ends, parent, words.data());
  Machine machine(pid, config.qemu_arguments.empty() ? Ending::AtOnce : Ending::InOrder);
  machine.ports = std::move(ports);
  return machine;
}

Machine::Machine(Machine&& other) noexcept
    : ports(std::move(other.ports)), pid_(std::exchange(other.pid_, -1)), ending_(other.ending_) {}

Machine::~Machine() {
  kill();
}

bool Machine::has_ended(int& wait_status) {
  if (pid_ < 0 || waitpid(pid_, &wait_status, WNOHANG) != pid_) return false;
  pid_ = -1;
  return true;
}

void Machine::kill() {
  if (pid_ < 0) return;
  if (ending_ == Ending::InOrder) {
    ::kill(pid_, SIGTERM);
    constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 5'000'000};
    constexpr int kPauses = 400;
    for (int i = 0; i < kPauses; ++i) {
      int ignored = 0;
      if (has_ended(ignored)) return;
      nanosleep(&kPause, nullptr);
    }
  }
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace nacre::launcher
