// Turns every script of a suite into a command file: convert.mjs NODE_MODULES OUTPUT_DIRECTORY SCRIPT...
// Prints one line for each script: name, commands, skipped commands.
import fs from 'node:fs';
import path from 'node:path';
import { encodeCommandFile } from './command_file.mjs';
import { convertScript } from './script.mjs';
import { loadEncoder } from './wasm_tools.mjs';

const [nodeModules, outputDirectory, ...scripts] = process.argv.slice(2);
const encode = await loadEncoder(nodeModules);
fs.mkdirSync(outputDirectory, { recursive: true });
for (const script of scripts) {
  const name = path.basename(script, '.wast');
  const source = new TextDecoder('utf-8', { ignoreBOM: true }).decode(fs.readFileSync(script));
  const commands = convertScript(name, source, encode);
  fs.writeFileSync(path.join(outputDirectory, `${name}.spec`), encodeCommandFile(name, commands));
  const skipped = commands.filter((command) => command.kind === 'skip').length;
  console.log(`${name}: ${commands.length} commands, ${skipped} skipped`);
}
