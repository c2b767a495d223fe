import { Flags } from '@oclif/core';
import {
  type OwnTrainingSetting,
  TOKENIZER_DEFAULTS,
  TOKENIZERS,
  trainTokenizer,
} from '../../src/faces/training.js';
import { GROUPS } from '../../src/cli/flagGroups.js';
import { TrainCommand } from '../../src/cli/trainCommand.js';
import {
  givenFlags,
  givenNumber,
  numberFlag,
  sharedRequest,
  trainFlags,
  WEIGHT,
} from '../../src/cli/trainFlags.js';

/** The kinds that have a setting, for the help. */
const kindsWith = (setting: OwnTrainingSetting): string =>
  `kind ${TOKENIZERS.filter(({ training }) => training.settings.includes(setting))
    .map(({ name }) => name)
    .join(', ')}`;

export default class TrainTokenizer extends TrainCommand {
  static override summary = 'Train a tokenizer on images.';
  static override description =
    `Losses by the kind of tokenizer: reconstruction; codebook and commitment, and an entropy term that keeps the codebook
in use, where codes that stay unused are restarted; or the divergence of the latents' Gaussians. The run folder holds run.json, log.jsonl, loss.png, pictures in samples/, checkpoints that
are complete or absent, and at the end a model folder with the weights of the lowest held-out loss. Interrupting saves
first; --resume continues with the very losses of a run that was never interrupted.`;
  static override examples = [
    '<%= config.bin %> train tokenizer --data mnist/ --out runs/digits-vq --steps 1000',
    '<%= config.bin %> train tokenizer --resume runs/digits-vq',
    "<%= config.bin %> train tokenizer --data signs/ --init runs/digits-vq/model --freeze 'quantize.*' --out runs/signs-vq",
  ];
  static override flags = {
    ...trainFlags,
    kind: Flags.option({
      helpGroup: GROUPS.training,
      description: 'what it makes of a picture: indices of one grid or of several scales, or vectors',
      options: TOKENIZERS.map(({ name }) => name),
      default: TOKENIZER_DEFAULTS.kind,
    })(),
    config: Flags.string({
      description: `${Object.keys(TOKENIZERS[0]!.training.trainable).join(', ')}, or a JSON file with the official field names`,
      helpValue: 'NAME|FILE',
      default: 'small',
    }),
    'image-size': Flags.integer({
      description:
        'height and width in pixels that images are trained at (default: what --config says; small: 32)',
      min: 1,
    }),
    reconstruction: Flags.option({
      helpGroup: GROUPS.training,
      description: 'what a difference counts: its magnitude or its square',
      options: ['l1', 'l2'] as const,
      default: TOKENIZER_DEFAULTS.reconstruction,
    })(),
    entropy: numberFlag(
      `weight of the entropy term; 0 leaves it out (${kindsWith('entropy')})`,
      TOKENIZER_DEFAULTS.entropy,
      'WEIGHT',
    ),
    rate: numberFlag(
      `weight of the codes' entropy: tokens that are easier to predict, with less detail (${kindsWith('rate')})`,
      TOKENIZER_DEFAULTS.rate,
      'WEIGHT',
    ),
    divergence: numberFlag(
      `weight of the distance of the latents' Gaussians from the standard one (${kindsWith('divergence')})`,
      TOKENIZER_DEFAULTS.divergence,
      'WEIGHT',
    ),
    crop: Flags.option({
      helpGroup: GROUPS.training,
      description: 'which square of an image is trained on',
      options: ['center', 'random'] as const,
      default: TOKENIZER_DEFAULTS.crop,
    })(),
    adversarial: numberFlag(
      'weight of a patch discriminator that tells reconstructions from images; 0 trains without one',
      TOKENIZER_DEFAULTS.adversarial,
      'WEIGHT',
    ),
    'adversarial-start': Flags.integer({
      helpGroup: GROUPS.training,
      description: 'first step in which the discriminator counts',
      default: TOKENIZER_DEFAULTS.adversarialStart,
      min: 1,
    }),
    perceptual: Flags.string({
      helpGroup: GROUPS.training,
      description:
        'ONNX file of a convolutional network whose feature maps should agree (it gets RGB in [-1, 1])',
      default: TOKENIZER_DEFAULTS.perceptual,
      helpValue: 'FILE',
    }),
    'perceptual-weight': numberFlag(
      'weight of the feature maps’ difference',
      TOKENIZER_DEFAULTS.perceptualWeight,
      'WEIGHT',
    ),
    'restart-after': Flags.integer({
      helpGroup: GROUPS.training,
      description: `steps without use after which a code is replaced by a latent of the batch; 0 keeps all (${kindsWith('restartAfter')})`,
      default: TOKENIZER_DEFAULTS.restartAfter,
      min: 0,
    }),
  };

  protected async perform(): Promise<void> {
    const { flags, metadata } = await this.parse(TrainTokenizer);
    const given = givenFlags(flags, metadata);
    const { kind, config, reconstruction, crop, perceptual } = given;
    const request = {
      ...sharedRequest(given),
      init: await this.modelNamed(flags, given.init),
      imageSize: given['image-size'],
      ...{ kind, config, reconstruction, crop, perceptual },
      entropy: givenNumber(given.entropy, '--entropy', WEIGHT),
      rate: givenNumber(given.rate, '--rate', WEIGHT),
      divergence: givenNumber(given.divergence, '--divergence', WEIGHT),
      adversarial: givenNumber(given.adversarial, '--adversarial', WEIGHT),
      adversarialStart: given['adversarial-start'],
      perceptualWeight: givenNumber(given['perceptual-weight'], '--perceptual-weight', WEIGHT),
      restartAfter: given['restart-after'],
    };
    await this.train(flags, (host) => trainTokenizer(request, host));
  }
}
