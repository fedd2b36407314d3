// Writer of command files, what tests/spec executes: tests/spec/include/nacre/tests/spec/command_file.hh has the layout.

const kMagic = 'nacrespc';
const kVersion = 1;

// Same order as spec::CommandKind.
const kCommandKinds = [
  'skip', 'module', 'definition', 'instance', 'register', 'action', 'return', 'trap', 'exhaustion', 'module_trap',
  'unlinkable', 'invalid', 'malformed',
];
const kTypeCodes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, funcref: 0x70, externref: 0x6f, null: 0 };
const kMatches = ['exact', 'canonical', 'arithmetic', 'non-null'];

const utf8 = new TextEncoder();

class Writer {
  constructor() {
    this.parts = [];
  }
  u8(value) {
    this.parts.push(Uint8Array.of(value));
  }
  u32(value) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.parts.push(bytes);
  }
  u64(value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.parts.push(bytes);
  }
  // Length and bytes.
  blob(bytes) {
    this.u32(bytes.length);
    this.parts.push(bytes);
  }
  text(string) {
    this.blob(utf8.encode(string));
  }
  values(list) {
    this.u32(list.length);
    for (const value of list) {
      this.u8(kTypeCodes[value.type]);
      this.u8(kMatches.indexOf(value.match));
      this.u64(value.bits);
    }
  }
  action(action) {
    this.u8(action.kind === 'get' ? 1 : 0);
    this.text(action.module);
    this.blob(action.field);
    this.values(action.args);
  }
  finish() {
    const size = this.parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

function writeCommand(writer, command) {
  const kind = kCommandKinds.indexOf(command.kind);
  if (kind < 0) throw new Error(`unknown kind of command: ${command.kind}`);
  writer.u8(kind);
  writer.u32(command.line);
  switch (command.kind) {
    case 'skip': return writer.text(command.reason);
    case 'module':
    case 'definition':
      writer.text(command.name);
      return writer.blob(command.bytes);
    case 'instance':
      writer.text(command.name);
      return writer.text(command.definition);
    case 'register':
      writer.blob(command.as);
      return writer.text(command.name);
    case 'action': return writer.action(command.action);
    case 'return':
      writer.action(command.action);
      return writer.values(command.expected);
    case 'trap':
    case 'exhaustion':
      writer.action(command.action);
      return writer.text(command.text);
    default:
      writer.blob(command.bytes);
      return writer.text(command.text);
  }
}

export function encodeCommandFile(name, commands) {
  const writer = new Writer();
  writer.parts.push(utf8.encode(kMagic));
  writer.u32(kVersion);
  writer.text(name);
  writer.u32(commands.length);
  for (const command of commands) writeCommand(writer, command);
  return writer.finish();
}
