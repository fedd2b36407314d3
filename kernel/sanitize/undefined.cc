// What the compiler's checks for undefined behaviour call (-fsanitize-minimal-runtime): each kind of mistake has a function of
// its own. A failed check is a kernel bug like any other: the panic's backtrace says where.
#include "nacre/base/core/panic.hh"

#define NACRE_UNDEFINED_NAMED(name, text)                           \
  extern "C" [[noreturn, gnu::used]] void __ubsan_handle_##name() { \
    nacre::panic("undefined behaviour: " text);                     \
  }
#define NACRE_UNDEFINED(kind, text) NACRE_UNDEFINED_NAMED(kind##_minimal_abort, text)

NACRE_UNDEFINED(type_mismatch, "null or misaligned pointer, or too small an object")
NACRE_UNDEFINED(alignment_assumption, "assumed alignment")
NACRE_UNDEFINED(add_overflow, "signed addition overflows")
NACRE_UNDEFINED(sub_overflow, "signed subtraction overflows")
NACRE_UNDEFINED(mul_overflow, "signed multiplication overflows")
NACRE_UNDEFINED(negate_overflow, "negation overflows")
NACRE_UNDEFINED(divrem_overflow, "division by zero or with overflow")
NACRE_UNDEFINED(shift_out_of_bounds, "shift by too much")
NACRE_UNDEFINED(out_of_bounds, "array index out of bounds")
NACRE_UNDEFINED(local_out_of_bounds, "local array accessed out of bounds")
// After these two there is no going on anyhow.
NACRE_UNDEFINED_NAMED(builtin_unreachable_minimal, "unreachable code")
NACRE_UNDEFINED_NAMED(missing_return_minimal, "function ends without a value")
NACRE_UNDEFINED(vla_bound_not_positive, "array bound")
NACRE_UNDEFINED(float_cast_overflow, "float conversion overflows")
NACRE_UNDEFINED(load_invalid_value, "invalid bool or enum value")
NACRE_UNDEFINED(invalid_builtin, "builtin with an invalid argument")
NACRE_UNDEFINED(nonnull_arg, "null argument")
NACRE_UNDEFINED(nonnull_return, "null result")
NACRE_UNDEFINED(pointer_overflow, "pointer arithmetic overflows")
