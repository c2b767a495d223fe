import { Args, loadHelpClass } from '@oclif/core';
import { BaseCommand } from '../src/cli/baseCommand.js';

export default class HelpCommand extends BaseCommand {
  static override readonly takesDefaults = false;
  static override summary = 'Say what a command does, and what flags it has.';
  static override description = 'The same as --help after the command. Without one, all commands are listed.';
  static override examples = ['<%= config.bin %> help', '<%= config.bin %> help train tokenizer'];
  static override strict = false;
  static override args = {
    command: Args.string({ ignoreStdin: true, description: 'words of a command' }),
  };

  async run(): Promise<void> {
    const { argv } = await this.parse(HelpCommand);
    const Help = await loadHelpClass(this.config);
    await new Help(this.config).showHelp(argv as string[]);
  }
}
