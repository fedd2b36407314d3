// What only a machine shows: the hardware agrees with the page tables, operator new throws, and what things cost here in
// instructions. Runs in the booted kernel.
#pragma once

#include <cstdint>
#include <string_view>

namespace nacre::mm {

struct SelfTestResult {
  std::string_view failure;      // empty: all passed
  uint64_t new_delete = 0;       // instructions of a new and delete of 64 bytes
  uint64_t first_fault = 0;      // of a fault that maps 4 pages, tables included
  uint64_t fault = 0;            // of one that maps 16 pages, with the tables there
  uint64_t zero_page = 0;        // of clearing 4 KiB
  uint64_t create_destroy = 0;   // of an address space
  uint64_t reserve_release = 0;  // of an 8 GiB reservation
  uint64_t small_write = 0;      // of 8 bytes into a guest
};

// After init_address_spaces.
[[nodiscard]] SelfTestResult run_self_test();

}  // namespace nacre::mm
