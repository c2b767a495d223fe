import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { encodePng } from '../../src/data/image.js';
import { graphFromJson } from '../../src/graph/serialize.js';
import { idxFile, npyFile, writeNpz } from '../support/arrays.js';
import { goldenNumbers, goldenPath } from '../support/golden.js';
import { arpg, shell } from '../support/cli.js';
import { webGpu } from '../support/conformance.js';
import { temporaryFolder } from '../support/temporary.js';

const golden = goldenNumbers('arpg-tiny.expected.safetensors');
const photo = 'fixtures/photos/chelsea.png';
const importTiny = [
  'import',
  goldenPath('arpg-tiny.pt'),
  '--config',
  goldenPath('arpg-tiny.json'),
  '--tokenizer',
  goldenPath('vq-tiny.pt'),
  '--tokenizer-config',
  goldenPath('vq-tiny.json'),
];

describe('arpg import and sample', () => {
  const temporary = temporaryFolder();

  it('go from official checkpoints to the golden tokens', () => {
    expect(arpg([...importTiny, '-o', temporary('m')]).code).to.equal(0);
    writeFileSync(temporary('order.json'), JSON.stringify(Array.from(golden('generate.0.order').data)));
    const { code, text, errors } = arpg(
      `sample --model ${temporary('m')} --class 3 --class 7 --steps 6 --guidance 4 --guidance-schedule linear --top-k 1 --order ${temporary('order.json')} --format tokens --seed 1`.split(
        ' ',
      ),
    );
    expect(errors).to.equal('');
    expect(code).to.equal(0);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.flatMap(({ tokens }) => tokens)).to.deep.equal(Array.from(golden('generate.0.tokens').data));
    expect(lines.map(({ class_id, grid }) => [class_id, grid])).to.deep.equal([
      [3, [4, 4]],
      [7, [4, 4]],
    ]);
  });

  it('the imported folder is the one in fixtures', () => {
    for (const file of [
      'config.json',
      'model.safetensors',
      'tokenizer/config.json',
      'tokenizer/model.safetensors',
    ])
      expect(
        readFileSync(temporary(`m/${file}`)).equals(readFileSync(`fixtures/models/tiny/${file}`)),
        file,
      ).to.equal(true);
  });

  it('a seed gives the same images whatever the batch is, and --json reports', () => {
    const sample = (...extra: readonly string[]) =>
      arpg(['sample', '-c', '3', '-c', '5', '--count', '2', '--seed', '9', ...extra]);
    const alone = sample('--format', 'tokens', '--batch', '1');
    const together = sample('--format', 'tokens', '--batch', '4');
    expect(alone.text).to.equal(together.text);
    const { text } = sample('-o', `${temporary('images')}/`, '--json');
    const report = JSON.parse(text);
    expect(report.files).to.have.length(4);
    expect(report).to.deep.include({ class_ids: [3, 3, 5, 5], seed: 9, target: 'onnx', steps: 16 });
    expect(PNG.sync.read(readFileSync(report.files[0]))).to.include({ width: 8, height: 8 });
    sample('-o', temporary('grid.png'), '--format', 'grid');
    expect(PNG.sync.read(readFileSync(temporary('grid.png')))).to.include({ width: 18, height: 18 });
    sample('-o', temporary('all.npz'), '--format', 'npz');
    expect(readFileSync(temporary('all.npz')).includes('arr_0.npy')).to.equal(true);
  });

  it('a drawn seed is printed and repeats the picture', () => {
    const first = arpg(['sample', '-c', '1']);
    const seed = /seed: (\d+)/.exec(first.errors)?.[1];
    expect(seed).to.not.equal(undefined);
    expect(arpg(['sample', '-c', '1', '--seed', seed!]).stdout.equals(first.stdout)).to.equal(true);
    expect(arpg(['sample', '-c', '1', '--quiet', '--seed', seed!]).errors).to.equal('');
  });

  it('every target gives the same tokens and says what ran', () => {
    const run = (target: string) =>
      arpg(['sample', '-c', '2', '--seed', '5', '--format', 'tokens', '--target', target, '--verbose']);
    const expected = run('onnx');
    const gpu = ['cpu', 'webasm', ...(webGpu.usable ? ['webgpu'] : [])].map((mode) => `gpujs:${mode}`);
    for (const target of ['reference', ...gpu]) {
      const { text, errors } = run(target);
      expect(text, target).to.equal(expected.text);
      expect(errors).to.include(`target: ${target} (`);
    }
  });
});

describe('arpg tokenize and detokenize', () => {
  const temporary = temporaryFolder();

  it('a folder’s pictures are found however deep they lie, and the file is said', () => {
    const nested = temporary('nested');
    for (const path of ['a/b/c/x.png', 'a/y.png', 'z.png']) {
      mkdirSync(dirname(`${nested}/${path}`), { recursive: true });
      writeFileSync(`${nested}/${path}`, encodePng({ width: 8, height: 8, data: new Uint8Array(192) }));
    }
    const output = temporary('nested.jsonl');
    const { code, errors } = arpg(['tokenize', nested, '-o', output]);
    expect(code, errors).to.equal(0);
    expect(errors).to.include(`wrote ${output}: 3 lines of 3 images`);
    const lines = readFileSync(output, 'utf8').trim().split('\n');
    const sources = lines.map((line) => JSON.parse(line) as { source: string; class?: string });
    expect(sources.map(({ source, class: name }) => [source.slice(nested.length + 1), name])).to.deep.equal([
      ['z.png', undefined],
      ['a/y.png', 'a'],
      ['a/b/c/x.png', 'a/b/c'],
    ]);
  });

  it('take a real photograph through tokens and back with the same bytes on every run', () => {
    const script = `set -o pipefail; arpg tokenize ${photo} --image-size 64 | arpg detokenize -o -`;
    const [first, second] = [shell(script), shell(script)];
    expect(first.errors).to.equal('');
    expect(first.code).to.equal(0);
    expect(PNG.sync.read(first.stdout)).to.include({ width: 64, height: 64 });
    expect(first.stdout.equals(second.stdout)).to.equal(true);
  });

  it('take folders, crops, mirror images and stdin', () => {
    const folder = arpg(['tokenize', 'fixtures/photos', '--flip', '-o', temporary('t.jsonl'), '--json']);
    expect(JSON.parse(folder.text)).to.deep.include({ images: 3, lines: 6 });
    const lines = readFileSync(temporary('t.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).to.deep.include({ source: photo, grid: [8, 8] });
    expect(lines[1].flipped).to.equal(true);
    expect(arpg(['tokenize', '--crop', 'ten', photo]).text.trim().split('\n')).to.have.length(10);
    const piped = arpg(['tokenize', '-'], { stdin: readFileSync(photo) });
    expect(JSON.parse(piped.text).tokens).to.deep.equal(lines[0].tokens);
    const images = arpg(['detokenize', temporary('t.jsonl'), '-o', `${temporary('out')}/`]);
    expect(images.code).to.equal(0);
    expect(readdirSync(temporary('out'))).to.have.length(6);
  });
});

describe('arpg tokenize of data sets', () => {
  const temporary = temporaryFolder();
  const parse = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const picture = encodePng({ width: 8, height: 8, data: new Uint8Array(192).fill(77) });
  const write = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(dirname(temporary(path)), { recursive: true });
    writeFileSync(temporary(path), bytes);
  };

  it('takes nested class folders, with numbers and names of the classes', () => {
    for (const path of ['pets/cat/0.png', 'pets/dog/0.png', '3/0.png', '0.png', 'pets/.hidden/0.png'])
      write(`set/${path}`, picture);
    const { code, text, errors } = arpg(['tokenize', temporary('set')]);
    expect(code).to.equal(0);
    expect(errors).to.equal(`${temporary('set')}: 1 pictures lie in no class folder: they get no class\n`);
    const lines = parse(text);
    expect(lines.map(({ source, class_id, class: name }) => [source, class_id, name])).to.deep.equal(
      [
        ['0.png', undefined, undefined],
        ['3/0.png', 0, '3'],
        ['pets/cat/0.png', 1, 'pets/cat'],
        ['pets/dog/0.png', 2, 'pets/dog'],
      ].map(([path, ...others]) => [temporary(`set/${path}`), ...others]),
    );
  });

  it('takes archives and IDX files, and says what it uses', async () => {
    const [images, labels] = [npyFile('u1', [2, 8, 8]), npyFile('u1', [2, 1], [1, 0])];
    await writeNpz(temporary('a.npz'), { test_images: images, train_images: images, train_labels: labels });
    const archive = arpg(['tokenize', temporary('a.npz')]);
    expect(parse(archive.text).map(({ class_id }) => class_id)).to.deep.equal([1, 0]);
    expect(parse(archive.text)[1].source).to.equal(`${temporary('a.npz')}: image 1`);
    expect(archive.errors).to.include('uses train_images and train_labels; not used: test_images');
    write('idx/train-images-idx3-ubyte', idxFile(0x803, [2, 8, 8], new Uint8Array(128)));
    write('idx/train-labels-idx1-ubyte', idxFile(0x801, [2], Uint8Array.of(1, 0)));
    expect(parse(arpg(['tokenize', temporary('idx')]).text).map(({ class_id }) => class_id)).to.deep.equal([
      1, 0,
    ]);
    expect(arpg(['tokenize', temporary('idx'), '--quiet']).errors).to.equal('');
  });

  it('passes over what cannot be read, says so and ends with exit code 3', () => {
    for (const name of ['0.png', '2.png']) write(`some/${name}`, picture);
    write('some/1.png', 'no picture');
    const { code, text, errors } = arpg(['tokenize', temporary('some'), `${temporary('some')}/0.png`]);
    expect(code).to.equal(3);
    expect(parse(text).map(({ source }) => source)).to.deep.equal(
      ['0.png', '2.png', '0.png'].map((name) => temporary(`some/${name}`)),
    );
    expect(errors).to.include(`skipped ${temporary('some/1.png')}: `);
    expect(errors).to.include('arpg: 1 of 4 images could not be read and were skipped, the first: ');
    write('none/1.png', 'no picture');
    expect(arpg(['tokenize', temporary('none'), '-o', temporary('none.jsonl')]).code).to.equal(3);
    expect(existsSync(temporary('none.jsonl'))).to.equal(false);
  });

  it('refuses to mix the numbers of different classes', () => {
    for (const path of [
      'left/cat/0.png',
      'left/dog/0.png',
      'right/dog/0.png',
      'same/cat/0.png',
      'same/dog/0.png',
    ])
      write(path, picture);
    const mixed = arpg(['tokenize', temporary('left'), temporary('right')]);
    expect([mixed.code, mixed.text]).to.deep.equal([2, '']);
    expect(mixed.errors).to.include('left and ').and.include('right have different classes');
    expect(parse(arpg(['tokenize', temporary('left'), temporary('same')]).text)).to.have.length(4);
  });
});

describe('arpg graph and doctor', () => {
  it('print text, JSON, DOT and SVG, after any pass', () => {
    expect(arpg(['graph', 'train']).text)
      .to.include('crossEntropy')
      .and.include('# layers.self_dec.0.attn');
    expect(arpg(['graph', 'train', '--after', 'decompose']).text)
      .to.include('logSoftmax')
      .and.not.include('crossEntropy');
    expect(graphFromJson(JSON.parse(arpg(['graph', 'step', '--format', 'json']).text)).name).to.equal(
      'arpg-step',
    );
    expect(arpg(['graph', 'decoder', '--format', 'dot']).text).to.match(/^digraph "vq-decoder" \{/);
    // The README shows this picture.
    expect(arpg(['graph', 'step', '--model', 'ARPG-L', '--format', 'svg']).text).to.equal(
      readFileSync(new URL('../../../fixtures/arpg-l.svg', import.meta.url), 'utf8'),
    );
    const table = arpg(['graph', 'step', '--model', 'ARPG-L', '--format', 'table', '--sizes', 'past=7']).text;
    expect(table)
      .to.match(/^arpg-step: 320 M parameters.* past 7\n/)
      .and.include('layers.self_dec.0…11 (12 layers)');
  });

  it('print generated kernels with the operations that they cover', () => {
    const { text } = arpg([
      'graph',
      'step',
      '--kernels',
      '--target',
      'gpujs',
      '--sizes',
      'batch=2,content=4,queries=5,past=9',
    ]);
    expect(text)
      .to.include('// kernel 0: ')
      .and.include('function (a0')
      .and.match(/\/\/ \d+ kernels\n$/);
    expect(text).to.include('layers.self_dec.0.ffn/multiply').and.include('a0: ');
    expect(arpg(['graph', 'step', '--kernels']).errors).to.include('--target gpujs');
  });

  it('doctor runs every target', () => {
    const { targets, default_model } = JSON.parse(arpg(['doctor', '--json']).text);
    expect(targets.find(({ name }: { name: string }) => name === 'onnx').usable).to.equal(true);
    expect(default_model.found).to.equal(true);
    expect(arpg(['doctor']).text).to.match(/^Node.js v/);
  });
});

describe('the models that come with arpg', () => {
  const temporary = temporaryFolder();

  it('digits is the default, and has a name', () => {
    for (const flags of [[], ['--model', 'digits']]) {
      const output = temporary(`seven-${flags.length}.png`);
      const { errors } = arpg(['sample', ...flags, '--class', '7', '--seed', '1', '-o', output], {
        env: flags.length === 0 ? { ARPG_MODEL: '' } : {},
      });
      expect(errors).to.equal(`wrote ${output}: 7, seed 1 (32×32)\n`);
      expect(PNG.sync.read(readFileSync(output))).to.include({ width: 32, height: 32 });
    }
    expect(readFileSync(temporary('seven-0.png')).equals(readFileSync(temporary('seven-2.png')))).to.equal(
      true,
    );
    const unknown = arpg(['sample', '--model', 'digitz', '--class', '7', '-o', temporary('none.png')]);
    expect([unknown.code, unknown.errors.includes('digitz: no such model folder')]).to.deep.equal([3, true]);
  });
});

describe('help', () => {
  for (const command of [
    'sample',
    'inpaint',
    'outpaint',
    'edit',
    'tokenize',
    'detokenize',
    'train',
    'train tokenizer',
    'import',
    'export',
    'pull',
    'graph',
    'doctor',
  ]) {
    it(`${command} --help has a summary and examples`, () => {
      const { code, text } = arpg([...command.split(' '), '--help']);
      expect(code).to.equal(0);
      expect(text).to.include('EXAMPLES').and.include(`$ arpg ${command}`);
    });
  }
});

describe('bad input', () => {
  const temporary = temporaryFolder();
  const png = readFileSync(photo);

  interface BadCase {
    readonly args: readonly string[];
    readonly code: number;
    readonly says: string;
    readonly stdin?: Uint8Array | string;
  }
  const path = (name: string, content: Uint8Array | string) => {
    writeFileSync(temporary(name), content);
    return temporary(name);
  };
  const cases: Readonly<Record<string, () => BadCase>> = {
    'unknown command': () => ({ args: ['smaple'], code: 2, says: "did you mean 'sample'" }),
    'unknown flag': () => ({ args: ['sample', '-c', '1', '--stepz', '3'], code: 2, says: '--stepz' }),
    'no class': () => ({ args: ['edit', photo, '--keep', '0.5'], code: 2, says: 'class' }),
    'unknown class': () => ({ args: ['sample', '-c', '77'], code: 2, says: 'classes 0 to 9' }),
    'too many steps': () => ({ args: ['sample', '-c', '1', '--steps', '99'], code: 2, says: '16 tokens' }),
    'a guidance that is no number': () => ({
      args: ['sample', '-c', '1', '--guidance', 'much'],
      code: 2,
      says: '--guidance much',
    }),
    'an unknown target': () => ({
      args: ['sample', '-c', '1', '--target', 'abacus'],
      code: 2,
      says: "'abacus'",
    }),
    'several images in one file': () => ({
      args: ['sample', '-c', '1', '--count', '2', '-o', temporary('a.png')],
      code: 2,
      says: '--format grid',
    }),
    '--json without -o': () => ({ args: ['sample', '-c', '1', '--json'], code: 2, says: '-o' }),
    'an order with a position twice': () => ({
      args: ['sample', '-c', '1', '--order', path('o.json', '[0,0]')],
      code: 3,
      says: 'o.json',
    }),
    'a truncated PNG': () => ({
      args: ['tokenize', path('cut.png', png.subarray(0, 9000))],
      code: 3,
      says: 'cut.png',
    }),
    'a truncated PNG on stdin': () => ({
      args: ['tokenize', '-'],
      stdin: png.subarray(0, 9000),
      code: 3,
      says: 'stdin',
    }),
    'a missing image': () => ({ args: ['tokenize', temporary('none.png')], code: 3, says: 'no such file' }),
    'an empty folder': () => ({ args: ['tokenize', 'fixtures/golden'], code: 3, says: 'holds no PNG' }),
    'tokens that are no JSON': () => ({
      args: ['detokenize'],
      stdin: '{"tokens":[1\n',
      code: 3,
      says: 'line 1',
    }),
    'tokens that fill no grid': () => ({
      args: ['detokenize'],
      stdin: '{"tokens":[1,2,3]}\n',
      code: 3,
      says: '3 tokens',
    }),
    'tokens outside the codebook': () => ({
      args: ['detokenize'],
      stdin: '{"tokens":[64]}\n',
      code: 3,
      says: 'token 64',
    }),
    'no tokens': () => ({ args: ['detokenize'], stdin: '', code: 3, says: 'no tokens' }),
    'a token beyond 32 bits': () => ({
      args: ['detokenize'],
      stdin: '{"tokens":[4294967299]}\n',
      code: 3,
      says: "stdin: line 1: field 'tokens.0'",
    }),
    'a token after empty lines': () => ({
      args: ['detokenize'],
      stdin: '\n\n{"tokens":[64]}\n',
      code: 3,
      says: 'stdin: line 3: token 64',
    }),
    'more pictures of tokens than fit in memory': () => ({
      args: ['detokenize', '--model', 'digits'],
      stdin: `{"tokens":[${'1,'.repeat(65535)}1],"grid":[1,65536]}\n`.repeat(40),
      code: 3,
      says: '40 images of',
    }),
    '2·10⁹ pictures': () => ({
      args: ['sample', '-c', '1', '--count', '2000000000'],
      code: 2,
      says: '--count',
    }),
    'too many pictures of several classes': () => ({
      args: ['sample', '-c', '1', '-c', '2', '--count', '999999'],
      code: 2,
      says: 'are 1999998 pictures',
    }),
    'a batch of 10⁹': () => ({
      args: ['sample', '-c', '1', '--batch', '1000000000'],
      code: 2,
      says: '--batch',
    }),
    '10⁹ steps': () => ({ args: ['sample', '-c', '1', '--steps', '1000000000'], code: 2, says: '16 tokens' }),
    '10⁹ threads': () => ({
      args: ['sample', '-c', '1', '--threads', '1000000000'],
      code: 2,
      says: '--threads',
    }),
    'class 10⁹': () => ({ args: ['sample', '-c', '1000000000'], code: 2, says: 'classes 0 to 9' }),
    'a training batch of 10⁹': () => ({
      args: ['train', '--data', 'x', '--out', temporary('x'), '--batch', '1000000000'],
      code: 2,
      says: '--batch',
    }),
    'no model': () => ({
      args: ['sample', '-c', '1', '--model', temporary('nowhere')],
      code: 3,
      says: 'no such model folder',
    }),
    'a checkpoint that is none': () => ({
      args: ['import', path('junk.pt', 'junk'), '--config', 'ARPG-L', '-o', temporary('x')],
      code: 3,
      says: 'junk.pt',
    }),
    'a checkpoint of another model': () => ({
      args: ['import', goldenPath('arpg-tiny.pt'), '--config', 'ARPG-L', '-o', temporary('x')],
      code: 3,
      says: 'instead of',
    }),
    'an import without configuration': () => ({
      args: ['import', goldenPath('arpg-tiny.pt'), '-o', temporary('x')],
      code: 2,
      says: '--config',
    }),
    'more memory than there is': () => ({
      args: ['tokenize', '--image-size', '4096', photo],
      code: 4,
      says: 'not enough memory',
    }),
    'an output below a file': () => {
      writeFileSync(temporary('plain-file'), '');
      return {
        args: ['sample', '-c', '1', '-o', temporary('plain-file/no/where.png')],
        code: 5,
        says: 'a part of the path is not a folder',
      };
    },
    'an output folder that exists': () => ({
      args: [...importTiny, '-o', temporary('there')],
      code: 5,
      says: 'already exists',
    }),
  };

  for (const [name, make] of Object.entries(cases)) {
    it(`${name}: one clear line, the right exit code, nothing left behind`, () => {
      mkdirSync(temporary('there'), { recursive: true });
      const { args, code, says, stdin } = make();
      const before = readdirSync(temporary('.')).sort();
      const result = arpg(args, stdin === undefined ? {} : { stdin });
      expect(
        result.errors
          .trim()
          .split('\n')
          .filter((line) => !line.startsWith('seed:')),
        result.errors,
      ).to.have.length(1);
      expect(result.errors)
        .to.match(/^arpg: /m)
        .and.include(says);
      expect(result.code).to.equal(code);
      expect(result.text).to.equal('');
      expect(readdirSync(temporary('.')).sort()).to.deep.equal(before);
    });
  }

  for (const [what, script] of [
    ['zeros to detokenize', 'arpg detokenize < /dev/zero'],
    ['zeros to tokenize', 'arpg tokenize - < /dev/zero'],
    ['lines to detokenize', 'yes | arpg detokenize'],
    ['zeros in the place of a file', 'arpg tokenize /dev/zero'],
  ] as const)
    it(`endless input is refused, and soon: ${what}`, function () {
      if (!existsSync('/dev/zero')) this.skip();
      const memory = 'ulimit -v 12000000;';
      const { code, errors } = shell(`${memory} ${script}`);
      expect(errors).to.match(
        /^arpg: (stdin|\/dev\/zero): more than the 256 MiB that are read at once; split it\n$/,
      );
      expect(code).to.equal(3);
    });

  it('a full disk behind stdout is said, a reader that has gone is not', function () {
    if (!existsSync('/dev/full')) this.skip();
    const full = shell(`arpg sample -c 1 --seed 1 --format tokens > /dev/full`);
    expect(full.errors).to.equal('arpg: stdout: cannot be written: the disk is full\n');
    expect(full.code).to.equal(5);
    const gone = shell(`set -o pipefail; arpg graph step --model ARPG-L --format json | head -c 10`);
    expect(gone.errors).to.equal('');
    expect(gone.code).to.equal(0);
  });

  it('stack traces come with --debug only', () => {
    expect(arpg(['tokenize', temporary('none.png'), '--debug']).errors).to.include('    at ');
    expect(arpg(['tokenize', temporary('none.png')], { env: { DEBUG: 'arpg' } }).errors).to.include(
      '    at ',
    );
  });
});
