import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { openTokenizer, type TokenizerModel } from '../../src/models/modelFolder.js';
import { vq } from '../../src/tokenizers/vq.js';
import { parametersOf } from '../../src/graph/graph.js';
import { vocabularyOf } from '../../src/codes.js';
import { parameterGraphs } from '../../src/models/tokenizerParameters.js';
import { system as varSystem } from '../../src/systems/var.js';
import type { VarFields } from '../../src/systems/varFields.js';
import { klVae } from '../../src/tokenizers/klVae.js';
import { multiScaleVq } from '../../src/tokenizers/multiScaleVq.js';
import { parseSystemConfig, parseTokenizerConfig } from '../../src/models/parseConfig.js';
import type { Generator } from '../../src/systems/sampler.js';
import type { System } from '../../src/systems/system.js';
import type { DeviceTensor, Executable, Target } from '../../src/targets/target.js';
import { goldenJson, goldenPath } from './golden.js';

const TINY = new URL('../../../fixtures/models/tiny', import.meta.url).pathname;

/** The small network of a system's golden numbers. */
export function goldenGenerator(system: System): Generator & { readonly weights: Weights } {
  const name = `${system.name}-tiny`;
  const config = parseSystemConfig(system, goldenJson(`${name}.json`).config, name);
  const { tied = {} } = system.checkpoint;
  const { tensors } = openSafetensors(goldenPath(`${name}.safetensors`));
  const names = new Set(
    parameterGraphs(system, config)
      .flatMap(parametersOf)
      .map((node) => node.name),
  );
  const weights = new Map(
    [...tensors].filter(([tensor]) => names.has(tensor) && !Object.hasOwn(tied, tensor)),
  );
  return { system, config, weights };
}

/** The tiny tokenizer with the first of its codes alone. */
export function tokenizerOf(codes: number): TokenizerModel {
  const { config, weights, ...tiny } = openTokenizer(TINY);
  const table = weights.get(vq.codebook!)!;
  const width = table.shape[1]!;
  const rows = readFloats(table).slice(0, codes * width);
  return {
    ...tiny,
    config: { ...config, codebook_size: codes },
    weights: new Map([...weights, [vq.codebook!, storedFloats([codes, width], rows)]]),
  };
}

/** The tokenizer of VAR's golden numbers. */
export function goldenScales(): TokenizerModel {
  const { config: fields } = goldenGenerator(varSystem);
  const { vae_kwargs, patch_nums } = fields as VarFields;
  const config = parseTokenizerConfig(multiScaleVq, { ...vae_kwargs, v_patch_nums: patch_nums }, 'var-tiny');
  const { encoder, decoder } = multiScaleVq.graphs(config);
  const { tensors } = openSafetensors(goldenPath('var-tiny.safetensors'));
  const names = new Set([encoder(), decoder()].flatMap(parametersOf).map(({ name }) => name));
  const weights = new Map([...tensors].filter(([name]) => names.has(name)));
  return { kind: multiScaleVq, config, weights };
}

/** The KL autoencoder of MAR's golden numbers. */
function goldenVectors(): TokenizerModel {
  const config = parseTokenizerConfig(klVae, goldenJson('mar-vae-tiny.json').config, 'mar-vae-tiny');
  return { kind: klVae, config, weights: openSafetensors(goldenPath('mar-vae-tiny.safetensors')).tensors };
}

/** A tokenizer that speaks the codes of a system's golden network. */
export function tokenizerFor({ system, config }: Generator): TokenizerModel {
  const { codes } = system.config.facts(config);
  if (codes.kind === 'vectors') return goldenVectors();
  return codes.kind === 'scales' ? goldenScales() : tokenizerOf(vocabularyOf(codes));
}

/** A target that counts the tensors it gave and that nobody freed yet. */
export function countingTarget(target: Target): Target & { readonly alive: () => number } {
  let alive = 0;
  // The very tensors of the target, since it takes no others back.
  const counted = (tensor: DeviceTensor): DeviceTensor => {
    alive++;
    let isAlive = true;
    const dispose = tensor.dispose.bind(tensor);
    return Object.assign(tensor, {
      dispose() {
        if (isAlive) alive--;
        isAlive = false;
        dispose();
      },
    });
  };
  const wrap = (executable: Executable): Executable => ({
    async run(inputs, outputs) {
      const given = await executable.run(inputs, outputs);
      return Object.fromEntries(Object.entries(given).map(([name, tensor]) => [name, counted(tensor)]));
    },
    dispose: () => executable.dispose(),
  });
  return {
    name: target.name,
    description: target.description,
    compile: async (graph, options) => wrap(await target.compile(graph, options)),
    alive: () => alive,
  };
}

/** Systems of one loop each, whose trainings and exported pages are among the quick tests; those of the others are slow. */
export const TRAINED_QUICKLY: ReadonlySet<string> = new Set(['arpg', 'maskgit']);
