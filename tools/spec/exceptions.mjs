// Commands that are left out although their text shows no later feature, each with the feature that they need after all:
// modules in binary form, and assertions about what a module that was left out would have done. Keep this list as short as
// possible.

const kGc = 'garbage collection';
const kFunctionReferences = 'typed function references';
const kMultiMemory = 'multiple memories';
const kMemory64 = 'memory64';
const kSimd = 'SIMD';

const lines = (reason, ...numbers) => Object.fromEntries(numbers.map((line) => [line, reason]));

// script → line of the command → reason
const kExceptions = {
  // Bit 6 of a load's alignment announces a memory index.
  align: lines(kMultiMemory, 948),
  'binary-gc': lines(kGc, 1),
  // Imports and data segments with memory indices.
  binary0: lines(kMultiMemory, 2, 8, 16, 26, 36),
  binary_leb128_64: lines(kMemory64, 1, 16),
  // Tables with initializers.
  elem: lines(kFunctionReferences, 453, 470, 487, 504, 524, 544, 561, 578),
  // Look at what modules with two memories left in a shared table, or memory.
  linking0: lines(kMultiMemory, 42),
  load1: lines(kMultiMemory, 25, 26, 27, 28, 29),
  // Look at elements that a function with typed references would have set to null.
  ref_is_null: lines(kFunctionReferences, 66, 67),
  simd_const: lines(kSimd, 1570, 1587, 1604, 1621, 1638, 1655),
};

export function exceptionFor(script, line) {
  return kExceptions[script]?.[line];
}
