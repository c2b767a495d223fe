import { mutateBytes, type Mutator, ODD_NUMBERS } from './mutators.js';
import type { Random } from './random.js';

const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Pieces of JSON, and of Python literals as .npy headers have them. */
const TOKEN =
  /"(?:[^"\\]|\\.)*"|'[^']*'|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|True|False|[[\]{}(),:]/g;

const ODD_TEXTS = [
  '""',
  '"\\u0000"',
  '"\\u001b[31m"',
  '"a\\nb"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"../../etc/passwd"',
  '"/etc/passwd"',
  '"\\ud800"',
  '"NaN"',
  `"${'x'.repeat(5000)}"`,
  'null',
  'true',
  '[]',
  '{}',
  '[[]]',
  '{"__proto__":{"x":1}}',
  '1e400',
  '-1',
  '-0',
  '0.5',
  '1e15',
  '9007199254740993',
  '4294967299',
  '2147483648',
  '1000000000',
];

function oddToken(random: Random): string {
  return random.chance(0.5) ? random.pick(ODD_TEXTS) : String(random.pick(ODD_NUMBERS));
}

/** Replaces, removes, doubles or nests one piece of JSON or of a Python literal. */
export const mutateJson: Mutator = (input, random) => {
  const text = decode(input);
  const tokens = [...text.matchAll(TOKEN)];
  if (tokens.length === 0) return mutateBytes(input, random);
  const { 0: token, index } = random.pick(tokens);
  const replace = (replacement: string) =>
    encode(text.slice(0, index) + replacement + text.slice(index + token.length));
  switch (random.below(7)) {
    case 0:
      return replace('');
    case 1:
      return replace(`${token},${token}`);
    case 2: {
      const depth = random.pick([2, 100, 20000]);
      return replace('['.repeat(depth) + token + ']'.repeat(random.chance(0.8) ? depth : 0));
    }
    case 3: {
      const depth = random.pick([2, 100, 20000]);
      return replace('{"a":'.repeat(depth) + token + '}'.repeat(random.chance(0.8) ? depth : 0));
    }
    default:
      return replace(oddToken(random));
  }
};

/** Changes whole lines: doubled, removed, swapped, cut short, or with something odd between. */
export const mutateLines: Mutator = (input, random) => {
  const lines = decode(input).split('\n');
  const place = random.below(lines.length);
  switch (random.below(6)) {
    case 0:
      return encode(lines.toSpliced(place, 0, lines[place]!).join('\n'));
    case 1:
      return encode(lines.toSpliced(place, 1).join('\n'));
    case 2:
      return encode(lines.toSpliced(place, 1, oddToken(random)).join('\n'));
    case 3:
      return encode(
        lines.with(place, lines[place]!.slice(0, random.below(lines[place]!.length + 1))).join('\n'),
      );
    case 4:
      return encode(`\ufeff${lines.join(random.pick(['\n', '\r\n', '\r', '\n\n']))}`);
    default:
      return mutateJson(input, random);
  }
};
