import { describeCodes } from '../codes.js';
import { countElements } from '../graph/dimension.js';
import { printable, shorten } from '../printable.js';
import type { StoredTensor, Weights } from '../graph/weights.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';

const MILLION = 1e6;
/** Of one name or licence that the card shows. */
const MAX_TEXT = 200;

/** Text from outside as plain words of Markdown: no markup, no HTML, on one line. */
function words(text: string): string {
  return shorten(printable(text), MAX_TEXT)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_[\]|~]/g, '\\$&');
}

/** A YAML string: JSON is one, once no character in it counts as a line end there. */
function yamlText(text: string): string {
  return printable(JSON.stringify(text));
}

/** A word of a command line that no shell takes for anything else. */
function shellWord(text: string): string {
  const word = printable(text);
  return /^[\w./-]+$/.test(word) && !word.startsWith('-') ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function parameters(weights: Weights): string {
  const count = [...weights.values()].reduce((sum, { shape }) => sum + countElements(shape), 0);
  return `${(count / MILLION).toFixed(1)} M parameters`;
}

function elementTypes(weights: Weights): string {
  const typeOf = ({ dtype, quantized }: StoredTensor) => (quantized ? `${quantized.bits} bits` : dtype);
  return [...new Set([...weights.values()].map(typeOf))].join(', ');
}

function generatorLines({ system, config, weights, labels }: GeneratorModel): readonly string[] {
  const { grid, classes: count, codes } = system.config.facts(config);
  const classes =
    labels.length > 0
      ? `: ${labels.slice(0, 10).map(words).join(', ')}${labels.length > 10 ? ', …' : ''}`
      : '';
  return [
    `- **Generator:** ${system.title} (arXiv ${system.paper}) with ${system.config.describe(config)}; ${parameters(weights)} in ${elementTypes(weights)}.`,
    `- **Tokens:** ${grid.height}×${grid.width} ${describeCodes(codes)}.`,
    `- **Classes:** ${count}${classes}`,
  ];
}

function tokenizerLines({ kind, config, weights }: TokenizerModel): readonly string[] {
  return [
    `- **Tokenizer:** ${kind.title}, ${kind.describe(config)}; ${parameters(weights)} in ${elementTypes(weights)}.`,
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
    ? `arpg sample --model ${shellWord(name)} --class 0 -o picture.png`
    : `arpg tokenize --model ${shellWord(name)} picture.png`;
  return [
    '---',
    'library_name: arpg',
    ...(license === undefined ? [] : [`license: ${yamlText(license)}`]),
    'tags: [arpg, image-generation]',
    '---',
    '',
    `# ${words(name)}`,
    '',
    ...(generator ? generatorLines(generator) : []),
    ...(tokenizer ? tokenizerLines(tokenizer) : []),
    ...(origin === undefined ? [] : [`- **Weights:** of ${words(origin)}.`]),
    `- **Licence of the weights:** ${license === undefined ? 'not stated' : words(license)}`,
    '',
    '```sh',
    example,
    '```',
    '',
  ].join('\n');
}
