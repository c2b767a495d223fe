import { writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { InputError } from '../../src/errors.js';
import { JsonError, parseJson } from '../../src/files/jsonText.js';
import { readJsonFile, validator } from '../../src/jsonFile.js';
import { temporaryFolder } from '../support/temporary.js';

describe('JSON text', () => {
  it('is parsed as ever, with a byte order mark or without', () => {
    const value = { a: [1, { b: 'x"{[}\\' }], 'c\\"d': null, e: { a: 1 }, f: [{ a: 1 }, { a: 2 }] };
    expect(parseJson(JSON.stringify(value))).to.deep.equal(value);
    expect(parseJson(`\uFEFF${JSON.stringify(value, null, 2)}`)).to.deep.equal(value);
    expect(parseJson('"\\\\"')).to.equal('\\');
  });

  it('a field that is there twice is named, also under another spelling', () => {
    expect(() => parseJson('{"dim": 1, "x": {"dim": 2}, "dim": 3}')).to.throw(
      JsonError,
      "'dim' is there twice",
    );
    expect(() => parseJson('[{"a":1,"\\u0061" :2}]')).to.throw(JsonError, "'a' is there twice");
    expect(() => parseJson('{"__proto__":1,"__proto__":2}')).to.throw(JsonError, 'twice');
  });

  it('deep nesting is refused at once, deep enough nesting is not', () => {
    expect(() => parseJson('['.repeat(5e6))).to.throw(JsonError, 'nested deeper than 200');
    expect(() => parseJson('{"a":'.repeat(300))).to.throw(JsonError, 'nested deeper than 200');
    expect(() => parseJson(`${'['.repeat(200)}${']'.repeat(200)}`)).to.not.throw();
  });

  it('floods of values are refused before they are made', () => {
    const fields = Array.from({ length: 3e5 }, (_, index) => `"${index}":1`).join();
    for (const [text, reason] of [
      [`[${'[],'.repeat(2e6)}[]]`, 'more than 1048576 values'],
      [`[${'1,'.repeat(2e6)}1]`, 'more than 1048576 values'],
      [`{${fields}}`, 'more than 262144 fields'],
    ] as const)
      expect(() => parseJson(text)).to.throw(JsonError, reason);
    expect(parseJson(`[${'1,'.repeat(1e6)}1]`)).to.have.length(1e6 + 1);
  });

  it('what is wrong is said without control characters', () => {
    for (const text of ['', '{', '"a', '{"a" 1}', ']]]]', '{"a\u001b[31m": 1', '\u001b[2J'])
      expect(() => parseJson(text))
        .to.throw(JsonError, 'not valid JSON')
        .with.property('message')
        .that.does.not.match(/\p{Cc}/u);
  });
});

describe('JSON files', () => {
  const temporary = temporaryFolder();

  it('in any encoding that Windows programs choose hold the same', () => {
    const text = '{"name": "grün"}';
    const files = {
      'utf-8': Buffer.from(text),
      'utf-8 with mark': Buffer.from(`\uFEFF${text}`),
      'utf-16le': Buffer.from(`\uFEFF${text}`, 'utf16le'),
      'utf-16be': Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
    };
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(temporary(name), bytes);
      expect(readJsonFile(temporary(name)), name).to.deep.equal({ name: 'grün' });
    }
  });

  it('that are missing, folders, endless, too large or no JSON are named', () => {
    writeFileSync(temporary('large.json'), ' '.repeat(33 * 2 ** 20));
    writeFileSync(temporary('deep.json'), '['.repeat(1e6));
    for (const [path, reason] of [
      [temporary('none'), 'no such file'],
      [temporary('.'), 'it is a folder'],
      ['/dev/zero', 'too large for a JSON file'],
      [temporary('large.json'), 'more than 32 MiB'],
      [temporary('deep.json'), 'nested deeper'],
    ] as const)
      expect(() => readJsonFile(path))
        .to.throw(InputError, reason)
        .with.property('message')
        .that.includes(path);
  });

  it('may come through a pipe', () => {
    const program = `import('${new URL('../../src/jsonFile.js', import.meta.url).href}').then(({ readJsonFile }) =>
      console.log(JSON.stringify(readJsonFile('/dev/stdin'))))`;
    const pipe = `echo ' {"a": [1]}' | "$0" -e "$1"`;
    const output = execFileSync('sh', ['-c', pipe, process.execPath, program], { encoding: 'utf8' });
    expect(output.trim()).to.equal('{"a":[1]}');
  });

  it('fields with long or odd names are quoted in part', () => {
    const check = validator<{ readonly a: number }>({
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'number' } },
      additionalProperties: { type: 'number' },
    } as never);
    const name = `\u001b[31m${'x'.repeat(1e6)}`;
    expect(() => check({ a: 1, [name]: 'text' }, 'file.json'))
      .to.throw(InputError, 'must be number')
      .with.property('message')
      .that.satisfies((message: string) => message.length < 300 && !message.includes('\u001b'));
  });
});
