// Reader for the S-expressions of WebAssembly scripts (core specification, appendix-free subset of §6.3): comments and
// annotations are dropped, positions are kept so that module text can be cut out of the source.
//
// Nodes: { kind: 'list', items, start, end }, { kind: 'atom', text, start, end }, { kind: 'string', raw, start, end }.

export class SyntaxFault extends Error {}

const utf8 = new TextEncoder();
const kSimpleEscapes = { n: 10, t: 9, r: 13, '"': 34, "'": 39, '\\': 92 };

// Bytes of a string token; `raw` includes the quotes.
export function bytesOfString(raw) {
  const bytes = [];
  const end = raw.length - 1;
  for (let i = 1; i < end; ) {
    if (raw[i] !== '\\') {
      const character = String.fromCodePoint(raw.codePointAt(i));
      bytes.push(...utf8.encode(character));
      i += character.length;
      continue;
    }
    const escape = raw[i + 1];
    if (escape === 'u') {
      const close = raw.indexOf('}', i);
      const codePoint = parseInt(raw.slice(i + 3, close).replaceAll('_', ''), 16);
      bytes.push(...utf8.encode(String.fromCodePoint(codePoint)));
      i = close + 1;
    } else if (escape in kSimpleEscapes) {
      bytes.push(kSimpleEscapes[escape]);
      i += 2;
    } else {
      bytes.push(parseInt(raw.slice(i + 1, i + 3), 16));
      i += 3;
    }
  }
  return Uint8Array.from(bytes);
}

class Reader {
  constructor(source) {
    this.source = source;
    this.at = 0;
  }

  skipBlank() {
    const { source } = this;
    for (;;) {
      const c = source[this.at];
      if (c === ' ' || c === '\n' || c === '\t' || c === '\r' || c === '\f') {
        this.at++;
      } else if (c === ';' && source[this.at + 1] === ';') {
        while (this.at < source.length && !'\n\r'.includes(source[this.at])) this.at++;
      } else if (c === '(' && source[this.at + 1] === ';') {
        this.skipBlockComment();
      } else {
        return;
      }
    }
  }

  skipBlockComment() {
    let depth = 0;
    do {
      const pair = this.source.slice(this.at, this.at + 2);
      if (pair === '(;') depth++;
      if (pair === ';)') depth--;
      this.at += pair === '(;' || pair === ';)' ? 2 : 1;
    } while (depth > 0 && this.at < this.source.length);
  }

  skipString() {
    this.at++;
    while (this.at < this.source.length && this.source[this.at] !== '"') {
      this.at += this.source[this.at] === '\\' ? 2 : 1;
    }
    this.at++;
  }

  readToken() {
    const start = this.at;
    if (this.source[start] === '"') {
      this.skipString();
      return { kind: 'string', raw: this.source.slice(start, this.at), start, end: this.at };
    }
    while (this.at < this.source.length && !' \n\t\r\f()";'.includes(this.source[this.at])) this.at++;
    // $"quoted identifier"
    if (this.source[this.at] === '"' && '$@'.includes(this.source[this.at - 1])) this.skipString();
    if (this.at === start) this.at++;
    return { kind: 'atom', text: this.source.slice(start, this.at), start, end: this.at };
  }

  readAll() {
    const top = { kind: 'list', items: [], start: 0, end: this.source.length };
    const open = [top];
    for (this.skipBlank(); this.at < this.source.length; this.skipBlank()) {
      const innermost = open[open.length - 1];
      if (this.source[this.at] === '(') {
        const list = { kind: 'list', items: [], start: this.at++, end: 0 };
        list.isAnnotation = this.source[this.at] === '@';
        if (!list.isAnnotation) innermost.items.push(list);
        open.push(list);
      } else if (this.source[this.at] === ')') {
        if (open.length === 1) throw new SyntaxFault(`unbalanced ')' at ${this.at}`);
        innermost.end = ++this.at;
        open.pop();
      } else {
        innermost.items.push(this.readToken());
      }
    }
    if (open.length !== 1) throw new SyntaxFault("unclosed '('");
    return top.items;
  }
}

export const readScript = (source) => new Reader(source).readAll();

export const isAtom = (node) => node?.kind === 'atom';
export const isString = (node) => node?.kind === 'string';
export const isList = (node) => node?.kind === 'list';
// The first atom of a list.
export const headOf = (node) => (isList(node) && isAtom(node.items[0]) ? node.items[0].text : undefined);
