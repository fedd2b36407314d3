// Modules in binary form (whose text shows nothing) that need a later feature, and commands whose right answer is another
// one in later versions, each with the reason. Keep this list as short as possible.

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
  simd_const: lines(kSimd, 1570, 1587, 1604, 1621, 1638, 1655),
};

export function exceptionFor(script, line) {
  return kExceptions[script]?.[line];
}
