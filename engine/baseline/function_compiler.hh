// Compiles one function at a time: the sink of wasm::FunctionDecoder that emits code as it goes.
//
// State between two instructions: the value stack (operand_stack.hh), who uses which register (registers.hh), and what is
// known of computed addresses (address_cache.hh). Locals never move: each has the home that LocalPlan gave it.
//
// Invariant: at a label, everything below the block's height is a constant or spilled, and one result lies in
// merge_register(), several in the spill slots of their stack positions. So control flow never has two states to reconcile.
//
// Frame, from sp upwards: outgoing arguments | saved context | saved registers | local slots | spill slots | ra.
// Only the size is unknown until the end, so only what depends on it is patched: the prologue, the epilogues, and
// addresses in the caller's frame (stack arguments and results of this function).
//
// The member functions are grouped by file: frame.cc, control.cc, locals.cc, calls.cc, memory.cc, tables.cc, integers.cc,
// floats.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/engine/baseline/compiler.hh"
#include "nacre/engine/isa/riscv64/macro_assembler.hh"
#include "nacre/engine/masm/compiled_code.hh"
#include "nacre/engine/wasm/call_layout.hh"
#include "nacre/engine/wasm/null_sink.hh"
#include "nacre/engine/wasm/vm_layout.hh"
#include "operand_stack.hh"

namespace nacre::baseline {

using riscv64::Label;
using riscv64::Signedness;
using riscv64::Width;
using wasm::Opcode;

class FunctionCompiler : private OperandStack, public wasm::NullSink {
 public:
  // All references must outlive the compiler.
  FunctionCompiler(const wasm::Module& module, const CompileOptions& options, MacroAssembler& masm,
                   PausePoint& pauses);

  // Validates and compiles defined function `function` (an index with imports) behind what `masm` holds.
  [[nodiscard]] Result<masm::CompiledFunction> compile(uint32_t function);

  // ---- wasm::NullSink ----
  void on_function_begin();
  void on_block(const wasm::ControlFrame& frame);
  void on_loop(const wasm::ControlFrame& frame);
  void on_if(const wasm::ControlFrame& frame);
  void on_else(const wasm::ControlFrame& frame, bool then_live);
  void on_end(const wasm::ControlFrame& frame, bool fallthrough_live, bool live_after);
  void on_br(uint32_t depth);
  void on_br_if(uint32_t depth);
  void on_br_table(std::span<const uint32_t> depths);
  void on_return();
  void on_unreachable();
  void on_call(uint32_t function, const wasm::FuncType& type);
  void on_call_indirect(uint32_t type_index, uint32_t table, const wasm::FuncType& type);

  void on_drop(ValType type);
  void on_select(ValType type);
  void on_local_get(uint32_t local, ValType type);
  void on_local_set(uint32_t local, ValType type);
  void on_local_tee(uint32_t local, ValType type);
  void on_global_get(uint32_t global, ValType type);
  void on_global_set(uint32_t global, ValType type);
  void on_const(ValType type, uint64_t bits) {
    push(Value::constant(type, static_cast<int64_t>(bits)));
  }
  void on_unary(Opcode opcode);
  void on_binary(Opcode opcode);
  void on_test(Opcode opcode);
  void on_compare(Opcode opcode);
  void on_convert(Opcode opcode);
  void on_ref_null(ValType type) { push(Value::constant(type, 0)); }
  void on_ref_is_null(ValType type);
  void on_ref_func(uint32_t function);

  void on_load(Opcode opcode, wasm::MemArg memarg);
  void on_store(Opcode opcode, wasm::MemArg memarg);
  void on_memory_size();
  void on_memory_grow();
  void on_memory_copy();
  void on_memory_fill();
  void on_memory_init(uint32_t segment);
  void on_data_drop(uint32_t segment);

  void on_table_get(uint32_t table);
  void on_table_set(uint32_t table);
  void on_table_size(uint32_t table);
  void on_table_grow(uint32_t table);
  void on_table_fill(uint32_t table);
  void on_table_copy(uint32_t destination, uint32_t source);
  void on_table_init(uint32_t table, uint32_t segment);
  void on_elem_drop(uint32_t segment);

 private:
  struct Block {
    Label label;       // where branches go: the end, or a loop's head
    Label else_label;  // of an if
    uint32_t height;   // of the value stack below the parameters
  };
  // A call whose callee may live in another instance, finished out of line: the context is in t1, the entry in t2.
  struct ContextSwitch {
    Label begin;
    Label back;
    uint32_t wasm_offset;
  };
  // A lui and an addiw that want the frame's size plus an offset.
  struct IncomingPatch {
    uint32_t at;
    uint32_t offset;
  };
  // What a builtin gets before the operands (abi::Builtin).
  struct BuiltinArgument {
    enum class Kind : uint8_t { Context, Number, Definition, ImportedDefinition };
    Kind kind;
    uint32_t number;  // or offset in the VmContext

    static BuiltinArgument context() { return {Kind::Context, 0}; }
    static BuiltinArgument of(uint32_t number) { return {Kind::Number, number}; }
    static BuiltinArgument definition(bool imported, uint32_t offset) {
      return {imported ? Kind::ImportedDefinition : Kind::Definition, offset};
    }
  };

  // ---- frame.cc ----
  void plan_frame();
  void begin_code();
  void save_registers();
  void take_parameters();
  void load_pinned_constant(const PinnedConstant& constant);
  void clear_locals();
  void clear_slots(uint32_t first, uint32_t count);
  // The address `offset` bytes above this function's sp on entry, where its stack arguments and results are.
  void load_incoming_address(Gpr to, uint32_t offset);
  // Leaves the function; results are in place. May be a jump to the shared end.
  void emit_return();
  void emit_epilogue();
  void finish_frame(bool fallthrough_live);
  void write_prologue();
  void load_stack_value(Reg to, ValType type, Gpr base, uint32_t offset);
  void emit_context_switches();

  // ---- locals.cc ----
  void write_local(uint32_t local, ValType type, bool keep);
  [[nodiscard]] Reg selection_target(ValType type, const Value& first, const Value& second,
                                     const Value& condition);
  [[nodiscard]] bool try_minimum(const Value& condition, const Value& first, const Value& second);

  // ---- control.cc ----
  [[nodiscard]] Block& block_at(uint32_t depth) { return blocks_[blocks_.size() - 1 - depth]; }
  void push_block(uint32_t parameters);
  // Branches if the condition is non-zero (`sense`) or zero; releases it.
  void branch_if(const Value& condition, bool sense, Label& label);
  // Puts the top values where the label expects them; the stack stays as it is. They must be simple.
  void transfer(uint32_t depth);
  void transfer_to_slots(uint32_t height, size_t count);
  void transfer_to_caller(std::span<const ValType> results);
  // Where a block ends: like transfer, but may consume the values.
  void transfer_results(const wasm::ControlFrame& frame, uint32_t base);
  void move_consumed_top(Reg to);
  void copy_to_frame(const Value& value, uint32_t offset);
  void store_to_caller(Value value, uint32_t offset);
  void ensure_spare();
  [[nodiscard]] Value simplified_condition(const Value& condition);
  // Whether the top value is in place already or nothing is carried.
  [[nodiscard]] bool is_transfer_trivial(uint32_t depth);
  void push_merged(std::span<const ValType> types);
  void end_function(const wasm::ControlFrame& frame, bool fallthrough_live);
  void end_one_armed_if(Block& block, const wasm::ControlFrame& frame, bool then_live);
  void note_stub(uint32_t depth);
  void branch_chain(Reg index, std::span<const uint32_t> depths);
  void branch_by_tables(Reg index, std::span<const uint32_t> depths);
  // The label that a br_table entry jumps to: the block's, or that of code that moves values first.
  [[nodiscard]] Label& table_target(uint32_t depth);

  // ---- calls.cc ----
  void prepare_call(const wasm::FuncType& type);
  void place_arguments(uint32_t count);
  void retarget_last_argument();
  void finish_call(const wasm::FuncType& type);
  void save_volatile_locals();
  void reload_volatile_locals();
  void emit_foreign_call();
  // Calls a builtin with the arguments given and the top `operands` stack values, which it pops. The result is in a0.
  void call_builtin(abi::Builtin builtin, std::span<const BuiltinArgument> leading,
                    uint32_t operands);
  // Traps if the result is not 0.
  void call_trapping_builtin(abi::Builtin builtin, std::span<const BuiltinArgument> leading,
                             uint32_t operands, TrapKind kind);
  void place_builtin_argument(Reg to, const BuiltinArgument& argument);
  void push_builtin_result();

  // ---- memory.cc ----
  struct Address {
    Gpr base;
    int32_t offset;
    Reg owned;  // to release, or kNoReg
  };
  [[nodiscard]] Address address_of(const Value& index, uint32_t offset);
  void add_zero_extended(Reg to, Reg index, Gpr base);
  // A register holding memory base + high; not owned.
  [[nodiscard]] Reg page_base(uint64_t high);
  [[nodiscard]] BuiltinArgument memory_argument() const;
  void load_vm(uint32_t bits, Reg to, uint32_t offset);
  // The address of a definition that may be imported, as base and offset.
  struct VmPlace {
    Gpr base;
    uint32_t offset;
  };
  [[nodiscard]] VmPlace vm_place(bool imported, uint32_t offset, Reg scratch);

  // ---- tables.cc ----
  void shift_add(Reg to, unsigned shift, Reg shifted, Reg addend);
  [[nodiscard]] VmPlace table_place(uint32_t table, Reg scratch);
  [[nodiscard]] BuiltinArgument table_argument(uint32_t table) const;
  // Address of the element, checked; consumes `index`.
  [[nodiscard]] Reg element_address(uint32_t table, Reg index, TrapKind kind);

  // ---- integers.cc ----
  void swap_top();
  void emit_three(uint32_t bits, ValType type, const Value& first, const Value& second, bool low,
                  Pending result);
  void emit_immediate(uint32_t bits, ValType type, Reg a, int32_t immediate,
                      Pending result = Pending::None, int64_t known_bits = 0);
  void emit_shift(uint32_t bits, ValType type, Reg a, unsigned amount, int64_t known_bits = 0);
  void add_constant(const Value& value, int64_t constant, Width width);
  [[nodiscard]] bool try_shift_add(const Value& shifted, const Value& addend, Width width);
  void binary_add(Width width);
  void binary_subtract(Width width);
  void binary_multiply(Width width);
  void binary_divide(Opcode opcode, Width width);
  void binary_logic(Opcode opcode, Width width);
  [[nodiscard]] bool try_logic_constant(Opcode opcode, const Value& value, int64_t constant,
                                        Width width);
  [[nodiscard]] bool try_mask(const Value& value, int64_t constant, Width width);
  [[nodiscard]] bool next_tests_zero(Width width) const;
  void binary_shift(Opcode opcode, Width width);
  void shift_by_constant(Opcode opcode, const Value& value, unsigned amount, Width width);
  void shift_left(const Value& value, unsigned amount, Width width);
  void shift_right_logical(const Value& value, unsigned amount, Width width);
  void compare_integers(Condition condition, Width width);
  void unary_integer(Opcode opcode);
  void wrap();
  void extend(bool is_signed);

  // ---- floats.cc ----
  void unary_float(Opcode opcode);
  void binary_float(Opcode opcode);
  void compare_floats(Opcode opcode);
  void convert_float(Opcode opcode);
  void truncate(Opcode opcode);

  const wasm::Module& module_;
  const CompileOptions& options_;
  PausePoint& pauses_;
  const wasm::VmLayout layout_;
  const bool has_zba_;
  const bool has_zbb_;
  const bool has_zbs_;
  // No funcref of another instance can get into a table, so that call_indirect stays in this one.
  const bool tables_are_closed_;
  // Slots at the bottom of the frame of every function that calls: enough for any type of the module.
  uint32_t outgoing_slots_ = 0;
  bool has_many_results_ = false;

  // Per function.
  std::vector<Block> blocks_;
  std::vector<ContextSwitch> switches_;
  std::vector<Move> moves_;

  uint32_t reserved_at_ = 0;
  uint32_t reserved_words_ = 0;
  uint32_t context_offset_ = 0;
  uint32_t saved_offset_ = 0;
  bool frame_too_large_ = false;
  masm::CompiledFunction product_{};
  std::vector<uint32_t> early_returns_;  // `ret`s to patch if a frame turns out to be needed
  std::vector<IncomingPatch> incoming_patches_;

  // br_table: one stub a target depth that needs moves; valid if its epoch is the current one.
  struct TableStub {
    uint32_t epoch = 0;
    uint32_t index = 0;
  };
  std::vector<TableStub> table_stubs_;
  std::vector<Label> stub_labels_;
  std::vector<uint32_t> stub_depths_;
  std::vector<Label*> table_labels_;
  uint32_t table_epoch_ = 0;
};

}  // namespace nacre::baseline
