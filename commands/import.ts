import { Args, Flags } from '@oclif/core';
import {
  ARPG_PRESETS,
  byteLength,
  importGenerator,
  importTokenizer,
  inHalfPrecision,
  type SamplingDefaults,
  UsageError,
  VQ_PRESETS,
  type Weights,
  writeModelFolder,
} from '../src/index.js';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { parseNumber } from '../src/cli/numbers.js';

function megabytes(weights: Weights): number {
  return Math.round([...weights.values()].reduce((total, tensor) => total + byteLength(tensor), 0) / 1e6);
}

export default class Import extends BaseCommand {
  static override summary = 'Turn official checkpoints into a model folder.';
  static override description =
    `Reads PyTorch .pt files (nothing in them is executed) and .safetensors files, checks every
tensor's name and shape, and writes a folder with config.json and model.safetensors, the tokenizer in tokenizer/.
With --tokenizer and no WEIGHTS, the folder holds the tokenizer alone. Weights keep their element type unless --half is given.`;
  static override examples = [
    '<%= config.bin %> import arpg_300m.pt --config ARPG-L --tokenizer vq_ds16_c2i.pt -o arpg-l',
    '<%= config.bin %> import mine.safetensors --config mine.json --labels names.json -o mine',
    '<%= config.bin %> import --tokenizer vq_ds16_c2i.pt -o vq-16',
  ];
  static override args = {
    weights: Args.string({
      ignoreStdin: true,
      description: "the generator's checkpoint (.pt, .safetensors)",
    }),
  };
  static override flags = {
    config: Flags.string({
      description: `${Object.keys(ARPG_PRESETS).join(', ')}, or a JSON file with the official field names`,
      helpValue: 'NAME|FILE',
    }),
    tokenizer: Flags.string({ description: "the tokenizer's checkpoint", helpValue: 'FILE' }),
    'tokenizer-config': Flags.string({
      description: `${Object.keys(VQ_PRESETS).join(', ')}, or a JSON file with the official field names`,
      helpValue: 'NAME|FILE',
      default: 'VQ-16',
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
      description: 'model folder to write',
      helpValue: 'DIR',
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import);
    if (args.weights === undefined && flags.tokenizer === undefined)
      throw new UsageError('name a checkpoint to import, or --tokenizer for a tokenizer alone');
    if (args.weights !== undefined && flags.config === undefined)
      throw new UsageError(`--config is needed: ${Object.keys(ARPG_PRESETS).join(', ')}, or a JSON file`);
    const stored = <T extends { readonly weights: Weights }>(model: T): T =>
      flags.half ? { ...model, weights: inHalfPrecision(model.weights) } : model;
    const generator =
      args.weights === undefined
        ? undefined
        : stored(
            await importGenerator(args.weights, flags.config!, {
              ...(flags.labels !== undefined && { labels: flags.labels }),
              ...(flags.license !== undefined && { license: flags.license }),
              sampling: suitedSettings(flags),
            }),
          );
    const tokenizer =
      flags.tokenizer === undefined
        ? undefined
        : stored(await importTokenizer(flags.tokenizer, flags['tokenizer-config'], flags.license));
    await writeModelFolder(flags.output, {
      ...(generator && { generator }),
      ...(tokenizer && { tokenizer }),
    });
    const parts = { generator: generator?.weights, tokenizer: tokenizer?.weights };
    for (const [part, weights] of Object.entries(parts)) {
      if (weights) this.note(flags, `${part}: ${weights.size} tensors, ${megabytes(weights)} MB`);
    }
    this.note(flags, `wrote ${flags.output}`);
    this.result(flags, {
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
