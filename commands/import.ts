import { Args, Flags } from '@oclif/core';
import {
  byteLength,
  importGenerator,
  importTokenizer,
  type SamplingDefaults,
  SYSTEM_NAMES,
  UsageError,
  type Weights,
  writeModelFolder,
} from '../src/index.js';
import { SYSTEM_PRESETS, TOKENIZER_PRESETS } from '../src/faces/graph.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { parseNumber } from '../src/cli/numbers.js';

function megabytes(weights: Weights): number {
  return Math.round([...weights.values()].reduce((total, tensor) => total + byteLength(tensor), 0) / 1e6);
}

export default class Import extends BaseCommand {
  static override summary = 'Turn official checkpoints into a model folder.';
  static override description =
    `Reads what torch.save wrote (nothing in it is executed), safetensors files, and the index of either in several
files (model.safetensors.index.json), told by their content. Checks every tensor's name, shape and values, and writes a
folder with config.json and model.safetensors, the tokenizer in tokenizer/. Prefixes of wrappers (module., _orig_mod.,
model.) are dropped. With --tokenizer and no WEIGHTS, the folder holds the tokenizer alone. Weights keep their element
type unless --half is given; doubles become single precision.`;
  static override examples = [
    '<%= config.bin %> import arpg_300m.pt --config ARPG-L --tokenizer vq_ds16_c2i.pt -o arpg-l',
    '<%= config.bin %> import mine.safetensors --config mine.json --labels names.json -o mine',
    '<%= config.bin %> import --tokenizer vq_ds16_c2i.pt -o vq-16',
  ];
  static override args = {
    weights: Args.string({
      ignoreStdin: true,
      description: "the generator's checkpoint (.pt, .ckpt, .safetensors, …index.json)",
    }),
  };
  static override flags = {
    system: Flags.string({
      description:
        'whose weights they are (default: what --config or the file says, or else the names of its parameters)',
      options: [...SYSTEM_NAMES],
    }),
    config: Flags.string({
      description: `${[...SYSTEM_PRESETS.keys()].join(', ')}, or a JSON file with the official field names (default: what the file says of itself, if 'arpg export' wrote it)`,
      helpValue: 'NAME|FILE',
    }),
    tokenizer: Flags.string({ description: "the tokenizer's checkpoint", helpValue: 'FILE' }),
    'tokenizer-config': Flags.string({
      description: `${[...TOKENIZER_PRESETS.keys()].join(', ')}, or a JSON file with the official field names (default: what the file or the generator's configuration says, or else the published one of its kind)`,
      helpValue: 'NAME|FILE',
    }),
    key: Flags.string({
      description:
        'dictionary of WEIGHTS to take, such as ema or state_dict.model (default: the one that fits)',
      helpValue: 'NAME',
    }),
    'tokenizer-key': Flags.string({
      description: "dictionary of the tokenizer's checkpoint to take",
      helpValue: 'NAME',
    }),
    labels: Flags.string({
      description: 'class names: a JSON array, or an object from index to name',
      helpValue: 'FILE',
    }),
    license: Flags.string({
      description: "the weights' licence, for config.json and the model card",
      helpValue: 'NAME',
    }),
    guidance: Flags.string({
      description: "guidance scale that suits the model (default: the paper's for published ones)",
      helpValue: 'G',
    }),
    temperature: Flags.string({ description: 'temperature that suits the model', helpValue: 'T' }),
    'top-p': Flags.string({ description: 'top-p that suits the model', helpValue: 'P' }),
    half: Flags.boolean({ description: 'store the weights in half precision, in half the space' }),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'model folder to write',
      helpValue: 'DIR',
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import);
    if (args.weights === undefined && flags.tokenizer === undefined)
      throw new UsageError('name a checkpoint to import, or --tokenizer for a tokenizer alone');
    if (args.weights === undefined && flags.key !== undefined)
      throw new UsageError('--key is for WEIGHTS; for a tokenizer there is --tokenizer-key');
    const shared = {
      half: flags.half,
      note: (text: string) => this.note(flags, text),
      ...(flags.license !== undefined && { license: flags.license }),
    };
    const tokenizer =
      flags.tokenizer === undefined
        ? undefined
        : await importTokenizer(flags.tokenizer, flags['tokenizer-config'], {
            ...shared,
            generatorConfiguration: flags.config,
            ...(flags['tokenizer-key'] !== undefined && { key: flags['tokenizer-key'] }),
          });
    const generator =
      args.weights === undefined
        ? undefined
        : await importGenerator(args.weights, flags.config, {
            ...shared,
            ...(flags.key !== undefined && { key: flags.key }),
            ...(flags.system !== undefined && { system: flags.system }),
            ...(flags.labels !== undefined && { labels: flags.labels }),
            ...(tokenizer && { tokenizer }),
            sampling: suitedSettings(flags),
          });
    await writeModelFolder(flags.output, {
      ...(generator && { generator }),
      ...(tokenizer && { tokenizer }),
    });
    const parts = { generator: generator?.weights, tokenizer: tokenizer?.weights };
    if (generator) this.note(flags, `system: ${generator.system.title}`);
    for (const [part, weights] of Object.entries(parts)) {
      if (weights) this.note(flags, `${part}: ${weights.size} tensors, ${megabytes(weights)} MB`);
    }
    this.note(flags, `wrote ${flags.output}`);
    await this.result(flags, {
      output: flags.output,
      generator_tensors: generator?.weights.size ?? 0,
      tokenizer_tensors: tokenizer?.weights.size ?? 0,
    });
  }
}

interface SuitedFlags {
  readonly guidance: string | undefined;
  readonly temperature: string | undefined;
  readonly 'top-p': string | undefined;
}

/** The settings that `config.json` should name. */
function suitedSettings({ guidance, temperature, 'top-p': topP }: SuitedFlags): SamplingDefaults {
  return {
    ...(guidance !== undefined && { guidance: parseNumber(guidance, '--guidance', { min: 0 }) }),
    ...(temperature !== undefined && { temperature: parseNumber(temperature, '--temperature', { min: 0 }) }),
    ...(topP !== undefined && { top_p: parseNumber(topP, '--top-p', { min: 0, max: 1 }) }),
  };
}
