import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { modelCard } from '../../src/models/modelCard.js';
import { input, makeGraph, multiply, scope } from '../../src/dsl/index.js';
import { drawDot, drawSvg, drawTable } from '../../src/inspect/draw.js';
import { printGraph } from '../../src/inspect/print.js';
import { exportGpujs, exportOnnx, exportSafetensors, load, type Model } from '../../src/index.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { decodeOnnxModel } from '../../src/targets/onnx/onnxSchema.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';

/** Sets a mark that the tests look for wherever a text is taken for code. */
const CODE = 'globalThis.injected=true';

const HOSTILE = [
  `x\n${CODE}`,
  `x\r${CODE}`,
  `x\r\n${CODE}`,
  `x\u2028${CODE}`,
  `x\u2029${CODE}`,
  `</script><script>${CODE}</script>`,
  `</SCRIPT ><!--<script>${CODE}`,
  `"+(${CODE})+"`,
  `';${CODE};'`,
  `\`+\${${CODE}}+\``,
  `*/${CODE}/*`,
  ']]>&amp;&lt;"\'',
  '---\n---\n',
  '```\n```sh\nrm -rf /\n',
  '| a | b |\n|---|---|',
  '\u001b]0;title\u0007\u001b[31m\u009b31m\u202e\u2066',
  '$(touch injected) `touch injected` ; touch injected',
  '\ud800 half',
  '__proto__',
];

const LINE_END = /[\n\r\u0085\u2028\u2029]/;

describe('hostile names and licences', () => {
  const temporary = temporaryFolder();
  let plain: Model;
  before(async () => {
    await writeEditableModel(temporary('editable'));
    plain = await load(temporary('editable'), { target: 'reference' });
  });
  after(() => plain.dispose());

  /** The model with another licence, labels and folder name. */
  const named = (text: string): Model => ({
    ...plain,
    folder: `/models/${text.replaceAll('/', '_')}`,
    generator: {
      ...plain.generator,
      license: text,
      labels: Array.from({ length: 10 }, (_, index) => (index < 9 ? `${text}${index}` : '__proto__')),
    },
  });

  it('an exported module runs none of them, and its labels are the same', async () => {
    // Line ends one by one, since the first could hide the next; the others together.
    const texts = [...HOSTILE.slice(0, 6), HOSTILE.slice(6).join(' ')];
    for (const [index, text] of texts.entries()) {
      const model = named(text);
      const code = await exportGpujs(model, { mode: 'cpu', steps: 1 });
      expect(code, text).to.not.match(/<\/script|<!--|<script/i);
      const header = code.slice(0, code.indexOf('const kernels')).split(LINE_END);
      expect(header.length).to.be.above(6);
      for (const line of header) expect(line, text).to.match(/^(\/\/|$)/);
      writeFileSync(temporary(`page${index}.mjs`), code);
      const page = (await import(pathToFileURL(temporary(`page${index}.mjs`)).href)) as {
        readonly labels: readonly string[];
        load(gpu: unknown): { readonly labels: readonly string[]; dispose(): Promise<void> };
      };
      expect(page.labels).to.deep.equal(model.generator.labels);
      const loaded = page.load(createRequire(import.meta.url)('gpu.js'));
      expect(loaded.labels).to.deep.equal(model.generator.labels);
      await loaded.dispose();
      expect(globalThis).to.not.have.property('injected');
    }
  }).timeout(120_000);

  it('ONNX and safetensors files carry them as they are', async () => {
    const whole = HOSTILE.filter((text) => !/\p{Cs}/u.test(text));
    for (const text of whole) {
      const model = named(text);
      await exportOnnx(model, 'step', temporary('step.onnx'));
      const { metadataProps = [] } = decodeOnnxModel(readFileSync(temporary('step.onnx')));
      const metadata = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
      expect(metadata.license).to.equal(text);
      expect(JSON.parse(metadata.labels!)).to.deep.equal(model.generator.labels);
      await exportSafetensors(model, 'generator', temporary('model.safetensors'));
      expect(openSafetensors(temporary('model.safetensors')).metadata.license).to.equal(text);
    }
  });

  it('a model card keeps its parts', () => {
    for (const text of HOSTILE) {
      const { generator } = named(text);
      const lines = modelCard(text, { generator }).split(LINE_END);
      expect(lines.flatMap((line, index) => (line === '---' ? [index] : []))).to.deep.equal([0, 4]);
      expect(JSON.parse(/^license: (".*")$/.exec(lines[2]!)![1]!)).to.equal(text);
      expect(lines.filter((line) => line.startsWith('```'))).to.deep.equal(['```sh', '```']);
      expect(lines[6]).to.match(/^# /);
      expect(lines.slice(5, lines.indexOf('```sh')).join('\n')).to.not.match(/<|(^|[^\\])[`[\]|]/);
      const example = lines.find((line) => line.startsWith('arpg sample --model '))!;
      expect(example).to.match(/--class 0 -o picture\.png$/);
      const quoted = example.slice('arpg sample --model '.length, -' --class 0 -o picture.png'.length);
      expect(quoted).to.match(/^([\w./-]+|'([^']|'\\'')*')$/);
    }
  });

  it('drawings and printed graphs show them as text', () => {
    for (const text of HOSTILE) {
      const x = input(text, 'f32', [2]);
      const y = scope(text.replaceAll('.', '_'), () => multiply(x, 2));
      const graph = makeGraph(text, [x], { [`${text} out`]: y });
      for (const depth of [0, 2]) {
        const options = { depth, bindings: {} };
        const svg = drawSvg(graph, options);
        expect(svg).to.not.match(/<script|<!--|\]\]>|&(?!amp;|lt;|gt;|quot;)/i);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: XML allows none of them
        expect(svg).to.not.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2066\ud800-\udfff]/);
        expect(svg.match(/<\/?svg/g)).to.have.length(2);
        const dot = drawDot(graph, options).split('\n');
        for (const line of dot.slice(1, -2)) expect(line).to.match(/^ {2}("([^"\\]|\\.)*"|[^"])*;$/);
        expect(dot[0]).to.match(/^digraph "([^"\\]|\\.)*" \{$/);
        expect(drawTable(graph, options).split(LINE_END)).to.have.length(4);
      }
      const printed = printGraph(graph).split(LINE_END);
      expect(printed).to.have.length(9);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal acts on them
      expect(printed.join('')).to.not.match(/[\u0000-\u001f\u007f-\u009f\u202e\u2066]/);
    }
  });
});
