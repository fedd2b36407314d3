// What compiled code sees of its instance. One VmContext per instance, in the domain's own memory
// (read-write for the guest), so nothing here may be trusted by the kernel: it publishes copies and
// decides by its own state.
//
// The fixed header below is followed by per-module arrays at offsets computed by engine/wasm's
// VmLayout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::abi {

// A callable function as compiled code sees it; a funcref value is the address of one (null = 0).
struct FuncRef {
  uint64_t entry;       // address of the code
  uint64_t vm_context;  // of the instance that owns the function; becomes s10 on entry
  uint32_t type_id;     // canonical, engine-wide (structural equality); compared by call_indirect
  uint32_t function_index;
};
static_assert(sizeof(FuncRef) == 24);

// An imported function: the callee's entry and context. For a host function `vm_context` is the
// importing instance's own, so that the call needs no context switch.
struct ImportedFunction {
  uint64_t entry;
  uint64_t vm_context;
};
static_assert(sizeof(ImportedFunction) == 16);

// A linear memory. `base` never changes while the memory lives: growing commits more of the same
// reservation.
struct MemoryDefinition {
  uint64_t base;
  uint64_t length;  // bytes
};
static_assert(sizeof(MemoryDefinition) == 16);

// A table of 8-byte references. `base` never changes while the table lives.
struct TableDefinition {
  uint64_t base;
  uint64_t length;   // elements
  uint64_t maximum;  // elements; growing beyond it fails
};
static_assert(sizeof(TableDefinition) == 24);

// A passive segment as memory.init / table.init see it; dropping it sets length to 0.
struct SegmentDefinition {
  uint64_t base;
  uint64_t
      length;  // bytes for data, elements for element segments (each 8 bytes, already references)
};
static_assert(sizeof(SegmentDefinition) == 16);

// Functions that compiled code calls through VmContext::builtins: C calling convention (lp64d), i32
// arguments and results sign-extended as everywhere. They know nothing of a module's layout:
// compiled code passes the *addresses* of the definitions (s10 + VmLayout's offset, or for an
// imported memory or table the pointer stored there). Those marked "traps" return 0 when done and 1
// when out of bounds, having changed nothing; the caller's trap site holds the kind. Implemented by
// engine/urt, except the ones marked "platform", which enter the kernel (or the host process).
// data.drop and elem.drop need no builtin: compiled code stores 0 to SegmentDefinition::length.
enum class Builtin : uint32_t {
  MemoryGrow,  // platform: (VmContext*, i32 memory_index, i32 delta_pages) -> i32 previous pages,
               // or -1
  MemoryCopy,  // traps: (MemoryDefinition* dst_memory, MemoryDefinition* src_memory, i32 dst, i32
               // src, i32 n)
  MemoryFill,  // traps: (MemoryDefinition*, i32 dst, i32 value, i32 n)
  MemoryInit,  // traps: (MemoryDefinition*, SegmentDefinition*, i32 dst, i32 src, i32 n)
  TableGrow,   // platform: (VmContext*, i32 table_index, ref init, i32 delta) -> i32 previous
               // elements, or -1
  TableCopy,   // traps: (TableDefinition* dst_table, TableDefinition* src_table, i32 dst, i32 src,
               // i32 n)
  TableFill,   // traps: (TableDefinition*, i32 dst, ref value, i32 n)
  TableInit,   // traps: (TableDefinition*, SegmentDefinition*, i32 dst, i32 src, i32 n)
  Count,
};

struct VmContext {
  static constexpr uint32_t kMagic = 0x4d56'6e63;  // "cnVM"

  uint32_t magic;
  uint32_t instance_id;
  uint64_t memory0_base;  // copy of memories[0].base, becomes s11; 0 without a memory
  uint64_t
      stack_limit;     // lowest address a frame may reach; for frames larger than kStackGuardBytes
  uint64_t builtins;   // address of uint64_t[Builtin::Count]
  uint64_t host_call;  // address of the host-call gate, see below
  uint64_t reserved[3];
};
static_assert(sizeof(VmContext) == 64);

// Distances that both the code generator and the address-space reservation rely on.
inline constexpr uint64_t kWasmPageSize = 65536;
inline constexpr uint64_t kMemoryReservation = (uint64_t{4} << 30) + (uint64_t{4} << 30) + 65536;
inline constexpr uint64_t kStackGuardBytes = 64 << 10;  // never mapped, below every guest stack

// ---- Calling convention of compiled code on riscv64 ----
//
// Pinned:    s10 = VmContext*, s11 = memory 0 base. gp and tp are never touched. ra = return address.
// Arguments: i32 (sign-extended to 64 bits), i64 and references in a0–a7; f32 (NaN-boxed) and f64 in
//            fa0–fa7; what does not fit its register file goes to 8-byte stack slots, in order, the
//            first at 0(sp) on entry.
// Results:   first integer a0, second a1; first float fa0, second fa1; the rest in 8-byte stack slots
//            that follow the stack arguments (also reserved by the caller, at known offsets from the
//            callee's entry sp).
// Preserved: sp, s0–s11, fs0–fs11. sp is 16-byte aligned at calls. There is no frame pointer: every
//            function has one fixed frame size, recorded in its metadata, with ra saved at
//            frame_size-8(sp).
//
// A call into another instance (callee's vm_context ≠ s10) switches s10 and s11 and restores them
// afterwards; this is the caller's work.
//
// A host function's entry is a thunk `li t0, index; ld t1, host_call(s10); jr t1`. The gate is
// `ecall; ret` under the kernel and a register-saving stub in a host process. It gets the wasm
// arguments where they are, t0 = the host function's index, s10 = the calling instance, and returns
// results as above.
inline constexpr unsigned kIntegerArgumentRegisters = 8;
inline constexpr unsigned kFloatArgumentRegisters = 8;
inline constexpr unsigned kIntegerResultRegisters = 2;
inline constexpr unsigned kFloatResultRegisters = 2;

// The argument registers at a host call, or to be loaded when a thread enters compiled code.
struct CallRegisters {
  uint64_t integers[kIntegerArgumentRegisters];
  uint64_t floats[kFloatArgumentRegisters];
};
static_assert(sizeof(CallRegisters) == 128);

}  // namespace nacre::abi
