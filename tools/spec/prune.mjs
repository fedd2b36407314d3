// Makes a module that uses later features here and there run without them: fields that need one, and fields that refer to
// those by name, are replaced by harmless fields of the same kind, so that indices stay what they were. What such a field
// exported is then missing, and commands that ask for it are skipped.
import { featuresOf } from './features.mjs';
import { bytesOfString, headOf, isAtom, isList, isString } from './sexpr.mjs';

// By kind of field, for a name or ''. Nothing for kinds that cannot be replaced.
const kPlaceholders = {
  func: (name) => `(func ${name} unreachable)`,
  type: (name) => `(type ${name} (func))`,
  global: (name) => `(global ${name} i32 (i32.const 0))`,
  table: (name) => `(table ${name} 0 funcref)`,
  elem: (name) => `(elem ${name} func)`,
  data: (name) => `(data ${name} "")`,
  export: () => '',
  tag: () => '',
};

const isImport = (field) => headOf(field) === 'import' || (isList(field) && field.items.some((item) => headOf(item) === 'import'));
const isTagImport = (field) => headOf(field) === 'import' && field.items.some((item) => headOf(item) === 'tag');

// Active segments act when the module is instantiated, so nothing can stand in for them.
function isActiveSegment(field) {
  const hasOffset = field.items.some((item) => headOf(item) === 'offset' || /^(i32|i64|global)\./.test(headOf(item) ?? ''));
  return ['elem', 'data'].includes(headOf(field)) && hasOffset;
}

function nameOf(field) {
  const holder = headOf(field) === 'import' ? field.items.find(isList) : field;
  const candidate = holder?.items[1];
  return isAtom(candidate) && candidate.text.startsWith('$') ? candidate.text : '';
}

function mentions(node, names) {
  if (isAtom(node)) return names.has(node.text);
  return isList(node) && node.items.some((item) => mentions(item, names));
}

function* exportsOf(field) {
  if (!isList(field)) return;
  if (headOf(field) === 'export') {
    const name = field.items.find(isString);
    if (name !== undefined) yield new TextDecoder().decode(bytesOfString(name.raw));
  }
  for (const item of field.items) yield* exportsOf(item);
}

// field → reason, closed under "mentions the name of one that is dropped".
function fieldsToDrop(fields) {
  const dropped = new Map();
  for (const field of fields) {
    const features = featuresOf({ kind: 'list', items: [field] });
    if (features.length > 0) dropped.set(field, features.join(', '));
  }
  const reason = [...dropped.values()][0];
  for (let before = -1; before !== dropped.size; ) {
    before = dropped.size;
    const names = new Set([...dropped.keys()].map(nameOf).filter((name) => name !== ''));
    for (const field of fields) if (!dropped.has(field) && mentions(field, names)) dropped.set(field, reason);
  }
  return dropped;
}

// What changes the meaning of instructions that name nothing.
const kPervasive = ['memory64', 'multiple memories'];

// Returns { text, missing: Map of export name → reason }, or undefined if the module cannot be saved.
export function pruneModule(source, fields) {
  const lists = fields.filter(isList);
  if (featuresOf({ kind: 'list', items: lists }).some((feature) => kPervasive.includes(feature))) return undefined;
  const dropped = fieldsToDrop(lists);
  const missing = new Map();
  const parts = [];
  for (const field of lists) {
    const reason = dropped.get(field);
    if (reason === undefined) {
      parts.push(source.slice(field.start, field.end));
      continue;
    }
    const placeholder = kPlaceholders[headOf(field)];
    if (!isTagImport(field)) {
      if (placeholder === undefined || isImport(field) || isActiveSegment(field)) return undefined;
      parts.push(placeholder(nameOf(field)));
    }
    for (const name of exportsOf(field)) missing.set(name, reason);
  }
  const kept = lists.filter((field) => !dropped.has(field));
  const keepsExport = kept.some((field) => !exportsOf(field).next().done);
  if (!keepsExport || featuresOf({ kind: 'list', items: kept }).length > 0) return undefined;
  return { text: `(module ${parts.join('\n')})`, missing };
}
