import { Args } from '@oclif/core';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { completionScript, INSTALLATION, type Shell, SHELLS } from '../src/cli/completion/scripts.js';
import { writeStdout } from '../src/cli/streams.js';

export default class Completion extends BaseCommand {
  static override readonly takesDefaults = false;
  static override summary = 'Print a script that completes command lines in a shell.';
  static override description =
    'It completes commands, flags, their values, files, and the names of models and their classes. The examples set it up for new shells.';
  static override examples = SHELLS.map((shell) =>
    INSTALLATION[shell].replaceAll('arpg completion', '<%= config.bin %> completion'),
  );
  static override args = {
    shell: Args.string({
      ignoreStdin: true,
      description: 'which shell',
      options: [...SHELLS],
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    await writeStdout(completionScript(args.shell as Shell));
  }
}
