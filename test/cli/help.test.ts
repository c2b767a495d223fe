import { expect } from 'chai';
import { breakCommand, describeFlag, labelOf, paragraphsOf, usageOf } from '../../src/cli/commandUsage.js';
import { GROUP_ORDER } from '../../src/cli/flagGroups.js';
import { commandName, commandShapes } from '../../src/cli/manifest.js';
import { arpg, ARPG_SHELL } from '../support/cli.js';
import { onTerminal } from '../support/pty.js';

const commands = commandShapes();

describe('help', () => {
  it('fits terminals of 40 and 120 columns, and wider ones get no longer lines', function () {
    for (const [columns, widest] of [
      [40, 40],
      [120, 120],
      [200, 120],
    ] as const)
      for (const args of ['', 'sample', 'import']) {
        const text = onTerminal(`${ARPG_SHELL} help ${args}`, columns);
        if (text === undefined) return this.skip();
        const lengths = text.split(/\r?\n/).map((line) => [...line].length);
        expect(Math.max(...lengths), `${args} at ${columns}`).to.be.within(widest - 15, widest);
      }
  });

  it('lists each command once, and the exit codes', () => {
    const { text } = arpg([]);
    for (const command of commands)
      expect(text.match(new RegExp(`^  ${commandName(command)}  +\\S`, 'gm')), command.id).to.have.length(1);
    expect(text)
      .to.include('$ arpg COMMAND [flags]')
      .and.match(/^ {2}6 +the network/m);
    expect(text).to.not.include('TOPICS');
  });

  it('is the same whichever way it is asked for', () => {
    const texts = [
      ['sample', '--help'],
      ['sample', '-h'],
      ['help', 'sample'],
    ].map((args) => arpg(args).text);
    expect(new Set(texts).size).to.equal(1);
    expect(texts[0])
      .to.include('$ arpg sample')
      .and.include('\nSAMPLING FLAGS\n')
      .and.include('-s, --seed N');
    const headings = texts[0]!.match(/^[A-Z ]*FLAGS[A-Z ]*$/gm);
    expect(headings).to.deep.equal([
      ...['FLAGS', 'MODEL FLAGS', 'SAMPLING FLAGS', 'OUTPUT FLAGS', 'MACHINE FLAGS'],
      ...['FLAGS OF SOME SYSTEMS', 'DEBUGGING FLAGS'],
    ]);
  });

  it('the version is told by -v, --version and version', () => {
    const texts = ['-v', '--version', 'version'].map((arg) => arpg([arg]).text);
    expect(new Set(texts).size).to.equal(1);
    expect(texts[0]).to.match(/^arpg\/\d+\.\d+\.\d+ \S+ node-v\d/);
  });

  it('misspelt commands, flags and values are answered with what was meant', () => {
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['sample', '--clas', '3'], "there is no flag --clas; did you mean '--class'? See --help"],
      [['tokenize', '--size', '8'], "did you mean '--image-size'?"],
      [['sample', '3'], "sample takes no argument '3'; see arpg sample --help"],
      [['train', 'tokeniser'], "there is no command 'train tokeniser'; did you mean 'train tokenizer'?"],
      [['help', 'smaple'], "there is no command 'smaple'; did you mean 'sample'?"],
      [['sample', '--steps', 'many'], '--steps many is not a whole number; see --help'],
      [['sample', '--steps', '0'], '--steps 0 is not a whole number ≥ 1; see --help'],
      [['sample', '--format', 'jpx'], '--format jpx is none of png, jpeg, webp'],
      [['xyzzy'], "there is no command 'xyzzy'; see arpg --help"],
    ];
    for (const [args, says] of cases) {
      const { code, errors } = arpg(args);
      expect(code, errors).to.equal(2);
      expect(errors).to.include(says);
      expect(errors.trimEnd().split('\n'), errors).to.have.length(1);
    }
  });
});

describe('flags', () => {
  const SHORT = { m: 'model', s: 'seed', n: 'count', t: 'target', q: 'quiet', v: 'verbose', c: 'class' };

  it('have the same short forms in every command, and known groups', () => {
    for (const { id, flags } of commands)
      for (const [name, { char, helpGroup }] of Object.entries(flags)) {
        const place = `${id} --${name}`;
        if (helpGroup !== undefined) expect(GROUP_ORDER, place).to.include(helpGroup);
        for (const [short, long] of Object.entries(SHORT))
          expect(char === short, place).to.equal(name === long);
        if (char === 'o') expect(['output', 'out'], place).to.include(name);
        if (name === 'output') expect(char, place).to.equal('o');
      }
  });

  it('--size means pixels of a picture wherever it is', () => {
    const sized = commands.filter(({ flags }) => Object.hasOwn(flags, 'size'));
    expect(sized.map(({ id }) => id)).to.include.members(['sample', 'outpaint']);
    for (const { id, flags } of sized) expect(flags.size!.helpValue, id).to.equal('WxH');
  });

  it('are described on one line each, and the usage names those that are needed', () => {
    const flag = { name: 'steps', type: 'option', description: 'how many', default: 8, env: 'X' } as const;
    expect(labelOf(flag)).to.equal('    --steps N');
    expect(describeFlag(flag)).to.equal('how many [default: 8, env: X]');
    expect(labelOf({ ...flag, char: 's', options: ['a'], multiple: true })).to.equal('-s, --steps NAME…');
    expect(labelOf({ name: 'roll', type: 'boolean', allowNo: true }).trim()).to.equal('--[no-]roll');
    const shape = {
      id: 'train:tokenizer',
      args: { image: { name: 'image', required: true }, more: { name: 'more' } },
      flags: { class: { ...flag, required: true, helpValue: 'NAME' }, other: flag },
      strict: false,
    };
    expect(usageOf(shape)).to.equal('train tokenizer IMAGE [MORE]… --class NAME [flags]');
  });

  it('examples are broken where a shell goes on, and descriptions between sentences', () => {
    expect(breakCommand('$ arpg a "b c d e" -o f', 14)).to.equal('$ arpg a \\\n    "b c d e" \\\n    -o f');
    expect(breakCommand('$ arpg a', 40)).to.equal('$ arpg a');
    expect(paragraphsOf('One line\ngoes on.\nAnother:\nlast')).to.deep.equal([
      'One line goes on.',
      'Another:',
      'last',
    ]);
  });
});
