/**
 * Writes checkpoints of random weights in the official layout, for measuring full-size models without the
 * published files: `node dist/bench/makeRandomCheckpoint.js ARPG-L FOLDER` writes FOLDER/arpg.safetensors, named
 * after the preset's system, and its tokenizer, FOLDER/vq.safetensors, after its kind.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../src/atomicFile.js';
import { serializeSafetensors } from '../src/checkpoints/safetensors.js';
import { countElements } from '../src/graph/dimension.js';
import { type Graph, parametersOf } from '../src/graph/graph.js';
import type { Initializer } from '../src/graph/node.js';
import { type StoredTensor, storedFloats, type Weights } from '../src/graph/weights.js';
import { SYSTEM_PRESETS } from '../src/systems/registry.js';
import { ownWeights, parameterGraphs } from '../src/models/tokenizerParameters.js';
import { TOKENIZERS } from '../src/tokenizers/registry.js';

/** Fast uniform numbers in [−1, 1) (xorshift32); their quality does not matter here. */
function uniformSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 0x80000000;
  };
}

function fill(values: Float32Array, initializer: Initializer, random: () => number): Float32Array {
  switch (initializer.kind) {
    case 'ones':
      return values.fill(1);
    case 'uniform':
      return values.map(() => random() * initializer.bound);
    case 'filled':
      return values.fill(initializer.value);
    // A zero head would make every token equally likely, so it gets the other layers' spread.
    case 'zeros':
    case 'normal':
    case 'normalParts':
      return values.map(() => random() * 0.02 * Math.sqrt(3));
  }
}

function randomWeights(graphs: readonly Graph[]): Weights {
  const parameters = new Map(graphs.flatMap(parametersOf).map((node) => [node.name, node]));
  return new Map(
    [...parameters.values()].map((node, index): [string, StoredTensor] => {
      const shape = node.outputs[0]!.shape as readonly number[];
      const make = () =>
        fill(new Float32Array(countElements(shape)), node.initializer, uniformSource(index + 1));
      return [node.name, { dtype: 'f32', shape, read: () => storedFloats(shape, make()).read() }];
    }),
  );
}

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
