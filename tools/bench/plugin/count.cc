// A TCG plug-in that counts guest instructions, for qemu-riscv64 and qemu-system-riscv64 (plug-in API version 1, QEMU 7.2).
//
// Regions: `slti x0, x0, 2k+1` opens region k and `slti x0, x0, 2k+2` closes it; both are hints that do nothing. The
// count of a region is what executes between the two, neither included. Instructions are counted one by one, when they
// start, so faults and early exits of a block are exact. All harts share one counter: run with one.
//
// Arguments: out=FILE      where the report goes (else QEMU's log)
//            profile=FILE  also writes "pc count word" for every instruction that ran while a region
//                          was open
//            everything=on the profile is of all that runs
//
// Report, a line each:  total COUNT
//                       region K first AT entered N sum COUNT min COUNT max COUNT last COUNT
// where AT is how many instructions had run when the region was first opened.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>

// What this plug-in uses of qemu-plugin.h, which no package ships.
extern "C" {
using qemu_plugin_id_t = uint64_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum class CallbackFlags : int { NoRegisters };
enum class InlineOperation : int { AddU64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn* insn,
                                            void (*callback)(unsigned, void*), CallbackFlags flags,
                                            void* data);
void qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_insn* insn, InlineOperation operation,
                                                void* counter, uint64_t amount);
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* tb);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* tb, size_t index);
const void* qemu_plugin_insn_data(const qemu_plugin_insn* insn);
size_t qemu_plugin_insn_size(const qemu_plugin_insn* insn);
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn* insn);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void*),
                                    void* data);
void qemu_plugin_outs(const char* text);

#define EXPORTED __attribute__((visibility("default")))
extern EXPORTED int qemu_plugin_version;
int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc,
                                 char** argv);
}

namespace {

// `slti x0, x0, imm`: everything but the immediate.
constexpr uint32_t kMarkerMask = 0x000f'ffff;
constexpr uint32_t kMarker = 0x0000'2013;
constexpr unsigned kRegions = 64;

struct Region {
  uint64_t opened_at = 0;
  bool open = false;
  uint64_t first_opened_at = 0;  // 0: never
  uint64_t entered = 0;
  uint64_t sum = 0;
  uint64_t minimum = ~uint64_t{0};
  uint64_t maximum = 0;
  uint64_t last = 0;
};

// One translation of an instruction. In a deque, so that QEMU can hold its address.
struct Site {
  uint64_t pc;
  uint32_t word;
  uint64_t count = 0;
};

uint64_t executed = 0;
Region regions[kRegions];
unsigned open_regions = 0;
bool profiling = false;
bool profile_everything = false;

// QEMU calls on_exit from exit(), after the destructors of this library's globals: so there are none.
std::deque<Site>& sites = *new std::deque<Site>;
std::string& report_path = *new std::string;
std::string& profile_path = *new std::string;

void on_open(unsigned, void* data) {
  Region& region = regions[reinterpret_cast<uintptr_t>(data)];
  if (!region.open) ++open_regions;
  region.open = true;
  region.opened_at = executed;
  if (region.first_opened_at == 0) region.first_opened_at = executed;
}

void on_close(unsigned, void* data) {
  Region& region = regions[reinterpret_cast<uintptr_t>(data)];
  if (!region.open) return;
  region.open = false;
  --open_regions;
  // Either both markers have been counted themselves when this runs, or neither: one too many in any case.
  const uint64_t count = executed - region.opened_at - 1;
  ++region.entered;
  region.sum += count;
  region.last = count;
  region.minimum = std::min(region.minimum, count);
  region.maximum = std::max(region.maximum, count);
}

void on_profiled(unsigned, void* data) {
  ++executed;
  if (open_regions != 0 || profile_everything) ++static_cast<Site*>(data)->count;
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const size_t count = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < count; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const size_t size = qemu_plugin_insn_size(instruction);
    uint32_t word = 0;
    std::memcpy(&word, qemu_plugin_insn_data(instruction), std::min(size, sizeof word));
    if (profiling) {
      Site& site = sites.emplace_back(Site{qemu_plugin_insn_vaddr(instruction), word});
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_profiled, CallbackFlags::NoRegisters,
                                             &site);
    } else {
      qemu_plugin_register_vcpu_insn_exec_inline(instruction, InlineOperation::AddU64, &executed,
                                                 1);
    }
    const uint32_t marker = word >> 20;
    if (size != 4 || (word & kMarkerMask) != kMarker || marker == 0 || marker > 2 * kRegions)
      continue;
    void* region = reinterpret_cast<void*>(uintptr_t{(marker - 1) / 2});
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, marker % 2 == 1 ? on_open : on_close,
                                           CallbackFlags::NoRegisters, region);
  }
}

void write_profile() {
  // Blocks overlap and are translated again: add up by address.
  std::map<uint64_t, Site> by_pc;
  for (const Site& site : sites) {
    if (site.count == 0) continue;
    Site& total = by_pc.try_emplace(site.pc, Site{site.pc, site.word}).first->second;
    total.count += site.count;
  }
  FILE* file = std::fopen(profile_path.c_str(), "w");
  if (file == nullptr) return;
  for (const auto& [pc, site] : by_pc) {
    std::fprintf(file, "%" PRIx64 " %" PRIu64 " %08x\n", pc, site.count, site.word);
  }
  std::fclose(file);
}

void on_exit(qemu_plugin_id_t, void*) {
  char line[200];
  std::snprintf(line, sizeof line, "total %" PRIu64 "\n", executed);
  std::string report = line;
  for (unsigned i = 0; i < kRegions; ++i) {
    const Region& r = regions[i];
    if (r.entered == 0) continue;
    std::snprintf(line, sizeof line,
                  "region %u first %" PRIu64 " entered %" PRIu64 " sum %" PRIu64 " min %" PRIu64
                  " max %" PRIu64 " last %" PRIu64 "\n",
                  i, r.first_opened_at, r.entered, r.sum, r.minimum, r.maximum, r.last);
    report += line;
  }
  if (profiling) write_profile();
  if (report_path.empty()) {
    qemu_plugin_outs(report.c_str());
    return;
  }
  if (FILE* file = std::fopen(report_path.c_str(), "w")) {
    std::fputs(report.c_str(), file);
    std::fclose(file);
  }
}

}  // namespace

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*, int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return 1;
    const std::string_view key = argument.substr(0, equals);
    const std::string value(argument.substr(equals + 1));
    if (key == "out") {
      report_path = value;
    } else if (key == "profile") {
      profile_path = value;
      profiling = true;
    } else if (key == "everything" && value == "on") {
      profile_everything = true;
    } else {
      return 1;
    }
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}
