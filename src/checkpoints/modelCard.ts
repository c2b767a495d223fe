import { countElements } from '../graph/dimension.js';
import type { Weights } from '../graph/weights.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';

const MILLION = 1e6;

function parameters(weights: Weights): string {
  const count = [...weights.values()].reduce((sum, { shape }) => sum + countElements(shape), 0);
  return `${(count / MILLION).toFixed(1)} M parameters`;
}

function elementTypes(weights: Weights): string {
  return [...new Set([...weights.values()].map(({ dtype }) => dtype))].join(', ');
}

function generatorLines({ config, weights, labels }: GeneratorModel): readonly string[] {
  const side = Math.sqrt(config.block_size);
  const classes =
    labels.length > 0 ? `: ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}` : '';
  return [
    `- **Generator:** ARPG (arXiv 2503.10568) with dim ${config.dim}, ${config.n_layer} layers, ${config.n_head} heads${config.absolute_positions ? ', absolute positions' : ''}; ${parameters(weights)} in ${elementTypes(weights)}.`,
    `- **Tokens:** ${side}×${side} of a codebook of ${config.vocab_size}.`,
    `- **Classes:** ${config.num_classes}${classes}`,
  ];
}

function tokenizerLines({ config, weights }: TokenizerModel): readonly string[] {
  const factor = 2 ** (config.ch_mult.length - 1);
  return [
    `- **Tokenizer:** VQ, ${config.codebook_size} codes of ${config.codebook_embed_dim} dims, ${factor}×${factor} pixels a token, for pictures of ${config.image_size}×${config.image_size}; ${parameters(weights)} in ${elementTypes(weights)}.`,
  ];
}

/** The model card of a folder that has none yet: what it is and how to use it, with the metadata that hubs read. */
export function modelCard(
  name: string,
  {
    generator,
    tokenizer,
    origin,
  }: {
    readonly generator?: GeneratorModel | undefined;
    readonly tokenizer?: TokenizerModel | undefined;
    /** Which of a training's weights these are. */
    readonly origin?: string | undefined;
  },
): string {
  const license = generator?.license ?? tokenizer?.license;
  const example = generator
    ? `arpg sample --model ${name} --class 0 -o picture.png`
    : `arpg tokenize --model ${name} picture.png`;
  return [
    '---',
    'library_name: arpg',
    ...(license === undefined ? [] : [`license: ${JSON.stringify(license)}`]),
    'tags: [arpg, image-generation]',
    '---',
    '',
    `# ${name}`,
    '',
    ...(generator ? generatorLines(generator) : []),
    ...(tokenizer ? tokenizerLines(tokenizer) : []),
    ...(origin === undefined ? [] : [`- **Weights:** of ${origin}.`]),
    `- **Licence of the weights:** ${license ?? 'not stated'}`,
    '',
    '```sh',
    example,
    '```',
    '',
  ].join('\n');
}
