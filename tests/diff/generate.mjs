// generate.mjs SUPPORT.wasm OUTPUT_DIRECTORY FIRST_SEED COUNT: makes random valid modules and command files that say what they do.
// Binaryen turns random bytes into a module without NaNs that differ between engines, and without endless loops.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { encodeCommandFile } from '../../tools/spec/command_file.mjs';
import { recordBehaviour } from './oracle.mjs';
import { Random } from './random.mjs';

const kFeatures = ['bulk-memory', 'sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'multivalue'];
const kOptimisations = [['-O0'], ['-O0'], ['-O1'], ['-O2'], ['--flatten', '-O3']];
const kMaxSourceBytes = 24_000;
const kGenerateTimeoutMs = 60_000;

const [supportFile, outputDirectory, first, count] = process.argv.slice(2);
const support = fs.readFileSync(supportFile);

function generateModule(seed, random) {
  const source = path.join(outputDirectory, 'source.bin');
  const module = path.join(outputDirectory, `${seed}.wasm`);
  fs.writeFileSync(source, random.bytes(200 + random.below(kMaxSourceBytes)));
  const flags = kFeatures.map((feature) => `--enable-${feature}`);
  execFileSync('wasm-opt', ['-ttf', source, '--denan', ...random.pick(kOptimisations), ...flags, '-o', module],
               { stdio: 'ignore', timeout: kGenerateTimeoutMs });
  return fs.readFileSync(module);
}

let written = 0;
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const random = new Random(seed);
  let commands;
  try {
    const bytes = generateModule(seed, random);
    commands = recordBehaviour({ bytes, support, supportName: 'fuzzing-support', limitName: 'hangLimitInitializer', random });
  } catch (fault) {
    // The generator's own mistakes, or modules whose start traps.
    console.log(`${seed}: left out: ${String(fault.message).split('\n')[0]}`);
    continue;
  }
  fs.writeFileSync(path.join(outputDirectory, `${seed}.spec`), encodeCommandFile(`seed-${seed}`, commands));
  written++;
}
console.log(`${written} scripts`);
