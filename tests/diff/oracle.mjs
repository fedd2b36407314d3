// What a module does according to the JavaScript engine that runs this script, as commands for tests/spec: each exported
// function is called a few times, and what it returned, or that it trapped, is what our engine must do as well.
import { exportedSignatures } from './signatures.mjs';

const kCallsPerFunction = 3;
const kInteresting32 = [0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 0x7fffffff,
                        0x80000000, 0x80000001, 0xffffff80, 0xffff8000, 0xfffffffe, 0xffffffff];
const kInterestingF64 = [0, -0, 1, -1, 0.5, 1.5, 2147483647, 2147483648, -2147483649, 4294967296, 9223372036854775808,
                         1e300, 5e-324, Infinity, -Infinity];

// Texts that mean the same kind of trap on both sides. Others only have to trap.
const kTrapTexts = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds/, 'out of bounds memory access'],
  [/divide by zero|remainder by zero/, 'integer divide by zero'],
  [/divide result unrepresentable/, 'integer overflow'],
];

const view = new DataView(new ArrayBuffer(8));

function bitsOf(type, value) {
  switch (type) {
    case 'i32': return BigInt(value >>> 0);
    case 'i64': return BigInt.asUintN(64, value);
    case 'f32':
      view.setFloat32(0, value);
      return BigInt(view.getUint32(0));
    case 'f64':
      view.setFloat64(0, value);
      return view.getBigUint64(0);
    default: return 0n;
  }
}

function randomArgument(type, random) {
  switch (type) {
    case 'i32': return (random.below(2) ? random.pick(kInteresting32) : Number(random.u64() & 0xffffffffn)) | 0;
    case 'i64': return BigInt.asIntN(64, random.below(2) ? BigInt(random.pick(kInteresting32)) << BigInt(random.below(33)) : random.u64());
    case 'f32': return Math.fround(random.below(2) ? random.pick(kInterestingF64) : random.below(1 << 30) / 1024 - 5000);
    case 'f64': return random.below(2) ? random.pick(kInterestingF64) : random.below(1 << 30) / 1024 - 5000;
    default: return null;
  }
}

function expectation(type, value) {
  if (type === 'funcref') return { type, match: value === null ? 'exact' : 'non-null', bits: 0n };
  if (Number.isNaN(value)) return { type, match: 'arithmetic', bits: 0n };
  return { type, match: 'exact', bits: bitsOf(type, value) };
}

class ScriptWriter {
  constructor(random) {
    this.random = random;
    this.commands = [];
  }

  add(command) {
    this.commands.push({ line: this.commands.length + 1, ...command });
  }

  // One call; false if the two engines need not agree from here on.
  call(instance, name, { params, results }) {
    const values = params.map((type) => randomArgument(type, this.random));
    const args = params.map((type, i) => ({ type, match: 'exact', bits: bitsOf(type, values[i]) }));
    const action = { kind: 'invoke', module: '$tested', field: new TextEncoder().encode(name), args };
    let returned;
    try {
      returned = instance.exports[name](...values);
    } catch (fault) {
      // How deep a stack is belongs to the engine.
      if (!(fault instanceof WebAssembly.RuntimeError)) return false;
      const known = kTrapTexts.find(([pattern]) => pattern.test(fault.message));
      this.add({ kind: 'trap', action, text: known?.[1] ?? '' });
      return true;
    }
    const list = results.length === 0 ? [] : results.length === 1 ? [returned] : [...returned];
    this.add({ kind: 'return', action, expected: results.map((type, i) => expectation(type, list[i])) });
    return true;
  }
}

// `support`: bytes of the module that `bytes` imports from, registered as `supportName`. Nothing if it cannot be instantiated.
export function recordBehaviour({ bytes, support, supportName, limitName, random }) {
  const supportInstance = new WebAssembly.Instance(new WebAssembly.Module(support));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { [supportName]: supportInstance.exports });
  const writer = new ScriptWriter(random);
  writer.add({ kind: 'module', name: '$support', bytes: support });
  writer.add({ kind: 'register', as: new TextEncoder().encode(supportName), name: '$support' });
  writer.add({ kind: 'module', name: '$tested', bytes });
  const signatures = [...exportedSignatures(bytes)].filter(([name, type]) => name !== limitName && type !== undefined);
  for (let round = 0; round < kCallsPerFunction; round++) {
    for (const [name, type] of signatures) {
      instance.exports[limitName]?.();
      if (instance.exports[limitName]) {
        writer.add({ kind: 'action', action: { kind: 'invoke', module: '$tested', field: new TextEncoder().encode(limitName), args: [] } });
      }
      if (!writer.call(instance, name, type)) return writer.commands;
    }
  }
  // All that was logged on the way.
  const hash = { kind: 'get', module: '$support', field: new TextEncoder().encode('hash'), args: [] };
  writer.add({ kind: 'return', action: hash, expected: [expectation('i64', supportInstance.exports.hash.value)] });
  return writer.commands;
}
