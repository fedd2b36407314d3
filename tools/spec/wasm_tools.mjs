// The text format's encoder: wasm-tools' `parse`, as it ships inside jco-transpile, from the cached node_modules.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const utf8 = new TextEncoder();

// Characters beyond ASCII inside strings as byte escapes: the encoder refuses some of them as confusing.
function escapeStrings(text) {
  if (!/[^\x00-\x7f]/.test(text)) return text;
  const escapeCharacter = (character) =>
    [...utf8.encode(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
  return text.replace(/"(?:[^"\\]|\\.)*"/gs, (string) => string.replace(/[^\x00-\x7f]/gu, escapeCharacter));
}

// Returns encode(text) → Uint8Array; it throws an Error with the encoder's message.
export async function loadEncoder(nodeModules) {
  const file = path.join(nodeModules, '@bytecodealliance/jco-transpile/vendor/wasm-tools.js');
  const { $init, tools } = await import(pathToFileURL(file).href);
  await $init;
  return (text) => {
    try {
      return tools.parse(escapeStrings(text));
    } catch (fault) {
      throw new Error(String(fault.payload ?? fault.message ?? fault).split('\n')[0]);
    }
  };
}
