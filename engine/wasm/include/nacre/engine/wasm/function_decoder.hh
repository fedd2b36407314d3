// Decodes and validates one function body in a single walk and tells a sink about every instruction
// that can be reached (core specification 2.0, §3.3 and the algorithm of the appendix "Validation
// Algorithm").
//
// What the sink sees: one call per live instruction, made after the decoder has checked the
// operands' types, popped them and pushed the results; so the operand stack of the decoder is the
// one behind the instruction. For block, loop and if the new control frame is already on the
// control stack; for end it is still there. null_sink.hh lists the calls.
//
// Dead code (behind br, return, unreachable, or a block's end that nothing reaches) is validated in
// full, but the sink hears nothing of it, not even of blocks that begin and end in it. It does hear
// on_else and on_end of every frame whose beginning it heard, and must there set its own stack to
// the frame's height plus parameters or results. So the sink's frames match the decoder's whenever
// code is live.
//
// Invariants: the bytes [pc_, end_) lie in the module; a failure is sticky, sets pc_ = end_, and
// the walk stops at the next instruction without another call of the sink. Buffers are kept between
// functions: no allocation per function once they have grown.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/engine/wasm/module.hh"
#include "nacre/engine/wasm/opcodes.hh"

namespace nacre::wasm {

// Implementation limit; the specification allows 2^32-1.
inline constexpr uint32_t kMaxLocals = 50'000;

struct MemArg {
  uint32_t offset;
  uint32_t align_log2;  // a hint; never above the natural alignment
};

struct ControlFrame {
  enum class Kind : uint8_t { Function, Block, Loop, If, Else };
  Kind kind;
  bool was_live;     // the frame's beginning was reachable, so the sink knows it
  bool polymorphic;  // behind an unconditional branch: pops below `height` succeed
  bool is_target;    // a live branch leads to its label
  uint32_t height;   // of the operand stack below the parameters
  uint32_t offset;   // of the instruction, from the start of the module
  std::span<const ValType> params;
  std::span<const ValType> results;

  // What a branch to the frame carries.
  [[nodiscard]] std::span<const ValType> label_types() const {
    return kind == Kind::Loop ? params : results;
  }
};

class FunctionDecoder {
 public:
  // `module` must outlive the decoder. A byte of code counts as a unit of work, with what the sink does.
  explicit FunctionDecoder(const Module& module, PausePoint pauses = {})
      : module_(module), pauses_(pauses) {}
  FunctionDecoder(const FunctionDecoder&) = delete;
  FunctionDecoder& operator=(const FunctionDecoder&) = delete;

  // Walks the body of `function`, which is no import. The error is the first one found, with the
  // module's byte offset.
  template <class Sink>
  [[nodiscard]] Result<void> decode(uint32_t function, Sink& sink);

  // ---- For sinks, during a call ----
  [[nodiscard]] const Module& module() const { return module_; }
  [[nodiscard]] uint32_t function_index() const { return function_; }
  [[nodiscard]] const FuncType& function_type() const { return *type_; }
  // Parameters first.
  [[nodiscard]] std::span<const ValType> locals() const { return locals_; }
  // Of the current instruction's first byte, from the start of the module.
  [[nodiscard]] uint32_t offset() const { return offset_of(instruction_); }
  // Of the byte behind what was read of the current instruction.
  [[nodiscard]] uint32_t next_offset() const { return offset_of(pc_); }
  // The function's bytes, and where the current instruction's successor is in them.
  [[nodiscard]] std::span<const uint8_t> rest() const { return {pc_, end_}; }

  // Frames, the function's own included.
  [[nodiscard]] uint32_t control_depth() const { return static_cast<uint32_t>(control_.size()); }
  // 0 is the innermost.
  [[nodiscard]] const ControlFrame& control(uint32_t depth) const {
    return control_[control_.size() - 1 - depth];
  }
  [[nodiscard]] uint32_t stack_height() const { return static_cast<uint32_t>(top_ - stack_.get()); }
  // 0 is the slot at the bottom.
  [[nodiscard]] ValType stack_type(uint32_t slot) const { return stack_[slot]; }
  // Whether the code that follows can be reached.
  [[nodiscard]] bool is_live() const { return live_; }

  // The next instruction's first byte, or -1 at the end. For fusing: what follows was not validated
  // yet, but it is certain that the sink hears of it next (if it is no nop and the walk does not
  // fail).
  [[nodiscard]] int peek_byte() const { return pc_ == end_ ? -1 : *pc_; }
  [[nodiscard]] bool next_is(Opcode opcode) const {
    return peek_byte() == static_cast<int>(opcode);
  }
  // The index immediate of the next instruction, if it is well-formed; the caller checks its range.
  [[nodiscard]] std::optional<uint32_t> peek_index() const;

 private:
  static constexpr uint32_t kStretch = 2048;  // bytes of code between two looks at pauses_

  // The walk: function_decoder_walk.hh.
  template <class Sink>
  void step(Sink& sink, OpcodeInfo info, uint16_t code);
  template <class Sink>
  void step_rare(Sink& sink, OpClass op_class, uint16_t code);
  template <class Sink>
  void step_prefixed(Sink& sink);
  template <class Sink>
  void open_block(Sink& sink, ControlFrame::Kind kind);
  template <class Sink>
  void on_else(Sink& sink);
  template <class Sink>
  void on_end(Sink& sink);
  template <class Sink>
  void on_branch(Sink& sink, OpClass op_class);
  template <class Sink>
  void on_br_table(Sink& sink);
  template <class Sink>
  void on_call(Sink& sink, OpClass op_class);
  template <class Sink>
  void on_select(Sink& sink, bool typed);
  template <class Sink>
  void on_local_get(Sink& sink);
  template <class Sink>
  void on_local_set(Sink& sink);
  template <class Sink>
  void on_local_tee(Sink& sink);
  template <class Sink>
  void on_global(Sink& sink, OpClass op_class);
  template <class Sink>
  void on_const(Sink& sink, Immediates immediates);
  template <class Sink>
  void on_wide_const(Sink& sink, Immediates immediates);
  template <class Sink>
  void on_memory(Sink& sink, Opcode opcode);
  template <class Sink>
  void on_table(Sink& sink, Opcode opcode);
  template <class Sink>
  void on_reference(Sink& sink, Opcode opcode);

  // What the walk calls, in function_decoder.cc. Those that read or check fail by themselves.
  struct BlockSignature {
    std::span<const ValType> params;
    std::span<const ValType> results;
  };
  struct TableOperands {
    uint32_t table = 0;
    uint32_t source = 0;  // table.copy: the source table; table.init, elem.drop: the segment
    ValType element = ValType::FuncRef;
  };
  [[nodiscard]] bool begin(uint32_t function);
  void finish();
  void read_locals();
  [[nodiscard]] BlockSignature read_block_type();
  [[nodiscard]] MemArg read_memarg_slow(OpcodeInfo info);
  [[nodiscard]] TableOperands read_table_operands(Opcode opcode);
  [[nodiscard]] uint32_t read_table_index();
  [[nodiscard]] ValType read_select_type();
  [[nodiscard]] ValType read_reference_type();
  void read_branch_targets();
  void push_frame(ControlFrame::Kind kind, const BlockSignature& signature);
  // Pops the innermost frame's results; nothing of the frame may be left below them.
  void check_frame_end();
  void check_one_armed_if();
  void become_unreachable();
  void require_memory();
  void require_data_segment(uint32_t segment);
  void require_element_segment(uint32_t segment);
  void require_declared_function(uint32_t function);
  [[nodiscard]] MemArg read_memarg(OpcodeInfo info) {
    // Nearly always two small numbers and a memory that exists.
    if (end_ - pc_ >= 2 && pc_[0] <= info.access_log2 && pc_[1] < 0x80 && has_memory_) [[likely]] {
      const MemArg memarg{pc_[1], pc_[0]};
      pc_ += 2;
      return memarg;
    }
    return read_memarg_slow(info);
  }

  // Operand stack.
  void push(ValType type) {
    if (top_ == limit_) [[unlikely]]
      grow_stack(1);
    *top_++ = type;
  }
  void push_all(std::span<const ValType> types);
  void pop(ValType expected) {
    if (top_ > base_ && top_[-1] == expected) [[likely]] {
      --top_;
    } else {
      pop_slow(expected);
    }
  }
  void pop_slow(ValType expected);
  ValType pop_any();
  void pop_all(std::span<const ValType> types);
  // Whether `types` could be popped, without popping them.
  void check_top(std::span<const ValType> types);
  void pop_push_one(OpcodeInfo info) {
    if (top_ > base_ && top_[-1] == info.first) [[likely]] {
      top_[-1] = info.result;
    } else {
      pop_slow(info.first);
      push(info.result);
    }
  }
  void pop_push_two(OpcodeInfo info) {
    if (top_ - base_ >= 2 && top_[-1] == info.second && top_[-2] == info.first) [[likely]] {
      --top_;
      top_[-1] = info.result;
    } else {
      pop_slow(info.second);
      pop_slow(info.first);
      push(info.result);
    }
  }
  void grow_stack(size_t extra);

  // Bytes.
  [[nodiscard]] uint32_t read_u32() {
    if (pc_ != end_ && *pc_ < 0x80) [[likely]]
      return *pc_++;
    return read_u32_slow();
  }
  [[nodiscard]] uint32_t read_u32_slow();
  [[nodiscard]] int64_t read_signed(unsigned bits) {
    if (pc_ != end_ && *pc_ < 0x80) [[likely]] {
      return static_cast<int64_t>(static_cast<uint64_t>(*pc_++) << 57) >> 57;
    }
    return read_signed_slow(bits);
  }
  [[nodiscard]] int64_t read_signed_slow(unsigned bits);
  [[nodiscard]] uint64_t read_fixed(unsigned bytes);
  [[nodiscard]] ValType read_val_type();
  [[nodiscard]] uint32_t offset_of(const uint8_t* place) const {
    return static_cast<uint32_t>(place - module_.bytes.data());
  }

  // Failures: keep the first, stop the walk.
  void set_error(ErrorCode code, std::string message, uint32_t offset);
  void malformed(std::string message);
  void invalid(std::string message);
  void unsupported(std::string_view what, std::string_view feature);
  void unknown_index(std::string_view what, uint32_t index);
  void type_mismatch(ValType expected, std::optional<ValType> found);
  void unknown_opcode(uint8_t byte);
  void unknown_prefixed(uint32_t number);
  void unexpected_else();
  void untyped_select_of_reference();
  void reference_expected(ValType found);
  void immutable_global(uint32_t index);
  void unclosed_body();

  const Module& module_;
  PausePoint pauses_;
  const uint8_t* pc_ = nullptr;
  const uint8_t* end_ = nullptr;
  const uint8_t* instruction_ = nullptr;
  ValType* top_ = nullptr;   // of the operand stack
  ValType* base_ = nullptr;  // the innermost frame's part begins here
  ValType* limit_ = nullptr;
  bool live_ = true;
  bool failed_ = false;
  bool has_memory_ = false;
  // Of locals_, for the hot path.
  uint32_t local_count_ = 0;
  const ValType* local_types_ = nullptr;
  uint32_t function_ = 0;
  const FuncType* type_ = nullptr;
  std::unique_ptr<ValType[]> stack_;
  std::vector<ControlFrame> control_;
  std::vector<ValType> locals_;
  std::vector<uint32_t> targets_;
  std::optional<Error> error_;
};

}  // namespace nacre::wasm

#include "nacre/engine/wasm/function_decoder_values.hh"
#include "nacre/engine/wasm/function_decoder_walk.hh"
