/**
 * Writes checkpoints of random weights in the official layout, for measuring full-size models without the
 * published files: `node dist/bench/makeRandomCheckpoint.js ARPG-L FOLDER` writes FOLDER/arpg.safetensors, named
 * after the preset's system, and its tokenizer, FOLDER/vq.safetensors, after its kind.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../src/atomicFile.js';
import { randomWeights } from '../src/bench/randomWeights.js';
import { serializeSafetensors } from '../src/checkpoints/safetensors.js';
import { SYSTEM_PRESETS } from '../src/systems/registry.js';
import { ownWeights, parameterGraphs } from '../src/models/tokenizerParameters.js';
import { TOKENIZERS } from '../src/tokenizers/registry.js';

const [preset = 'ARPG-L', folder = 'models/random'] = process.argv.slice(2);
const known = SYSTEM_PRESETS.get(preset);
if (!known) throw new Error(`unknown preset ${preset}`);
mkdirSync(folder, { recursive: true });
const { system, config } = known;
const kind = TOKENIZERS.find(({ codes }) => codes === system.codes)!;
const { encoder, decoder } = kind.graphs(kind.fieldsIn?.(config) ?? Object.values(kind.presets)[0]!);
const files = {
  [`${system.name}.safetensors`]: ownWeights(system, randomWeights(parameterGraphs(system, config))),
  [`${kind.name}.safetensors`]: randomWeights([encoder(), decoder()]),
};
for (const [name, weights] of Object.entries(files)) {
  writeFileAtomically(join(folder, name), serializeSafetensors(weights));
  process.stdout.write(`${join(folder, name)}\n`);
}
