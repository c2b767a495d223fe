import { Flags } from '@oclif/core';
import { GENERATOR_DEFAULTS, TRAINING_DEFAULTS, trainGenerator } from '../../src/faces/training.js';
import { SYSTEM_NAMES, SYSTEMS, TOKEN_LAYOUTS } from '../../src/index.js';
import { OTHER_NAMES } from '../../src/cli/baseCommand.js';
import { bySystem } from '../../src/cli/samplingFlags.js';
import { TrainCommand } from '../../src/cli/trainCommand.js';
import {
  givenFlags,
  givenNumber,
  numberFlag,
  SHARE,
  sharedRequest,
  trainFlags,
} from '../../src/cli/trainFlags.js';

/** The fields that say how large a network is. */
const mainFields = (trainable: Readonly<Record<string, object>>): string =>
  `${Object.keys(Object.values(trainable)[0]!).slice(0, 3).join(', ')}, …`;

const percent = (share: number): string => `${100 * share} %`;

/** How the learning rate falls, in words. */
const fallOf = ({ learningRate: held }: (typeof SYSTEMS)[number]['recipe']): string =>
  held
    ? `stays for ${percent(held.holdShare)} of the steps and falls to ${percent(held.finalShare)}`
    : 'falls to a tenth along a cosine';

export default class Train extends TrainCommand {
  static override summary = 'Train a generator on images.';
  static override description =
    `Images become tokens first, with the tokenizer named; then the generator learns to predict some of
them from others, as its system draws them. The vocabulary, the token grid and the classes come from the tokenizer and the
data. The run folder holds run.json, log.jsonl, loss.png, sample grids in samples/, checkpoints that are complete or
absent, and at the end a model folder for arpg sample with the weights of the lowest held-out loss, or the last ones
where --holdout leaves no image out. Images that cannot be read are left out and said. Interrupting saves first; --resume continues with the very losses of a run that was never interrupted.`;
  static override examples = [
    '<%= config.bin %> train --data mnist/ --tokenizer runs/digits-vq/model --out runs/digits --steps 2000',
    '<%= config.bin %> train --resume runs/digits',
    "<%= config.bin %> train --data signs/ --tokenizer runs/digits-vq/model --init runs/digits/model --freeze 'layers.self_dec.*' --out runs/signs",
    '<%= config.bin %> sample --model runs/digits/model --class 7 -o seven.png',
  ];
  static override flags = {
    ...trainFlags,
    data: Flags.string({
      description: `${trainFlags.data.description}; or tokens: ${TOKEN_LAYOUTS}`,
      helpValue: 'PATH',
    }),
    lr: numberFlag(
      `peak learning rate; it then ${bySystem(({ recipe }) => fallOf(recipe))}`,
      TRAINING_DEFAULTS.learningRate,
      'RATE',
    ),
    system: Flags.string({
      description: 'generative system to train',
      options: [...SYSTEM_NAMES],
      default: GENERATOR_DEFAULTS.system,
    }),
    tokenizer: Flags.string({
      description: `model folder with the tokenizer${OTHER_NAMES}`,
      helpValue: 'DIR',
    }),
    config: Flags.string({
      description: `${[...new Set(SYSTEMS.flatMap(({ config }) => Object.keys(config.trainable)))].join(', ')}, or a JSON file with the official field names: ${bySystem(({ config }) => mainFields(config.trainable))}`,
      helpValue: 'NAME|FILE',
      default: 'small',
    }),
    'label-dropout': numberFlag(
      'share of images trained without their class, for guidance',
      SYSTEMS[0]!.recipe.conditionDropout,
      'SHARE',
    ),
    dropout: numberFlag(
      'share of elements dropped inside the network, where the official training drops them',
      SYSTEMS[0]!.recipe.dropout,
      'SHARE',
    ),
    'class-alone': numberFlag(
      'share of images of which every token is predicted from the class alone, as at the start of sampling; many classes are learnt sooner so (ARPG)',
      SYSTEMS[0]!.recipe.classAlone ?? 0,
      'SHARE',
    ),
  };

  protected async perform(): Promise<void> {
    const { flags, metadata } = await this.parse(Train);
    const given = givenFlags(flags, metadata);
    const request = {
      ...sharedRequest(given),
      system: given.system,
      tokenizer: await this.modelNamed(flags, given.tokenizer),
      init: await this.modelNamed(flags, given.init),
      config: given.config,
      labelDropout: givenNumber(given['label-dropout'], '--label-dropout', SHARE),
      dropout: givenNumber(given.dropout, '--dropout', SHARE),
      classAlone: givenNumber(given['class-alone'], '--class-alone', { min: 0, max: 1 }),
    };
    await this.train(flags, (host) => trainGenerator(request, host));
  }
}
