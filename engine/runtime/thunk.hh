// The few instructions between a guest's call of a host function and the platform's gate: they put
// the number into t0.
#pragma once

#include <cstdint>
#include <vector>

namespace nacre::runtime {

inline constexpr uint64_t kThunkSize = 16;  // bytes, all alike
inline constexpr uint64_t kThunksPerPage = 256;

// Code of `count` thunks with the numbers first_number, first_number + 1, …
[[nodiscard]] std::vector<uint8_t> make_thunks(uint64_t first_number, uint64_t count);

}  // namespace nacre::runtime
