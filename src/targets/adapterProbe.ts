import { execFile } from 'node:child_process';

/** A driver that takes longer to say whether there is a device is left to be asked again, where it may say why. */
const PATIENCE_MS = 15_000;

/** Asks for an adapter with the module that it is given, and says on stdout what came of it. */
const QUESTION = `
const { create, globals } = require(process.argv[1]);
Object.assign(globalThis, globals);
const say = (answer) => { require('node:fs').writeSync(1, answer); process.reallyExit(0); };
create([]).requestAdapter().then((adapter) => say(adapter ? 'yes' : 'no'), () => say('no'));
`;

/**
 * Whether an adapter answers, asked by another process whose warnings nobody sees: drivers print theirs on stderr, past
 * this program.
 * @param module path of Dawn's module
 * @returns undefined where the other process came to no end
 */
export function adapterAnswers(module: string): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', QUESTION, module], { timeout: PATIENCE_MS }, (_, stdout) =>
      resolve(stdout === '' ? undefined : stdout === 'yes'),
    );
  });
}
