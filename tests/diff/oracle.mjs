// The same as diff_run.cc, by the engine inside node.
import fs from 'node:fs';
import path from 'node:path';

const view = new DataView(new ArrayBuffer(8));
const hex = (value, digits) => value.toString(16).padStart(digits, '0');

const textOf = {
  i32: (v) => `i32:${hex(v >>> 0, 8)}`,
  i64: (v) => `i64:${hex(BigInt.asUintN(64, v), 16)}`,
  f32: (v) => {
    view.setFloat32(0, v);
    return Number.isNaN(v) ? 'f32:nan' : `f32:${hex(view.getUint32(0), 8)}`;
  },
  f64: (v) => {
    view.setFloat64(0, v);
    return Number.isNaN(v) ? 'f64:nan' : `f64:${hex(view.getBigUint64(0), 16)}`;
  },
  funcref: (v) => (v === null ? 'ref:null' : 'ref'),
  externref: (v) => (v === null ? 'ref:null' : 'ref'),
};

const classes = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds/, 'memory'],
  [/table index is out of bounds|table access out of bounds|table out of bounds|element segment/, 'table'],
  [/data segment/, 'memory'],
  [/null function or function signature mismatch|indirect call/, 'signature'],
  [/divide by zero|remainder by zero/, 'divide'],
  [/divide result unrepresentable|float unrepresentable/, 'overflow'],
  [/Maximum call stack/, 'stack'],
];
const classOf = (error) => classes.find(([pattern]) => pattern.test(error.message))?.[1] ?? `other ${error.message}`;

class Numbers {
  state = 1n;
  next() {
    this.state = BigInt.asUintN(64, this.state * 6364136223846793005n + 1442695040888963407n);
    return this.state;
  }
  argument(type) {
    const value = this.next();
    const choice = this.next() >> 60n;
    if (type === 'f32' || type === 'f64') {
      const number = Number(BigInt.asIntN(32, value >> 32n));
      return type === 'f32' ? Math.fround(number) : number;
    }
    const bits = choice < 6n ? value >> 60n : choice < 10n ? BigInt.asUintN(64, -(value >> 60n)) : value;
    return type === 'i32' ? Number(BigInt.asIntN(32, bits)) : BigInt.asIntN(64, bits);
  }
}

const lines = [];
const log = (type) => (value) => { lines.push(`log ${textOf[type](value)}`); };
const imports = {
  'fuzzing-support': { 'log-i32': log('i32'), 'log-i64': log('i64'), 'log-f32': log('f32'), 'log-f64': log('f64') },
};

// Types of the exported functions, which the JavaScript interface does not tell: from the binary's type, import, function
// and export sections.
function signatures(bytes) {
  let at = 8;
  const names = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x70: 'funcref', 0x6f: 'externref' };
  const leb = () => {
    let result = 0, shift = 0, byte;
    do { byte = bytes[at++]; result += (byte & 0x7f) * 2 ** shift; shift += 7; } while (byte & 0x80);
    return result;
  };
  const list = (read) => Array.from({ length: leb() }, read);
  const name = () => { const n = leb(); const s = bytes.subarray(at, at + n).toString(); at += n; return s; };
  const limits = () => { const flags = bytes[at++]; leb(); if (flags & 1) leb(); };
  let types = [], functions = [], exported = [];
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = leb() + at;
    if (id === 1) {
      types = list(() => { at++; return { params: list(() => names[bytes[at++]]), results: list(() => names[bytes[at++]]) }; });
    } else if (id === 2) {
      list(() => {
        name(); name();
        const kind = bytes[at++];
        if (kind === 0) functions.push(leb());
        else if (kind === 1) { at++; limits(); } else if (kind === 2) limits(); else at += 2;
      });
    } else if (id === 3) {
      functions.push(...list(leb));
    } else if (id === 7) {
      exported = list(() => ({ name: name(), kind: bytes[at++], index: leb() }));
    }
    at = end;
  }
  return exported.filter((e) => e.kind === 0).map((e) => ({ name: e.name, ...types[functions[e.index]] }));
}

function callExport(instance, { name, params, results }, numbers) {
  if (params.some((t) => t.endsWith('ref'))) return;
  const values = params.map((t) => numbers.argument(t));
  const words = ['call', name, ...values.map((v, i) => textOf[params[i]](v)), '=>'];
  try {
    const result = instance.exports[name](...values);
    const all = results.length === 0 ? [] : results.length === 1 ? [result] : result;
    words.push(...all.map((v, i) => textOf[results[i]](v)));
  } catch (error) {
    words.push('trap', classOf(error));
  }
  lines.push(words.join(' '));
}

for (const file of process.argv.slice(2)) {
  lines.push(`module ${path.basename(file)}`);
  const bytes = fs.readFileSync(file);
  let instance;
  try {
    instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  } catch (error) {
    lines.push('no instance');
    continue;
  }
  const numbers = new Numbers();
  const all = signatures(bytes);
  for (let round = 0; round < 2; ++round) {
    for (const one of all) callExport(instance, one, numbers);
  }
}
fs.writeSync(1, lines.join('\n') + '\n');
