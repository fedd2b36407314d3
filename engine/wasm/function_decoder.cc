// The cold half of FunctionDecoder: immediates that are not one byte, frames, polymorphic stacks,
// and errors.
#include "nacre/engine/wasm/function_decoder.hh"

#include <algorithm>

#include "leb.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/wasm/null_sink.hh"
#include "type_codes.hh"

namespace nacre::wasm {
namespace {

// Implementation limits, so that no body makes the decoder allocate more than a few megabytes.
constexpr size_t kMaxOperands = 1'000'000;
constexpr uint32_t kTypesPerUnit = 16;  // compared, for a PausePoint
constexpr size_t kMaxControlDepth = 100'000;
constexpr size_t kFirstStackCapacity = 1024;

}  // namespace

// ---- The function's frame -----------------------------------------------------------------------

bool FunctionDecoder::begin(uint32_t function) {
  const Function& entry = module_.functions[function];
  ASSERT(function >= module_.imported_functions);
  ASSERT(uint64_t{entry.body_offset} + entry.body_size <= module_.bytes.size());
  function_ = function;
  type_ = &module_.type_of_function(function);
  pc_ = module_.bytes.data() + entry.body_offset;
  end_ = pc_ + entry.body_size;
  instruction_ = pc_;
  live_ = true;
  failed_ = false;
  has_memory_ = !module_.memories.empty();
  error_.reset();
  control_.clear();
  if (stack_ == nullptr) grow_stack(kFirstStackCapacity);
  top_ = stack_.get();
  locals_.assign(type_->params.begin(), type_->params.end());
  read_locals();
  if (failed_) return false;
  local_types_ = locals_.data();
  local_count_ = static_cast<uint32_t>(locals_.size());
  push_frame(ControlFrame::Kind::Function, {.params = {}, .results = type_->results});
  return true;
}

void FunctionDecoder::read_locals() {
  uint64_t total = locals_.size();
  uint32_t groups = read_u32();
  for (; groups != 0 && !failed_; --groups) {
    instruction_ = pc_;
    const uint32_t count = read_u32();
    const ValType type = read_val_type();
    if (failed_) return;
    total += count;
    if (total > UINT32_MAX) return malformed("too many locals");
    if (total <= kMaxLocals) locals_.insert(locals_.end(), count, type);
  }
  if (total > kMaxLocals) {
    set_error(ErrorCode::LimitExceeded,
              format("too many locals: {}, the limit is {}", total, kMaxLocals), offset());
  }
}

void FunctionDecoder::finish() {
  if (pc_ != end_) {
    malformed(format("section size mismatch: {} bytes behind the end of the function",
                     static_cast<size_t>(end_ - pc_)));
  }
}

void FunctionDecoder::push_frame(ControlFrame::Kind kind, const BlockSignature& signature) {
  if (control_.size() >= kMaxControlDepth) {
    return set_error(ErrorCode::LimitExceeded,
                     format("blocks nested deeper than {}", kMaxControlDepth), offset());
  }
  control_.push_back({.kind = kind,
                      .was_live = live_,
                      .polymorphic = false,
                      .is_target = false,
                      .height = stack_height(),
                      .offset = offset(),
                      .params = signature.params,
                      .results = signature.results});
  base_ = top_;
}

void FunctionDecoder::check_frame_end() {
  pop_all(control_.back().results);
  if (top_ == base_ || failed_) return;
  invalid(format("type mismatch: {} more values on the stack than the block's type says",
                 static_cast<size_t>(top_ - base_)));
}

void FunctionDecoder::check_one_armed_if() {
  const ControlFrame& frame = control_.back();
  if (std::ranges::equal(frame.params, frame.results)) return;
  invalid("type mismatch: an if without else must leave the types it takes");
}

void FunctionDecoder::become_unreachable() {
  top_ = base_;
  control_.back().polymorphic = true;
  live_ = false;
}

// ---- Operand stack ------------------------------------------------------------------------------

void FunctionDecoder::grow_stack(size_t extra) {
  const size_t height = stack_ == nullptr ? 0 : stack_height();
  const size_t base = stack_ == nullptr ? 0 : static_cast<size_t>(base_ - stack_.get());
  const size_t old_capacity = stack_ == nullptr ? 0 : static_cast<size_t>(limit_ - stack_.get());
  if (height + extra > kMaxOperands) {
    set_error(ErrorCode::LimitExceeded, format("more than {} operands on the stack", kMaxOperands),
              offset());
    // The walk ends, but the instruction in progress may still push.
  }
  const size_t capacity = std::max(2 * old_capacity, height + extra);
  auto stack = std::make_unique<ValType[]>(capacity);
  std::copy_n(stack_.get(), height, stack.get());
  stack_ = std::move(stack);
  top_ = stack_.get() + height;
  base_ = stack_.get() + base;
  limit_ = stack_.get() + capacity;
}

void FunctionDecoder::push_all(std::span<const ValType> types) {
  if (static_cast<size_t>(limit_ - top_) < types.size()) grow_stack(types.size());
  top_ = std::copy(types.begin(), types.end(), top_);
}

void FunctionDecoder::pop_slow(ValType expected) {
  if (top_ == base_) {
    if (!control_.back().polymorphic) type_mismatch(expected, std::nullopt);
    return;
  }
  const ValType found = top_[-1];
  if (found != expected && found != ValType::Bottom && expected != ValType::Bottom) {
    return type_mismatch(expected, found);
  }
  --top_;
}

ValType FunctionDecoder::pop_any() {
  if (top_ > base_) [[likely]] {
    return *--top_;
  }
  if (!control_.back().polymorphic) type_mismatch(ValType::Bottom, std::nullopt);
  return ValType::Bottom;
}

void FunctionDecoder::pop_all(std::span<const ValType> types) {
  pauses_.did(static_cast<uint32_t>(types.size()));
  for (size_t i = types.size(); i != 0; --i) pop(types[i - 1]);
}

void FunctionDecoder::check_top(std::span<const ValType> types) {
  const ValType* slot = top_;
  for (size_t i = types.size(); i != 0; --i) {
    if (slot == base_) {
      if (!control_.back().polymorphic) type_mismatch(types[i - 1], std::nullopt);
      return;
    }
    --slot;
    if (*slot != types[i - 1] && *slot != ValType::Bottom)
      return type_mismatch(types[i - 1], *slot);
  }
}

// ---- Immediates ---------------------------------------------------------------------------------

uint32_t FunctionDecoder::read_u32_slow() {
  const Leb leb = decode_unsigned_leb(pc_, end_, 32);
  if (leb.status != LebStatus::Ok) {
    malformed(text_of(leb.status));
    return 0;
  }
  pc_ = leb.next;
  return static_cast<uint32_t>(leb.value);
}

int64_t FunctionDecoder::read_signed_slow(unsigned bits) {
  const Leb leb = decode_signed_leb(pc_, end_, bits);
  if (leb.status != LebStatus::Ok) {
    malformed(text_of(leb.status));
    return 0;
  }
  pc_ = leb.next;
  return static_cast<int64_t>(leb.value);
}

uint64_t FunctionDecoder::read_fixed(unsigned bytes) {
  if (static_cast<size_t>(end_ - pc_) < bytes) {
    malformed("unexpected end");
    return 0;
  }
  uint64_t bits = 0;
  for (unsigned i = 0; i < bytes; ++i) bits |= uint64_t{*pc_++} << (8 * i);
  return bits;
}

std::optional<uint32_t> FunctionDecoder::peek_index() const {
  if (pc_ == end_) return std::nullopt;
  const Leb leb = decode_unsigned_leb(pc_ + 1, end_, 32);
  if (leb.status != LebStatus::Ok) return std::nullopt;
  return static_cast<uint32_t>(leb.value);
}

ValType FunctionDecoder::read_val_type() {
  if (pc_ == end_) {
    malformed("unexpected end");
    return ValType::Bottom;
  }
  const uint8_t byte = *pc_;
  if (const auto type = val_type_of_byte(byte)) {
    ++pc_;
    return *type;
  }
  if (const std::string_view feature = feature_of_type_byte(byte); !feature.empty()) {
    unsupported(format("value type 0x{:x}", byte), feature);
  } else {
    malformed(format("malformed value type 0x{:x}", byte));
  }
  return ValType::Bottom;
}

ValType FunctionDecoder::read_reference_type() {
  const ValType type = read_val_type();
  if (!failed_ && !is_reference(type)) malformed("malformed reference type");
  return type;
}

ValType FunctionDecoder::read_select_type() {
  const uint32_t count = read_u32();
  if (!failed_ && count != 1) {
    invalid(format("invalid result arity: select takes one type, found {}", count));
  }
  return failed_ ? ValType::Bottom : read_val_type();
}

FunctionDecoder::BlockSignature FunctionDecoder::read_block_type() {
  if (pc_ == end_) {
    malformed("unexpected end");
    return {};
  }
  const uint8_t byte = *pc_;
  if (byte == 0x40) {
    ++pc_;
    return {};
  }
  if (const auto type = val_type_of_byte(byte)) {
    ++pc_;
    return {.params = {}, .results = one_of(*type)};
  }
  if (byte >= 0x40 && byte < 0x80) {
    // A negative one-byte number, but no type of this engine: let the type reader say what it is.
    static_cast<void>(read_val_type());
    return {};
  }
  const int64_t index = read_signed(33);
  if (failed_) return {};
  if (index < 0) {
    malformed("malformed block type");
    return {};
  }
  if (static_cast<uint64_t>(index) >= module_.types.size()) {
    unknown_index("type", static_cast<uint32_t>(index));
    return {};
  }
  const FuncType& type = module_.types[static_cast<size_t>(index)];
  return {.params = type.params, .results = type.results};
}

MemArg FunctionDecoder::read_memarg_slow(OpcodeInfo info) {
  const uint32_t align_log2 = read_u32();
  if (failed_) return {};
  if (align_log2 >= 0x80) {
    malformed("malformed memop flags");
    return {};
  }
  if (align_log2 >= 0x40) {
    unsupported("a memory index in a load or store", "multiple memories");
    return {};
  }
  // Later versions read 64 bits here, so a number too large is invalid rather than malformed.
  const Leb offset = decode_unsigned_leb(pc_, end_, 64);
  if (offset.status != LebStatus::Ok) {
    malformed(text_of(offset.status));
    return {};
  }
  pc_ = offset.next;
  if (!has_memory_) unknown_index("memory", 0);
  if (align_log2 > info.access_log2) {
    invalid(format("alignment must not be larger than natural: 2^{} for an access of 2^{} bytes",
                   align_log2, info.access_log2));
  }
  if (offset.value > UINT32_MAX) invalid(format("offset out of range: {}", offset.value));
  return {static_cast<uint32_t>(offset.value), align_log2};
}

uint32_t FunctionDecoder::read_table_index() {
  const uint32_t table = read_u32();
  if (table >= module_.tables.size()) unknown_index("table", table);
  return failed_ ? 0 : table;
}

FunctionDecoder::TableOperands FunctionDecoder::read_table_operands(Opcode opcode) {
  TableOperands operands;
  if (opcode == Opcode::ElemDrop) {
    operands.source = read_u32();
    require_element_segment(operands.source);
    return operands;
  }
  if (opcode == Opcode::TableInit) {
    operands.source = read_u32();
    operands.table = read_table_index();
    require_element_segment(operands.source);
    if (failed_) return operands;
    operands.element = module_.tables[operands.table].element;
    const ValType segment_type = module_.elements[operands.source].type;
    if (segment_type != operands.element) type_mismatch(operands.element, segment_type);
    return operands;
  }
  operands.table = read_table_index();
  if (opcode == Opcode::TableCopy) operands.source = read_table_index();
  if (failed_) return operands;
  operands.element = module_.tables[operands.table].element;
  if (opcode == Opcode::TableCopy && module_.tables[operands.source].element != operands.element) {
    type_mismatch(operands.element, module_.tables[operands.source].element);
  }
  return operands;
}

void FunctionDecoder::read_branch_targets() {
  const uint32_t count = read_u32();
  targets_.clear();
  if (count > static_cast<size_t>(end_ - pc_)) return malformed("unexpected end");
  targets_.reserve(size_t{count} + 1);
  for (uint64_t i = 0; i <= count && !failed_; ++i) {
    const uint32_t depth = read_u32();
    if (depth >= control_.size()) return unknown_index("label", depth);
    targets_.push_back(depth);
    pauses_.did(1);
  }
  if (failed_) return;
  const size_t arity = control(targets_.back()).label_types().size();
  for (const uint32_t depth : targets_) {
    const std::span<const ValType> types = control(depth).label_types();
    if (types.size() != arity) {
      return invalid(
          format("type mismatch: br_table's targets take {} and {} values", types.size(), arity));
    }
    check_top(types);
    pauses_.did(1 + static_cast<uint32_t>(types.size()) / kTypesPerUnit);
  }
}

// ---- What instructions need of the module -------------------------------------------------------

void FunctionDecoder::require_memory() {
  const uint32_t index = read_u32();
  if (index >= module_.memories.size()) unknown_index("memory", index);
}

void FunctionDecoder::require_data_segment(uint32_t segment) {
  if (!module_.data_count) return malformed("data count section required");
  if (segment >= *module_.data_count) unknown_index("data segment", segment);
}

void FunctionDecoder::require_element_segment(uint32_t segment) {
  if (segment >= module_.elements.size()) unknown_index("elem segment", segment);
}

void FunctionDecoder::require_declared_function(uint32_t function) {
  if (function >= module_.functions.size()) return unknown_index("function", function);
  if (!module_.declared_functions[function]) {
    invalid(format("undeclared function reference: function {}", function));
  }
}

// ---- Failures -----------------------------------------------------------------------------------

void FunctionDecoder::set_error(ErrorCode code, std::string message, uint32_t offset) {
  if (failed_) return;
  failed_ = true;
  error_.emplace(code, format("function {}: {}", function_, message), offset);
  live_ = false;
  pc_ = end_;
}

void FunctionDecoder::malformed(std::string message) {
  set_error(ErrorCode::Malformed, std::move(message), offset_of(pc_));
}

void FunctionDecoder::invalid(std::string message) {
  set_error(ErrorCode::Invalid, std::move(message), offset());
}

void FunctionDecoder::unsupported(std::string_view what, std::string_view feature) {
  set_error(ErrorCode::Unsupported,
            format("{} needs the unsupported feature \"{}\"", what, feature), offset_of(pc_));
}

void FunctionDecoder::unknown_index(std::string_view what, uint32_t index) {
  invalid(format("unknown {} {}", what, index));
}

void FunctionDecoder::type_mismatch(ValType expected, std::optional<ValType> found) {
  invalid(format("type mismatch: expected {}, found {}", name_of(expected),
                 found ? name_of(*found) : "nothing on the stack"));
}

void FunctionDecoder::unknown_opcode(uint8_t byte) {
  if (const auto later = unsupported_instruction(byte))
    return unsupported(later->name, later->feature);
  set_error(ErrorCode::Malformed, format("illegal opcode 0x{:02x}", byte), offset());
}

void FunctionDecoder::unknown_prefixed(uint32_t number) {
  set_error(ErrorCode::Malformed, format("illegal opcode 0xfc 0x{:02x}", number), offset());
}

void FunctionDecoder::unexpected_else() {
  set_error(ErrorCode::Malformed, "else without if", offset());
}

void FunctionDecoder::untyped_select_of_reference() {
  invalid("type mismatch: select without a type takes numbers, found a reference");
}

void FunctionDecoder::reference_expected(ValType found) {
  invalid(format("type mismatch: expected a reference, found {}", name_of(found)));
}

void FunctionDecoder::immutable_global(uint32_t index) {
  invalid(format("immutable global {}", index));
}

void FunctionDecoder::unclosed_body() {
  malformed(
      format("unexpected end: {} blocks are open at the end of the function", control_.size()));
}

Result<void> validate_bodies(const Module& module) {
  FunctionDecoder decoder(module);
  NullSink sink;
  for (uint32_t i = module.imported_functions; i < module.functions.size(); ++i) {
    TRY(decoder.decode(i, sink));
  }
  return {};
}

}  // namespace nacre::wasm
