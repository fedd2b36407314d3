// Which features beyond WebAssembly 2.0 without vectors a module's text uses. This is decided from the text and not by
// asking the engine, so that an engine that wrongly refuses a module fails the test.
import { headOf, isAtom, isList } from './sexpr.mjs';

const kSimd = 'SIMD';
const kGc = 'garbage collection';
const kFunctionReferences = 'typed function references';
const kExceptions = 'exception handling';
const kTailCalls = 'tail calls';
const kMemory64 = 'memory64';
const kMultiMemory = 'multiple memories';
const kExtendedConst = 'extended constant expressions';
const kThreads = 'threads';

// By atom.
const kAtomPatterns = [
  [/^(v128|[if](8x16|16x8|32x4|64x2)\.|[if](8x16|16x8|32x4|64x2)$)/, kSimd],
  [/^return_call/, kTailCalls],
  [/^(call_ref|ref\.as_non_null|br_on_null|br_on_non_null)$/, kFunctionReferences],
  [/^(struct|array|i31)\.|^(ref\.(eq|test|cast|i31)|br_on_cast|any\.convert|extern\.convert)/, kGc],
  [/^(any|eq|i31|struct|array|null|nullfunc|nullextern)ref$/, kGc],
  [/^(throw|throw_ref|try_table|try|rethrow|delegate|exnref|nullexnref|tag)$/, kExceptions],
  [/^(i32|i64)\.atomic|^atomic\.|^memory\.atomic/, kThreads],
];

// By a list's first atom.
const kHeadPatterns = [
  [/^(struct|array|rec|sub)$/, kGc],
  [/^(ref)$/, kFunctionReferences],
  [/^pagesize$/, 'custom page sizes'],
];

function* walk(node) {
  yield node;
  if (isList(node)) for (const item of node.items) yield* walk(item);
}

function collectByPattern(module, found) {
  for (const node of walk(module)) {
    const head = headOf(node);
    if (head !== undefined) {
      for (const [pattern, feature] of kHeadPatterns) if (pattern.test(head)) found.add(feature);
      collectHeapType(node, found);
    }
    if (!isAtom(node)) continue;
    for (const [pattern, feature] of kAtomPatterns) if (pattern.test(node.text)) found.add(feature);
  }
}

// ref.null with something other than func or extern, folded or not.
function collectHeapType(list, found) {
  list.items.forEach((item, i) => {
    if (!isAtom(item) || item.text !== 'ref.null') return;
    const heapType = list.items[i + 1]?.text ?? '';
    if (heapType === 'func' || heapType === 'extern') return;
    found.add(/^exn|^noexn/.test(heapType) ? kExceptions
              : /^(any|eq|i31|struct|array|none|nofunc|noextern)$/.test(heapType) ? kGc
              : kFunctionReferences);
  });
}

// Memories and tables that a field defines or imports, as lists ("memory" ...).
function definitionOf(field, head) {
  if (headOf(field) === head) return field;
  if (headOf(field) === 'import') return field.items.find((item) => headOf(item) === head);
  return undefined;
}

function collectByField(fields, found) {
  let memories = 0;
  for (const field of fields) {
    const memory = definitionOf(field, 'memory');
    const table = definitionOf(field, 'table');
    if (memory !== undefined && ++memories > 1) found.add(kMultiMemory);
    for (const limited of [memory, table]) {
      if (limited === undefined) continue;
      if (limited.items.some((item) => item.text === 'i64')) found.add(kMemory64);
      if (limited.items.some((item) => item.text === 'shared')) found.add(kThreads);
    }
    // (table 10 funcref (ref.func $f)): an initializer.
    if (table?.items.some((item) => isList(item) && !['elem', 'import', 'export', 'ref'].includes(headOf(item)))) {
      found.add(kFunctionReferences);
    }
    if (['global', 'data', 'elem'].includes(headOf(field)) && usesArithmetic(field)) {
      found.add(kExtendedConst);
    }
  }
}

function usesArithmetic(field) {
  for (const node of walk(field)) {
    if (isAtom(node) && /^i(32|64)\.(add|sub|mul)$/.test(node.text)) return true;
  }
  return false;
}

// `module`: the (module ...) list, or its fields as a list. Returns feature names in a fixed order.
export function featuresOf(module) {
  const found = new Set();
  collectByPattern(module, found);
  collectByField(module.items.filter(isList), found);
  return [...found].sort();
}
