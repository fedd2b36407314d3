// A sink that replays what it is told on stacks of its own and asserts that they agree with the decoder's: the contract of
// function_decoder.hh, executable. For tests and fuzzing.
#pragma once

#include <algorithm>
#include <vector>

#include "nacre/base/core/panic.hh"
#include "nacre/engine/wasm/function_decoder.hh"
#include "nacre/engine/wasm/null_sink.hh"

namespace nacre::wasm {

class ContractSink : public NullSink {
 public:
  explicit ContractSink(const FunctionDecoder& decoder) : decoder_(decoder) {}

  // Calls so far, so that tests can tell that something happened.
  [[nodiscard]] uint64_t calls() const { return calls_; }

  void on_function_begin() {
    stack_.clear();
    frames_.assign(1, {ControlFrame::Kind::Function, 0});
    check();
  }

  void on_block(const ControlFrame& frame) { open(frame, ControlFrame::Kind::Block); }
  void on_loop(const ControlFrame& frame) { open(frame, ControlFrame::Kind::Loop); }
  void on_if(const ControlFrame& frame) {
    pop(ValType::I32);
    open(frame, ControlFrame::Kind::If);
  }
  void on_else(const ControlFrame& frame, bool then_live) {
    ASSERT(frames_.back().kind == ControlFrame::Kind::If);
    ASSERT(then_live == !is_dead_);
    if (then_live) check_label(frame.results);
    frames_.back().kind = ControlFrame::Kind::Else;
    reset(frame.params);
  }
  void on_end(const ControlFrame& frame, bool fallthrough_live, bool live_after) {
    ASSERT(frames_.back().kind == frame.kind);
    ASSERT(fallthrough_live == !is_dead_);
    ASSERT(live_after || !fallthrough_live);
    if (fallthrough_live) check_label(frame.results);
    reset(frame.results);
    frames_.pop_back();
    is_dead_ = !live_after;
  }

  void on_br(uint32_t depth) { branch(depth, true); }
  void on_br_if(uint32_t depth) {
    pop(ValType::I32);
    branch(depth, false);
  }
  void on_br_table(std::span<const uint32_t> depths) {
    pop(ValType::I32);
    ASSERT(!depths.empty());
    for (const uint32_t depth : depths) branch(depth, false);
    is_dead_ = true;
  }
  void on_return() {
    check_label(decoder_.function_type().results);
    die();
  }
  void on_unreachable() { die(); }
  void on_call(uint32_t function, const FuncType& type) {
    ASSERT(function < decoder_.module().functions.size());
    call(type);
  }
  void on_call_indirect(uint32_t /*type_index*/, uint32_t table, const FuncType& type) {
    ASSERT(table < decoder_.module().tables.size());
    pop(ValType::I32);
    call(type);
  }

  void on_drop(ValType type) { effect({type}, {}); }
  void on_select(ValType type) { effect({type, type, ValType::I32}, {type}); }
  void on_local_get(uint32_t local, ValType type) {
    ASSERT(decoder_.locals()[local] == type);
    effect({}, {type});
  }
  void on_local_set(uint32_t local, ValType type) {
    ASSERT(decoder_.locals()[local] == type);
    effect({type}, {});
  }
  void on_local_tee(uint32_t local, ValType type) {
    ASSERT(decoder_.locals()[local] == type);
    effect({type}, {type});
  }
  void on_global_get(uint32_t /*global*/, ValType type) { effect({}, {type}); }
  void on_global_set(uint32_t /*global*/, ValType type) { effect({type}, {}); }
  void on_const(ValType type, uint64_t bits) {
    if (type == ValType::I32) ASSERT(static_cast<int64_t>(bits) == static_cast<int32_t>(bits));
    if (type == ValType::F32) ASSERT(bits >> 32 == 0);
    effect({}, {type});
  }
  void on_unary(Opcode opcode) { by_table(opcode); }
  void on_binary(Opcode opcode) { by_table(opcode); }
  void on_test(Opcode opcode) { by_table(opcode); }
  void on_compare(Opcode opcode) { by_table(opcode); }
  void on_convert(Opcode opcode) { by_table(opcode); }
  void on_load(Opcode opcode, MemArg memarg) { access(opcode, memarg); }
  void on_store(Opcode opcode, MemArg memarg) { access(opcode, memarg); }
  void on_ref_null(ValType type) { effect({}, {type}); }
  void on_ref_is_null(ValType type) { effect({type}, {ValType::I32}); }
  void on_ref_func(uint32_t /*function*/) { effect({}, {ValType::FuncRef}); }

  void on_memory_size() { effect({}, {ValType::I32}); }
  void on_memory_grow() { effect({ValType::I32}, {ValType::I32}); }
  void on_memory_copy() { three_numbers(); }
  void on_memory_fill() { three_numbers(); }
  void on_memory_init(uint32_t /*data_segment*/) { three_numbers(); }
  void on_data_drop(uint32_t /*data_segment*/) { effect({}, {}); }
  void on_table_get(uint32_t table) { effect({ValType::I32}, {element(table)}); }
  void on_table_set(uint32_t table) { effect({ValType::I32, element(table)}, {}); }
  void on_table_size(uint32_t /*table*/) { effect({}, {ValType::I32}); }
  void on_table_grow(uint32_t table) { effect({element(table), ValType::I32}, {ValType::I32}); }
  void on_table_fill(uint32_t table) { effect({ValType::I32, element(table), ValType::I32}, {}); }
  void on_table_copy(uint32_t to, uint32_t from) {
    ASSERT(element(to) == element(from));
    three_numbers();
  }
  void on_table_init(uint32_t table, uint32_t segment) {
    ASSERT(element(table) == decoder_.module().elements[segment].type);
    three_numbers();
  }
  void on_elem_drop(uint32_t /*element_segment*/) { effect({}, {}); }

 private:
  struct Frame {
    ControlFrame::Kind kind;
    size_t height;
  };

  [[nodiscard]] ValType element(uint32_t table) const {
    return decoder_.module().tables[table].element;
  }
  void pop(ValType type) {
    ASSERT(!stack_.empty());
    ASSERT(stack_.back() == type);
    stack_.pop_back();
  }
  void effect(std::initializer_list<ValType> operands, std::initializer_list<ValType> results) {
    ASSERT(!is_dead_);
    for (auto type = std::rbegin(operands); type != std::rend(operands); ++type) pop(*type);
    stack_.insert(stack_.end(), results);
    check();
  }
  void three_numbers() { effect({ValType::I32, ValType::I32, ValType::I32}, {}); }
  void by_table(Opcode opcode) {
    const OpcodeInfo info = info_of(opcode);
    if (info.operands == 2) pop(info.second);
    pop(info.first);
    if (info.result == ValType::Bottom) return effect({}, {});
    effect({}, {info.result});
  }
  void access(Opcode opcode, MemArg memarg) {
    ASSERT(memarg.align_log2 <= info_of(opcode).access_log2);
    ASSERT(!decoder_.module().memories.empty());
    by_table(opcode);
  }
  void call(const FuncType& type) {
    ASSERT(!is_dead_);
    for (auto param = type.params.rbegin(); param != type.params.rend(); ++param) pop(*param);
    stack_.insert(stack_.end(), type.results.begin(), type.results.end());
    check();
  }
  void open(const ControlFrame& frame, ControlFrame::Kind kind) {
    ASSERT(!is_dead_);
    ASSERT(frame.kind == kind);
    ASSERT(frame.was_live);
    ASSERT(frame.height + frame.params.size() == stack_.size());
    frames_.push_back({kind, frame.height});
    check();
  }
  // The stack's top has these types.
  void check_label(std::span<const ValType> types) {
    ASSERT(stack_.size() >= frames_.back().height + types.size());
    ASSERT(std::ranges::equal(types, std::span(stack_).last(types.size())));
  }
  void branch(uint32_t depth, bool ends_code) {
    ASSERT(!is_dead_);
    const ControlFrame& target = decoder_.control(depth);
    ASSERT(target.was_live);
    ASSERT(target.is_target);
    ASSERT(target.kind == frames_[frames_.size() - 1 - depth].kind);
    check_label(target.label_types());
    if (ends_code) {
      die();
    } else {
      check();
    }
  }
  void die() {
    ASSERT(!is_dead_);
    is_dead_ = true;
    ++calls_;
  }
  // To the innermost frame's height and these types on it.
  void reset(std::span<const ValType> types) {
    stack_.resize(frames_.back().height);
    stack_.insert(stack_.end(), types.begin(), types.end());
    is_dead_ = false;
    check();
  }
  void check() {
    ++calls_;
    ASSERT(frames_.size() == decoder_.control_depth());
    ASSERT(stack_.size() == decoder_.stack_height());
    if (!stack_.empty()) {
      ASSERT(stack_.back() == decoder_.stack_type(static_cast<uint32_t>(stack_.size() - 1)));
    }
  }

  const FunctionDecoder& decoder_;
  std::vector<ValType> stack_;
  std::vector<Frame> frames_;
  bool is_dead_ = false;
  uint64_t calls_ = 0;
};

}  // namespace nacre::wasm
