import { Flags } from '@oclif/core';
import { GROUPS } from '../src/cli/flagGroups.js';
import { ROPE_SCALINGS } from '../src/index.js';
import { modelFlags, precisionFlag, seedFlag } from '../src/cli/baseCommand.js';
import { outputFlags } from '../src/cli/outputFormat.js';
import { shardFlag } from '../src/cli/shardFlag.js';
import { SampleCommand } from '../src/cli/sampleCommand.js';
import { MAX_PICTURES, SAMPLE_FORMATS } from '../src/cli/sampleRequest.js';
import { CLASS_DESCRIPTION, ownFlags, samplingFlags } from '../src/cli/samplingFlags.js';

/** The most pictures of a batch: a guard against slips of the finger. */
const MAX_BATCH = 2 ** 16;

export default class Sample extends SampleCommand {
  static override summary = 'Draw images of a class.';
  static override description =
    `Samples tokens, several at a step and in a random order where the model's system can, and decodes them to images.
An image depends on the seed and its number alone: the same command gives the same picture whatever --batch is.
Pictures in a folder are written as they are finished; --resume draws those that are missing.`;
  static override examples = [
    '<%= config.bin %> sample --class 3 -o three.png',
    '<%= config.bin %> sample --model arpg-l --class 207 --class "tabby cat" --count 8 --format grid -o cats.png',
    '<%= config.bin %> sample --class 3 --class 8 --format gif -o steps.gif',
    '<%= config.bin %> sample --class 3 --size 64x32 --rope extend -o wide.png',
    '<%= config.bin %> sample --class 3 --count 100 --seed 7 -o samples/',
    '<%= config.bin %> sample --class 3 --count 100 --seed 7 --shard 2/4 -o samples/',
    '<%= config.bin %> sample --class 3 --format tokens | <%= config.bin %> detokenize -o three.png',
  ];
  static override flags = {
    ...modelFlags,
    ...precisionFlag,
    ...seedFlag,
    class: Flags.string({
      char: 'c',
      helpValue: 'NAME',
      description: `${CLASS_DESCRIPTION}; may be repeated (default: drawn at random and printed)`,
      multiple: true,
    }),
    count: Flags.integer({
      char: 'n',
      description: 'images of each class',
      default: 1,
      min: 1,
      max: MAX_PICTURES,
    }),
    ...samplingFlags,
    ...ownFlags,
    size: Flags.string({
      description: 'pixels of the picture, whole tokens along each side (default: the trained size)',
      helpValue: 'WxH',
    }),
    rope: Flags.string({
      helpGroup: GROUPS.sampling,
      description: 'with --size: go on beyond the trained positions, or squeeze all into their range',
      options: [...ROPE_SCALINGS],
      default: 'extend',
    }),
    shard: shardFlag(
      'with a seed: draw a part of the pictures alone, as i/n, under the numbers that they have among all; other processes draw the others',
      { dependsOn: ['seed'] },
    ),
    batch: Flags.integer({
      helpGroup: GROUPS.machine,
      description: 'images sampled together',
      default: 4,
      min: 1,
      max: MAX_BATCH,
    }),
    resume: Flags.boolean({
      helpGroup: GROUPS.output,
      description:
        'with a seed and a folder: leave pictures that are there as they are, and draw the missing ones',
      dependsOn: ['seed'],
    }),
    frames: Flags.string({
      helpGroup: GROUPS.output,
      description: 'also write a picture of each step into this folder, grey where no token is known yet',
      helpValue: 'DIR',
    }),
    like: Flags.string({
      description:
        'draw again what a PNG, JPEG or WebP by arpg shows, or - for stdin: other flags change that one setting',
      helpValue: 'PICTURE',
    }),
    jobs: Flags.string({
      description:
        'draw a picture for each JSON line of a file, or - for stdin: {"class": 3, "seed": 7, "steps": 8, "output": "a.png"}; flags say what lines leave open, and outputs lie below -o',
      helpValue: 'FILE',
      exclusive: ['like', 'count', 'batch', 'resume', 'frames', 'format', 'shard'],
    }),
    ...outputFlags(
      SAMPLE_FORMATS,
      '; grid has a row for each of several classes; gif and apng show the picture step by step',
    ),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file, folder (with a slash) or - for stdout',
      helpValue: 'PATH',
    }),
  };

  async run(): Promise<void> {
    const { flags, raw } = await this.parse(Sample);
    const given = new Set(raw.flatMap((token) => (token.type === 'flag' ? [token.flag] : [])));
    if (flags.jobs === undefined) await this.drawPictures(flags, given);
    else await this.drawJobs(flags, flags.jobs);
  }
}
