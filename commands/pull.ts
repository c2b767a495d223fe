import { Args, Flags } from '@oclif/core';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { fetchProgress } from '../src/cli/hubModels.js';
import { checkOutput } from '../src/cli/streams.js';
import { DEFAULT_HUB, DEFAULT_TIMEOUT_SECONDS, KNOWN_FILES, pull } from '../src/index.js';

export default class Pull extends BaseCommand {
  static override summary = 'Fetch a model folder or published weights.';
  static override description =
    `From a hub's repository comes a model folder, ready to use, or with --file any of its files; from a URL one file.
An interrupted download is continued by the next run; checksums are those of the hub, or --sha256. Downloads are kept
in $ARPG_CACHE, else in $XDG_CACHE_HOME/arpg. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured; HF_TOKEN is sent to the
hub.`;
  static override examples = [
    '<%= config.bin %> pull owner/emoji-arpg -o emoji',
    '<%= config.bin %> pull hp-l33/ARPG --file arpg_300m.pt -o weights',
    '<%= config.bin %> pull https://example.org/vq_ds16_c2i.pt --sha256 HEX',
    '<%= config.bin %> pull inception',
  ];
  static override args = {
    source: Args.string({
      ignoreStdin: true,
      description: `owner/name, owner/name@revision, the URL of a file, or ${Object.keys(KNOWN_FILES).join(', ')}`,
      required: true,
    }),
  };
  static override flags = {
    file: Flags.string({
      description: 'file of the repository to fetch instead of a model folder; may be repeated',
      multiple: true,
      helpValue: 'PATH',
    }),
    sha256: Flags.string({ description: 'checksum of the file behind the URL', helpValue: 'HEX' }),
    hub: Flags.string({
      description: 'base URL of the hub',
      default: DEFAULT_HUB,
      env: 'HF_ENDPOINT',
      helpValue: 'URL',
    }),
    offline: Flags.boolean({ description: 'use what is in the cache alone', env: 'ARPG_OFFLINE' }),
    timeout: Flags.integer({
      description: 'seconds without a byte after which a connection is given up and made anew',
      default: DEFAULT_TIMEOUT_SECONDS,
      min: 1,
    }),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: "folder, or file for a URL (default: the source's own name)",
      helpValue: 'PATH',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Pull);
    checkOutput(flags.output);
    const bars = fetchProgress(!flags.quiet);
    const { output, files } = await pull(args.source, {
      hub: flags.hub,
      offline: flags.offline,
      timeoutSeconds: flags.timeout,
      ...(flags.file !== undefined && { files: flags.file }),
      ...(flags.sha256 !== undefined && { sha256: flags.sha256 }),
      ...(flags.output !== undefined && { output: flags.output }),
      ...(process.env.HF_TOKEN && { token: process.env.HF_TOKEN }),
      onProgress: bars.onProgress,
    });
    bars.stop();
    this.note(flags, `wrote ${output}`);
    await this.result(flags, { output, files });
  }
}
