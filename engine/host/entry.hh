// What enter.S and guest_thread.cc share. Offsets are repeated in enter.S.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nacre/abi/vm_context.hh"
#include "nacre/engine/runtime/store.hh"

namespace nacre::host {

// One invocation in progress; they nest when a host function calls back.
struct Entry {
  nacre::abi::CallRegisters
      registers;  // arguments on the way in, results on the way out; host calls use it meanwhile
  uint64_t pc;
  uint64_t sp;
  uint64_t vm_context;
  uint64_t memory0_base;
  uint64_t host_sp;   // where the host's saved registers are
  uint64_t guest_sp;  // during a host call
  uint64_t guest_ra;
  uint64_t in_guest;  // 1 while compiled code runs: then a signal is the guest's
  // From here on enter.S does not look.
  Entry* outer = nullptr;
  runtime::Store* store = nullptr;
  runtime::HostOutcome outcome;  // of the host call that ended the guest
  bool was_faulted = false;
  int signal = 0;
  uint64_t fault_pc = 0;
  uint64_t fault_address = 0;
  uint64_t fault_sp = 0;
  uint64_t fault_ra = 0;
};
static_assert(offsetof(Entry, pc) == 128);
static_assert(offsetof(Entry, sp) == 136);
static_assert(offsetof(Entry, vm_context) == 144);
static_assert(offsetof(Entry, memory0_base) == 152);
static_assert(offsetof(Entry, host_sp) == 160);
static_assert(offsetof(Entry, guest_sp) == 168);
static_assert(offsetof(Entry, guest_ra) == 176);
static_assert(offsetof(Entry, in_guest) == 184);

}  // namespace nacre::host

extern "C" {

// The innermost entry; null outside of any.
extern nacre::host::Entry* nacre_host_current;

// Returns 0 if the function returned, 1 if it was stopped.
uint64_t nacre_host_enter(nacre::host::Entry* entry);
// Labels in enter.S that only compiled code and the signal handler jump to.
void nacre_host_gate();
void nacre_host_thread_exit();
void nacre_host_memory_grow();
void nacre_host_table_grow();
void nacre_host_stopped();

// Called by the gate on the host's stack. Returns 0 to go on, 1 to stop the guest.
uint64_t nacre_host_serve(nacre::host::Entry* entry, uint64_t number, uint64_t vm_context);

}  // extern "C"
