// From a parsed script to commands. What a command needs beyond WebAssembly 2.0 (features.mjs), or what text-format
// tests ask, becomes a `skip` command with the reason; commands that depend on a skipped module are skipped too.
import { exceptionFor } from './exceptions.mjs';
import { featuresOf } from './features.mjs';
import { pruneModule } from './prune.mjs';
import { bytesOfString, headOf, isAtom, isList, isString, readScript } from './sexpr.mjs';
import { UnsupportedValue, ValueReader } from './values.mjs';

const kFieldHeads = new Set(['type', 'rec', 'func', 'table', 'memory', 'global', 'export', 'import', 'start', 'elem', 'data', 'tag']);
const kTextFormat = 'text format';

class Skip extends Error {}

const decode = (bytes) => new TextDecoder().decode(bytes);

function concatenate(arrays) {
  return Uint8Array.from(arrays.flatMap((bytes) => [...bytes]));
}

function lineTable(source) {
  const starts = [0];
  for (let i = 0; i < source.length; i++) if (source[i] === '\n') starts.push(i + 1);
  return (position) => {
    let low = 0;
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= position) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

class ScriptConverter {
  constructor(fileName, source, encode) {
    this.fileName = fileName;
    this.source = source;
    this.encode = encode;
    this.values = new ValueReader(encode);
    this.lineOf = lineTable(source);
    this.commands = [];
    // What there is under each name of an instance, a definition or a registered module: { reason } if it does not
    // exist, { missing } with the exports that it lacks, and why. '' is the current one.
    this.instances = new Map();
    this.definitions = new Map();
    this.registered = new Map();
  }

  convert() {
    const top = readScript(this.source);
    if (top.length > 0 && top.every((node) => kFieldHeads.has(headOf(node)))) {
      // A file that is one module's fields.
      this.addCommand(1, () => ({ kind: 'module', name: '', bytes: this.encodeText(`(module ${this.source})`, top) }));
    } else {
      for (const node of top) this.addCommand(this.lineOf(node.start), (line) => this.command(node, line));
    }
    this.values.resolve();
    return this.commands;
  }

  addCommand(line, build) {
    let command;
    try {
      command = build(line);
    } catch (fault) {
      if (!(fault instanceof Skip) && !(fault instanceof UnsupportedValue)) {
        throw new Error(`${this.fileName}:${line}: ${fault.message}`, { cause: fault });
      }
      command = { kind: 'skip', reason: fault.message };
    }
    this.commands.push({ ...command, line });
  }

  command(node, line) {
    const items = node.items;
    switch (headOf(node)) {
      case 'module': return this.module(node, line);
      case 'register': return this.register(items);
      case 'invoke':
      case 'get': return { kind: 'action', action: this.action(node, line) };
      case 'assert_return':
        return { kind: 'return', action: this.action(items[1], line), expected: items.slice(2).map((item) => this.values.read(item)) };
      case 'assert_exhaustion': return { kind: 'exhaustion', action: this.action(items[1], line), text: this.text(items[2]) };
      case 'assert_trap':
        if (headOf(items[1]) === 'module') return this.assertModule('module_trap', items, line);
        return { kind: 'trap', action: this.action(items[1], line), text: this.text(items[2]) };
      case 'assert_invalid': return this.assertModule('invalid', items, line);
      case 'assert_malformed': return this.assertModule('malformed', items, line);
      case 'assert_unlinkable': return this.assertModule('unlinkable', items, line);
      case 'assert_exception': throw new Skip('exception handling');
      case 'assert_malformed_custom':
      case 'assert_invalid_custom': throw new Skip(kTextFormat);
      default: throw new Error(`unknown command (${headOf(node)} ...)`);
    }
  }

  text(node) {
    return decode(bytesOfString(node.raw));
  }

  // ---- Modules ----

  // What follows the head: keywords, the name, and the rest.
  describe(node) {
    const parts = { name: '', form: 'text', isDefinition: false, isInstance: false, rest: [] };
    let i = 1;
    for (; isAtom(node.items[i]); i++) {
      const atom = node.items[i].text;
      if (atom === 'definition') parts.isDefinition = true;
      else if (atom === 'instance') parts.isInstance = true;
      else if (atom === 'binary' || atom === 'quote') parts.form = atom;
      else if (atom.startsWith('$') && parts.isInstance && parts.name !== '') parts.definition = atom;
      else if (atom.startsWith('$')) parts.name = atom;
    }
    parts.rest = node.items.slice(i);
    return parts;
  }

  module(node, line) {
    const parts = { ...this.describe(node), line };
    if (parts.isInstance) return this.instance(parts);
    const known = parts.isDefinition ? this.definitions : this.instances;
    try {
      const { bytes, missing } = this.encodeModule(node, parts);
      for (const name of ['', parts.name]) known.set(name, { missing });
      return { kind: parts.isDefinition ? 'definition' : 'module', name: parts.name, bytes };
    } catch (fault) {
      for (const name of ['', parts.name]) known.set(name, { reason: fault.message });
      throw fault;
    }
  }

  instance(parts) {
    const definition = this.definitions.get(parts.definition ?? '');
    for (const name of ['', parts.name]) this.instances.set(name, definition);
    if (definition.reason !== undefined) throw new Skip(definition.reason);
    return { kind: 'instance', name: parts.name, definition: parts.definition ?? '' };
  }

  // { bytes, missing } of a module, without the fields that need later features; or a Skip.
  encodeModule(node, parts) {
    if (parts.form !== 'text' || featuresOf({ kind: 'list', items: parts.rest }).length === 0) {
      return { bytes: this.moduleBytes(node, parts), missing: new Map() };
    }
    this.checkImports(parts.rest);
    const pruned = pruneModule(this.source, parts.rest);
    if (pruned === undefined) throw new Skip(featuresOf({ kind: 'list', items: parts.rest }).join(', '));
    return { bytes: this.encode(pruned.text), missing: pruned.missing };
  }

  // The bytes to give to the engine, or a Skip.
  moduleBytes(node, parts) {
    const exception = exceptionFor(this.fileName, parts.line);
    if (exception !== undefined) throw new Skip(exception);
    const strings = parts.rest.filter(isString).map((item) => bytesOfString(item.raw));
    if (parts.form === 'binary') return concatenate(strings);
    if (parts.form === 'quote') {
      const quoted = decode(concatenate(strings.flatMap((bytes) => [bytes, [0x20]])));
      const text = /^\s*\(\s*module\b/.test(quoted) ? quoted : `(module ${quoted}\n)`;
      return this.encodeText(text, readScript(text)[0].items);
    }
    const text = this.source.slice(node.start, node.end).replace(/^\(\s*module\s+definition\b/, '(module');
    return this.encodeText(text, parts.rest);
  }

  encodeText(text, fields) {
    const features = featuresOf({ kind: 'list', items: fields });
    if (features.length > 0) throw new Skip(features.join(', '));
    this.checkImports(fields);
    return this.encode(text);
  }

  // Nothing can be imported from what was skipped.
  checkImports(fields) {
    for (const field of fields) {
      for (const imported of headOf(field) === 'import' ? [field] : (field.items ?? [])) {
        if (headOf(imported) !== 'import') continue;
        const [module, name] = imported.items.filter(isString).map((item) => this.text(item));
        const registered = this.registered.get(module);
        const reason = registered?.reason ?? registered?.missing.get(name);
        if (reason !== undefined) throw new Skip(reason);
      }
    }
  }

  assertModule(kind, items, line) {
    const parts = { ...this.describe(items[1]), line };
    if (kind === 'malformed' && parts.form !== 'binary') throw new Skip(kTextFormat);
    let bytes;
    try {
      bytes = this.moduleBytes(items[1], parts);
    } catch (fault) {
      // An invalid module that the encoder refuses already is no test of an engine.
      if (kind === 'invalid' && !(fault instanceof Skip)) throw new Skip(kTextFormat);
      throw fault;
    }
    return { kind, bytes, text: this.text(items[2]) };
  }

  // ---- Instances ----

  register(items) {
    const as = bytesOfString(items[1].raw);
    const name = items[2]?.text ?? '';
    const instance = this.instances.get(name);
    this.registered.set(decode(as), instance);
    if (instance.reason !== undefined) throw new Skip(instance.reason);
    return { kind: 'register', as, name };
  }

  action(node, line) {
    const exception = exceptionFor(this.fileName, line);
    if (exception !== undefined) throw new Skip(exception);
    const hasName = isAtom(node.items[1]);
    const module = hasName ? node.items[1].text : '';
    const [field, ...args] = node.items.slice(hasName ? 2 : 1);
    const instance = this.instances.get(module);
    const reason = instance.reason ?? instance.missing.get(this.text(field));
    if (reason !== undefined) throw new Skip(reason);
    return {
      kind: headOf(node),
      module,
      field: bytesOfString(field.raw),
      args: args.filter(isList).map((item) => this.values.read(item)),
    };
  }
}

// `encode`: see wasm_tools.mjs. Returns commands for command_file.mjs.
export function convertScript(fileName, source, encode) {
  return new ScriptConverter(fileName, source, encode).convert();
}
