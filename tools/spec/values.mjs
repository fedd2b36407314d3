// Arguments and expected results. Floating-point literals are rounded by the encoder: all literals of a script go into the
// data segment of one helper module, whose bytes are then their bits.
import { headOf } from './sexpr.mjs';

const kIntegerBits = { i32: 32, i64: 64 };

export class UnsupportedValue extends Error {}

export class ValueReader {
  constructor(encode) {
    this.encode = encode;
    this.floats = [];
  }

  // { type, match, bits }; the bits of floats are set by resolve(). match: 'exact', 'canonical', 'arithmetic', 'non-null'.
  read(node) {
    const head = headOf(node);
    const operand = node.items[1]?.text;
    switch (head) {
      case 'i32.const':
      case 'i64.const':
        return { type: head.slice(0, 3), match: 'exact', bits: parseInteger(operand, kIntegerBits[head.slice(0, 3)]) };
      case 'f32.const':
      case 'f64.const':
        return this.readFloat(head.slice(0, 3), operand);
      case 'ref.null':
        if (operand === undefined) return { type: 'null', match: 'exact', bits: 0n };
        if (operand === 'func') return { type: 'funcref', match: 'exact', bits: 0n };
        if (operand === 'extern') return { type: 'externref', match: 'exact', bits: 0n };
        break;
      case 'ref.func':
        return { type: 'funcref', match: 'non-null', bits: 0n };
      case 'ref.extern':
        if (operand === undefined) return { type: 'externref', match: 'non-null', bits: 0n };
        // Number n is passed as n + 1, since 0 is null.
        return { type: 'externref', match: 'exact', bits: BigInt(operand) + 1n };
    }
    throw new UnsupportedValue(head.startsWith('v128') || head === 'either' ? 'SIMD' : 'garbage collection');
  }

  readFloat(type, literal) {
    if (literal === 'nan:canonical') return { type, match: 'canonical', bits: 0n };
    if (literal === 'nan:arithmetic') return { type, match: 'arithmetic', bits: 0n };
    const value = { type, match: 'exact', literal, bits: 0n };
    this.floats.push(value);
    return value;
  }

  // Sets the bits of every float read so far.
  resolve() {
    if (this.floats.length === 0) return;
    const literals = this.floats.map(({ type, literal }) => `(${type} ${literal})`).join(' ');
    const bytes = this.encode(`(module (memory 1) (data (i32.const 0) ${literals}))`);
    const size = this.floats.reduce((sum, { type }) => sum + (type === 'f32' ? 4 : 8), 0);
    // The data section is the last one, and the segment's bytes end it.
    const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - size, size);
    let at = 0;
    for (const value of this.floats) {
      value.bits = value.type === 'f32' ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
      at += value.type === 'f32' ? 4 : 8;
    }
    this.floats = [];
  }
}

function parseInteger(literal, bits) {
  const digits = literal.replaceAll('_', '');
  const magnitude = BigInt(digits.replace(/^[+-]/, ''));
  return BigInt.asUintN(bits, digits.startsWith('-') ? -magnitude : magnitude);
}
