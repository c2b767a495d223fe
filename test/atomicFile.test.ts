import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  checkWritable,
  writeFileAtomically,
  writeFolderAtomically,
  writeOutputFile,
} from '../src/atomicFile.js';
import { OutputError, systemReason } from '../src/errors.js';
import { arpg, shell } from './support/cli.js';
import { temporaryFolder } from './support/temporary.js';

const bytes = (text: string) => [new TextEncoder().encode(text)];
const isRoot = process.getuid?.() === 0;

describe('files written as a whole', () => {
  const temporary = temporaryFolder();
  const text = (name: string) => readFileSync(temporary(name), 'utf8');
  const leftovers = () =>
    readdirSync(temporary(''), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes('.partial'),
    );
  afterEach(() => expect(leftovers()).to.deep.equal([]));

  /** The message of a refusal before any work, which that of writing must be, too. */
  const refusalOf = (path: string): string => {
    const messages = [() => checkWritable(path), () => writeFileAtomically(path, bytes('new'))].map((run) => {
      try {
        run();
      } catch (error) {
        expect(error).to.be.instanceOf(OutputError);
        return (error as Error).message;
      }
      return 'none';
    });
    expect(messages[0]).to.equal(messages[1]);
    return messages[0]!;
  };

  it('a link stays one: what it leads to is written, whether it was there or not', () => {
    mkdirSync(temporary('far'));
    writeFileSync(temporary('far/real'), 'old');
    symlinkSync('real', temporary('far/second'));
    symlinkSync('far/second', temporary('first'));
    writeFileAtomically(temporary('first'), bytes('new'));
    expect(text('far/real')).to.equal('new');
    expect([readlinkSync(temporary('first')), readlinkSync(temporary('far/second'))]).to.deep.equal([
      'far/second',
      'real',
    ]);
    symlinkSync('made/later', temporary('dangling'));
    writeFileAtomically(temporary('dangling'), bytes('new'));
    expect(text('made/later')).to.equal('new');
    symlinkSync(temporary('far'), temporary('linked-folder'));
    symlinkSync('../up', temporary('far/up'));
    writeFileAtomically(temporary('linked-folder/up'), bytes('above'));
    expect(text('up')).to.equal('above');
  });

  it('modes stay, and the owner where that is allowed', () => {
    for (const mode of [0o600, 0o640, 0o755, 0o444 | 0o200]) {
      writeFileSync(temporary('mode'), 'old');
      chmodSync(temporary('mode'), mode);
      if (isRoot) chownSync(temporary('mode'), 12, 34);
      writeFileAtomically(temporary('mode'), bytes('new'));
      const { mode: kept, uid, gid } = statSync(temporary('mode'));
      expect((kept & 0o7777).toString(8)).to.equal(mode.toString(8));
      if (isRoot) expect([uid, gid]).to.deep.equal([12, 34]);
    }
    writeFileAtomically(temporary('fresh'), bytes('new'));
    expect(statSync(temporary('fresh')).mode & 0o777).to.equal(0o666 & ~process.umask());
  });

  it('missing folders are made, for files and for folders', async () => {
    writeFileAtomically(temporary('one/two/file'), bytes('new'));
    expect(text('one/two/file')).to.equal('new');
    await writeFolderAtomically(temporary('three/four'), (folder) =>
      writeFileAtomically(join(folder, 'file'), bytes('new')),
    );
    expect(text('three/four/file')).to.equal('new');
    symlinkSync('three/five', temporary('to-folder'));
    await writeFolderAtomically(temporary('to-folder'), (folder) => writeFileSync(join(folder, 'x'), 'x'));
    expect(text('three/five/x')).to.equal('x');
    expect(lstatSync(temporary('to-folder')).isSymbolicLink()).to.equal(true);
  });

  it('folders that the system cannot make are refused at once', function () {
    if (process.platform !== 'linux') this.skip();
    expect(() => writeFileAtomically('/proc/no-such/folder/file', bytes('x'))).to.throw(
      OutputError,
      '/proc/no-such',
    );
  });

  it('names may be as long as the system allows', () => {
    const longest = 'n'.repeat(255);
    writeFileAtomically(temporary(longest), bytes('new'));
    expect(text(longest)).to.equal('new');
  });

  it('refuses before any work what will not do, in words that name the path given', async () => {
    writeFileSync(temporary('file'), 'kept');
    symlinkSync('b', temporary('a'));
    symlinkSync('a', temporary('b'));
    mkdirSync(temporary('folder'));
    const refused: Readonly<Record<string, string>> = {
      'file/below': 'a part of the path is not a folder',
      'file/far/below': 'a part of the path is not a folder',
      'file/': 'a part of the path is not a folder',
      a: 'its links lead in a circle',
      folder: 'it is a folder',
      ['n'.repeat(256)]: 'the name is too long',
      [`missing/${'n'.repeat(256)}`]: 'the name is too long',
      [`missing/${'n'.repeat(256)}/x`]: 'the name is too long',
    };
    for (const [name, reason] of Object.entries(refused))
      expect(refusalOf(temporary(name))).to.equal(`${temporary(name)}: cannot be written: ${reason}`);
    expect(text('file')).to.equal('kept');
    expect(existsSync(temporary('missing'))).to.equal(false);
    for (const name of ['file/below', 'a', 'n'.repeat(256)]) {
      const failure = await writeFolderAtomically(temporary(name), () => {}).catch((error: Error) => error);
      expect((failure as Error).message).to.include(`${temporary(name)}: cannot be written`);
    }
  });

  it('a failure in a folder names the folder that it was to be', async () => {
    const failure = await writeFolderAtomically(temporary('whole'), (folder) =>
      writeFileAtomically(join(folder, 'n'.repeat(300)), bytes('x')),
    ).catch((error: Error) => error);
    expect((failure as Error).message).to.equal(
      `${temporary('whole')}/${'n'.repeat(300)}: cannot be written: the name is too long`,
    );
  });

  it("what the system says without words of ours comes without the system's path", () => {
    const error = Object.assign(new Error("EUNKNOWN: some meaning, open '/x/.hidden.partial'"), {
      code: 'EUNKNOWN',
      syscall: 'open',
    });
    expect(systemReason(error)).to.equal('some meaning');
  });

  it('a hard link to a file that is replaced keeps the old content', () => {
    writeFileSync(temporary('linked'), 'old');
    linkSync(temporary('linked'), temporary('other-name'));
    writeFileAtomically(temporary('linked'), bytes('new'));
    expect([text('linked'), text('other-name')]).to.deep.equal(['new', 'old']);
  });

  it('a FIFO stays one and gets the bytes', async () => {
    spawnSync('mkfifo', [temporary('fifo')]);
    checkWritable(temporary('fifo'));
    const reader = spawn('cat', [temporary('fifo')]);
    const read: Buffer[] = [];
    reader.stdout.on('data', (chunk: Buffer) => read.push(chunk));
    await writeOutputFile(temporary('fifo'), [...bytes('thr'), ...bytes('ough')]);
    await new Promise((resolve) => reader.on('close', resolve));
    expect(Buffer.concat(read).toString()).to.equal('through');
    expect(lstatSync(temporary('fifo')).isFIFO()).to.equal(true);
  });
});

describe('output of commands', () => {
  const temporary = temporaryFolder();
  const TOKENS = 'arpg sample --class 1 --seed 1 --format tokens --quiet';

  it('goes straight to devices, which stay what they are', () => {
    const before = lstatSync('/dev/null');
    const { code } = shell(`${TOKENS} -o /dev/null`);
    expect([code, lstatSync('/dev/null').rdev]).to.deep.equal([0, before.rdev]);
    expect(lstatSync('/dev/null').isCharacterDevice()).to.equal(true);
  });

  it('goes to /dev/stdout as it would to stdout', () => {
    const direct = shell(TOKENS);
    expect(shell(`${TOKENS} -o /dev/stdout | cat`).text).to.equal(direct.text);
    const script = `{ echo before; ${TOKENS} -o /dev/stdout; echo after; } > '${temporary('all')}'`;
    expect(shell(script).code).to.equal(0);
    expect(readFileSync(temporary('all'), 'utf8')).to.equal(`before\n${direct.text}after\n`);
  });

  it('a full disk behind stdout is one line and exit 5, for the help, the version and results alike', () => {
    for (const args of ['--help', '--version', 'doctor', 'graph decoder']) {
      const { code, errors } = shell(`arpg ${args} > /dev/full`);
      const own = errors.split('\n').filter((line) => line.startsWith('arpg:'));
      expect([code, own], args).to.deep.equal([5, ['arpg: stdout: cannot be written: the disk is full']]);
      expect(errors).to.not.match(/^ +at .*\.js/m);
    }
  }).timeout(120_000);

  it('a reader that has seen enough ends the program quietly', () => {
    for (const args of ['--help', 'graph decoder']) {
      const { errors, text } = shell(`{ arpg ${args}; echo "exit $?" >&2; } | head -c 1`);
      expect([text.length, errors.trim()], args).to.deep.equal([1, 'exit 0']);
    }
  });

  it('closed outputs are no reason to crash', () => {
    for (const closed of ['>&- 2>&-', '2>/dev/full', '2> >(true)']) {
      const { code } = shell(`arpg sample --class 1 --seed 1 --format tokens --verbose ${closed}`);
      expect(code, closed).to.equal(0);
    }
  }).timeout(120_000);

  it('a FIFO whose reader leaves early is output that could not be written', () => {
    spawnSync('mkfifo', [temporary('left')]);
    const { code, errors } = shell(
      `(head -c 10 '${temporary('left')}' > /dev/null) & arpg sample --class 1 --count 2000 --steps 1 --seed 1 --batch 500 --format npz -o '${temporary('left')}'`,
    );
    expect([code, errors.includes('nobody reads it any more')], errors).to.deep.equal([5, true]);
  });

  it('a FIFO that nobody reads can be left with a signal', async () => {
    spawnSync('mkfifo', [temporary('fifo')]);
    const program = spawn('bash', [
      '-c',
      `exec '${process.execPath}' dist/src/cli/main.js graph decoder -o '${temporary('fifo')}'`,
    ]);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(program.exitCode).to.equal(null);
    program.kill('SIGINT');
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      program.on('close', (...ended) => resolve(ended)),
    );
    // A busy machine may not have come to the FIFO yet, where the system handles signals.
    expect(signal ?? code).to.be.oneOf(['SIGINT', 130]);
  });

  it('never takes the place of the files of the model it comes from', () => {
    const model = temporary('model');
    const copied = spawnSync('cp', ['-r', 'fixtures/models/tiny', model]);
    expect(copied.status).to.equal(0);
    const weights = join(model, 'model.safetensors');
    symlinkSync(weights, temporary('link.safetensors'));
    linkSync(weights, temporary('hard.onnx.data'));
    linkSync(weights, temporary('hard.png'));
    const before = readFileSync(weights);
    const refused = [
      ['export', '--format', 'safetensors', '-o', weights],
      ['export', '--format', 'pt', '-o', temporary('link.safetensors')],
      ['export', '--format', 'onnx', '--graph', 'step', '--external-data', '-o', temporary('hard.onnx')],
      [
        'export',
        '--format',
        'onnx',
        '--graph',
        'decoder',
        '-o',
        join(model, 'tokenizer/../tokenizer/model.safetensors'),
      ],
      ['export', '--format', 'gpujs', '-o', join(model, 'config.json')],
      ['graph', 'decoder', '-o', join(model, 'tokenizer/config.json')],
      ['sample', '--class', '1', '-o', temporary('hard.png')],
    ];
    for (const args of refused) {
      const { code, errors } = arpg([...args, '--model', model]);
      expect([code, errors.trim().split('\n').length], errors).to.deep.equal([2, 1]);
      expect(errors).to.include(`is a file of the model in ${model}`);
    }
    expect(readFileSync(weights).equals(before)).to.equal(true);
    expect(arpg(['graph', 'decoder', '-o', join(model, 'new.txt'), '--model', model]).code).to.equal(0);
  }).timeout(120_000);
});

describe('what a killed process left half written', () => {
  const temporary = temporaryFolder();

  it('is removed by the next one that writes there, but not what others are writing', async () => {
    const script = `
      const { writeFileAtomically } = await import(${JSON.stringify(new URL('../src/atomicFile.js', import.meta.url).href)});
      function* chunks() { yield new Uint8Array(10); process.kill(process.pid, 'SIGKILL'); }
      writeFileAtomically(${JSON.stringify(temporary('killed.bin'))}, chunks());`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(signal).to.equal('SIGKILL');
    const partial = () => readdirSync(temporary('.')).filter((name) => name.endsWith('.partial'));
    expect(partial()).to.have.length(1);
    const others = [
      '.arpg-00000000-1-aaaa.partial',
      `.arpg-${partial()[0]!.split('-')[1]}-${process.pid}-bbbb.partial`,
    ];
    for (const name of [...others, 'mine.partial']) writeFileSync(temporary(name), 'x');
    const next = `
      const { writeFileAtomically } = await import(${JSON.stringify(new URL('../src/atomicFile.js', import.meta.url).href)});
      writeFileAtomically(${JSON.stringify(temporary('next.bin'))}, [new Uint8Array(1)]);`;
    expect(spawnSync(process.execPath, ['--input-type=module', '-e', next]).status).to.equal(0);
    expect(partial().sort()).to.deep.equal([...others, 'mine.partial'].sort());
  });
});
