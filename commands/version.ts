import { BaseCommand } from '../src/cli/baseCommand.js';
import { writeStdout } from '../src/cli/streams.js';

export default class Version extends BaseCommand {
  static override readonly takesDefaults = false;
  static override summary = 'Say which version this is.';
  static override description = 'The same as --version, or -v before any command.';
  static override examples = ['<%= config.bin %> version', '<%= config.bin %> version --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    const { version, platform, arch, userAgent } = this.config;
    if (flags.json) await this.result(flags, { version, platform, arch, node: process.version });
    else await writeStdout(`${userAgent}\n`);
  }
}
