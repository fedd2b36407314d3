// Where the arguments and results of a function type lie at a call (abi/vm_context.hh, "Calling
// convention"). The one implementation of that text: compiled code, thread entry and host calls all
// ask here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/abi/vm_context.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::wasm {

struct ValueLocation {
  enum class Kind : uint8_t {
    Integer,  // a0 + index
    Float,    // fa0 + index
    Stack,    // 8 bytes at 8 * index above the callee's entry sp
  };
  Kind kind;
  uint32_t index;
};

// Hands out locations in order; the compiler uses it directly to avoid building vectors.
class LocationAssigner {
 public:
  constexpr LocationAssigner(unsigned integer_registers, unsigned float_registers,
                             uint32_t first_stack_slot)
      : integers_left_(integer_registers),
        floats_left_(float_registers),
        integer_registers_(integer_registers),
        float_registers_(float_registers),
        next_stack_slot_(first_stack_slot) {}

  static constexpr LocationAssigner for_params() {
    return {abi::kIntegerArgumentRegisters, abi::kFloatArgumentRegisters, 0};
  }
  // `stack_params`: how many parameters of the same type lie on the stack.
  static constexpr LocationAssigner for_results(uint32_t stack_params) {
    return {abi::kIntegerResultRegisters, abi::kFloatResultRegisters, stack_params};
  }

  constexpr ValueLocation next(ValType type) {
    if (is_float(type)) {
      if (floats_left_ != 0) return {ValueLocation::Kind::Float, float_registers_ - floats_left_--};
    } else if (integers_left_ != 0) {
      return {ValueLocation::Kind::Integer, integer_registers_ - integers_left_--};
    }
    return {ValueLocation::Kind::Stack, next_stack_slot_++};
  }

  // Stack slots handed out so far, counted from 0 at the entry sp.
  [[nodiscard]] constexpr uint32_t stack_slots() const { return next_stack_slot_; }

 private:
  uint32_t integers_left_;
  uint32_t floats_left_;
  uint32_t integer_registers_;
  uint32_t float_registers_;
  uint32_t next_stack_slot_;
};

struct CallLayout {
  std::vector<ValueLocation> params;
  std::vector<ValueLocation> results;
  uint32_t stack_param_slots = 0;
  uint32_t stack_slots = 0;  // parameters and results together, 8 bytes each

  explicit CallLayout(const FuncType& type) {
    params.reserve(type.params.size());
    results.reserve(type.results.size());
    auto assigner = LocationAssigner::for_params();
    for (ValType t : type.params) params.push_back(assigner.next(t));
    stack_param_slots = assigner.stack_slots();
    auto result_assigner = LocationAssigner::for_results(stack_param_slots);
    for (ValType t : type.results) results.push_back(result_assigner.next(t));
    stack_slots = result_assigner.stack_slots();
  }
};

}  // namespace nacre::wasm
