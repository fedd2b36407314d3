// Types of a module's exported functions, read from the binary: JavaScript's own interface does not tell them.

const kTypeNames = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x70: 'funcref', 0x6f: 'externref' };

class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    Object.assign(this, { bytes, at, end });
  }
  u8() {
    return this.bytes[this.at++];
  }
  u32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
  text() {
    const size = this.u32();
    this.at += size;
    return new TextDecoder().decode(this.bytes.subarray(this.at - size, this.at));
  }
  list(read) {
    return Array.from({ length: this.u32() }, read);
  }
  types() {
    return this.list(() => kTypeNames[this.u8()] ?? 'unknown');
  }
  limits() {
    if (this.u8() & 1) this.u32();
    this.u32();
  }
}

function sectionsOf(bytes) {
  const sections = new Map();
  for (const reader = new Reader(bytes, 8); reader.at < bytes.length; ) {
    const id = reader.u8();
    const size = reader.u32();
    sections.set(id, new Reader(bytes, reader.at, reader.at + size));
    reader.at += size;
  }
  return sections;
}

function readImport(reader, functions) {
  reader.text();
  reader.text();
  const kind = reader.u8();
  if (kind === 0) functions.push(reader.u32());
  else if (kind === 1) reader.u8(), reader.limits();
  else if (kind === 2) reader.limits();
  else reader.u8(), reader.u8();
}

// Map of export name → { params, results }, in the order of the module.
export function exportedSignatures(bytes) {
  const sections = sectionsOf(bytes);
  const typeReader = sections.get(1);
  const types = typeReader === undefined ? [] : typeReader.list(() => {
    typeReader.u8();
    return { params: typeReader.types(), results: typeReader.types() };
  });
  const functions = [];
  const imports = sections.get(2);
  imports?.list(() => readImport(imports, functions));
  const defined = sections.get(3);
  defined?.list(() => functions.push(defined.u32()));
  const signatures = new Map();
  const exported = sections.get(7);
  exported?.list(() => {
    const name = exported.text();
    const kind = exported.u8();
    const index = exported.u32();
    if (kind === 0) signatures.set(name, types[functions[index]]);
  });
  return signatures;
}
