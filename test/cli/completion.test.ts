import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { answerShell, joinWords } from '../../src/cli/completion/answer.js';
import { complete } from '../../src/cli/completion/complete.js';
import { COMPLETE_COMMAND, completionScript, SHELLS } from '../../src/cli/completion/scripts.js';
import { commandShapes } from '../../src/cli/manifest.js';
import { arpg, ARPG_SHELL } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const commands = commandShapes();
const words = (...typed: readonly string[]) => complete(typed, commands)?.map(({ word }) => word);

describe('completion', () => {
  it('knows commands, also those of two words', () => {
    expect(words('')).to.include.members(['sample', 'models', 'train', 'completion']);
    expect(words('ou')).to.deep.equal(['outpaint']);
    expect(words('train', '')).to.deep.equal(['tokenizer']);
    expect(words('train', 'tok')).to.deep.equal(['tokenizer']);
    expect(words('help', 'train', 't')).to.deep.equal(['tokenizer']);
    expect(words('nothing', '')).to.deep.equal([]);
  });

  it('knows flags, of which those that were given once are left out', () => {
    expect(words('sample', '--gui')).to.deep.equal([
      '--guidance',
      '--guidance-schedule',
      '--guidance-interval',
    ]);
    expect(words('sample', '--steps', '3', '--ste')).to.deep.equal([]);
    expect(words('sample', '-c', '3', '--cl')).to.deep.equal(['--class']);
    expect(words('inpaint', '--no-c')).to.deep.equal(['--no-composite']);
    expect(words('train', 'tokenizer', '--image')).to.deep.equal(['--image-size']);
    expect(words('sample', '-')).to.include.members(['-m', '-s', '--help']);
    expect(words('sample', '--', '--st')).to.deep.equal([]);
  });

  it('knows values: options, targets, models and classes of the model that is named', () => {
    expect(words('sample', '--schedule', 'ar')).to.deep.equal(['arccos']);
    expect(words('sample', '--schedule=ar')).to.deep.equal(['--schedule=arccos']);
    expect(words('sample', '-t', 'gpujs:w')).to.deep.equal(['gpujs:webgpu', 'gpujs:webgl', 'gpujs:webasm']);
    expect(words('sample', '-m', 'em')).to.deep.equal(['emoji']);
    expect(words('sample', '-m', 'emoji', '-c', 'evergr')).to.deep.equal(['evergreen_tree']);
    expect(words('sample', '--model=emoji', '--class=food/fr')).to.include('--class=food/fruit');
    expect(words('sample', '-m', 'digits', '-c', '')).to.have.length(10);
    expect(words('models', 'emoji', '--classes', 'PALM_T')).to.deep.equal(['palm_tree']);
    expect(words('graph', 'dec')).to.deep.equal(['decoder']);
  });

  it('leaves files to the shell, and has nothing where a number is to come', () => {
    for (const typed of [
      ['inpaint', ''],
      ['sample', '-o', ''],
      ['inpaint', 'x.png', '--mask', 'm'],
      ['tokenize', 'a', 'b'],
    ])
      expect(words(...typed), typed.join(' ')).to.equal(undefined);
    for (const typed of [
      ['sample', '--steps', ''],
      ['sample', 'x'],
    ])
      expect(words(...typed), typed.join(' ')).to.deep.equal([]);
  });

  it('answers bash with what it has not broken off', () => {
    expect(joinWords(['sample', '--class', '=', 'x', '-t', 'gpujs', ':', 'w'])).to.deep.equal([
      'sample',
      '--class=x',
      '-t',
      'gpujs:w',
    ]);
    const typed = ['sample', '-t', 'gpujs', ':', 'weba'];
    expect(answerShell('bash', typed, commands)).to.equal('words\nwebasm\n');
    expect(answerShell('bash', ['sample', '--schedule', '='], commands)).to.include('\narccos\n');
    expect(answerShell('fish', ['sample', '--schedule=ar'], commands)).to.equal('words\n--schedule=arccos\n');
    expect(answerShell('zsh', ['inpaint', ''], commands)).to.equal('files\n');
  });
});

/** Lines whose last word one word completes. */
const LINES: readonly (readonly [line: string, word: string])[] = [
  ['arpg sample --schedule ar', 'arccos'],
  ['arpg sample --schedule=ar', '--schedule=arccos'],
  ['arpg sample -m emoji -c evergr', 'evergreen_tree'],
  ['arpg sample -m emoji -c "evergr', 'evergreen_tree'],
  ['arpg inpaint pic', 'picture.png'],
  ['arpg inpaint x --mask=pic', '--mask=picture.png'],
];

describe('completion scripts', () => {
  const temporary = temporaryFolder();
  const hasShell = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

  before(() => {
    mkdirSync(temporary('bin'));
    writeFileSync(temporary('bin/arpg'), `#!/bin/sh\nexec ${ARPG_SHELL} "$@"\n`);
    chmodSync(temporary('bin/arpg'), 0o755);
    mkdirSync(temporary('work'));
    writeFileSync(temporary('work/picture.png'), '');
    for (const shell of SHELLS) writeFileSync(temporary(shell), completionScript(shell));
  });

  it('are printed by the command, and ask the hidden one', () => {
    for (const shell of SHELLS) {
      const { text, errors } = arpg(['completion', shell]);
      expect([text, errors]).to.deep.equal([completionScript(shell), '']);
      expect(text).to.include(COMPLETE_COMMAND);
    }
    expect(arpg(['completion', 'powershell']).code).to.equal(2);
  });

  it('bash completes command lines through them', () => {
    const script = `source '${temporary('bash')}'
      compopt() { compopt_args="$*"; }
      try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt_args=; _arpg; echo "\${COMPREPLY[*]}|$compopt_args"; }
      try arpg samp
      try arpg sample --schedule ar
      try arpg sample --schedule = ar
      try arpg sample -m emoji -c evergr
      try arpg sample -m emoji -c '"evergr'
      try arpg inpaint ''
      complete -p arpg`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: temporary('work'),
      env: { ...process.env, PATH: `${temporary('bin')}:${process.env.PATH}` },
    });
    expect(stdout.toString().trim().split('\n'), stderr.toString()).to.deep.equal([
      'sample|+o default',
      'arccos|+o default',
      'arccos|+o default',
      'evergreen_tree|+o default',
      'evergreen_tree|+o default',
      '|',
      'complete -o default -F _arpg arpg',
    ]);
  });

  it('zsh and fish take them, where they are installed', () => {
    for (const shell of ['zsh', 'fish'].filter(hasShell)) {
      const { status, stderr } = spawnSync(shell, ['-n', temporary(shell)]);
      expect([status, stderr.toString()], shell).to.deep.equal([0, '']);
    }
  });

  it('fish completes command lines through them, where it is installed', function () {
    if (!hasShell('fish')) this.skip();
    const lines = LINES.map(([line]) => `complete -C ${JSON.stringify(line)}; echo .`).join('; ');
    const { stdout, stderr } = spawnSync(
      'fish',
      ['--no-config', '-c', `source '${temporary('fish')}'; ${lines}`],
      {
        cwd: temporary('work'),
        env: { ...process.env, PATH: `${temporary('bin')}:${process.env.PATH}` },
      },
    );
    expect(stdout.toString().split('\n.\n').slice(0, -1), stderr.toString()).to.deep.equal(
      LINES.map(([, word]) => word),
    );
  });

  it('zsh completes command lines through them, where it is installed', function () {
    if (!hasShell('zsh')) this.skip();
    // A shell in a terminal of its own; a key completes all lines and writes them down.
    const typed = LINES.map(([line]) => `'${line}'`).join(' ');
    writeFileSync(
      temporary('keys'),
      `source '${temporary('zsh')}'
      try() { for BUFFER in ${typed}; do
        CURSOR=$#BUFFER; zle complete-word; print -r -- "$BUFFER" >> '${temporary('completed')}'
      done; print 'do''ne' }
      zle -N try; bindkey '^T' try; print 'rea''dy'`,
    );
    const script = `zmodload zsh/zpty; zpty shell 'TERM=dumb zsh -f -i'; zpty -w shell "source '${temporary('keys')}'"
      zpty -r -m shell seen '*ready*'; zpty -w -n shell $'\\C-t'; zpty -r -m shell seen '*done*'`;
    const { status, stderr } = spawnSync('zsh', ['-f', '-c', script], {
      ...{ cwd: temporary('work'), timeout: 60_000 },
      env: { ...process.env, PATH: `${temporary('bin')}:${process.env.PATH}` },
    });
    expect(status, stderr.toString()).to.equal(0);
    const completed = readFileSync(temporary('completed'), 'utf8').trimEnd().split('\n');
    expect(completed.map((line) => line.trimEnd())).to.deep.equal(
      LINES.map(([line, word]) => {
        const [quote = ''] = /"/.exec(line) ?? [];
        return `${line.slice(0, line.search(/[^ ]*$/))}${quote}${word}${quote}`;
      }),
    );
  });

  it('a key press is answered without loading the program', () => {
    const started = performance.now();
    const { text } = arpg([COMPLETE_COMMAND, 'fish', 'sample', '--cla']);
    expect(text).to.match(/^words\n--class\t/);
    expect(performance.now() - started).to.be.below(5000);
  });
});
