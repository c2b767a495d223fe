import { basename, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { DEFAULT_MODEL, modelFolder, type RunPrecision } from '../src/index.js';
import { BaseCommand, modelFlags, precisionFlag } from '../src/cli/baseCommand.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { metadataFlag } from '../src/cli/outputFormat.js';
import { firstStopSignal } from '../src/cli/signals.js';
import { DEFAULT_HOST, DEFAULT_PORT, startServer } from '../src/serve/server.js';
import { DEFAULT_QUEUE } from '../src/serve/limits.js';

/** Models that come with arpg and draw something worth to see, the default first. */
const USUAL_MODELS = [DEFAULT_MODEL, 'emoji'];

export default class Serve extends BaseCommand {
  static override summary = 'Serve a page and an HTTP API that draw pictures.';
  static override description =
    `Opens a local page for drawing, inpainting, outpainting and editing, and an API: OpenAI's image
endpoints with class names as prompts, and endpoints that send an event for each step. /openapi.json describes it.
Only this machine reaches it unless --host says otherwise, which needs a token. One picture is drawn at a time; requests
beyond the queue are told when to come again. SIGINT and SIGTERM finish what is under way; a second one ends at once.`;
  static override examples = [
    '<%= config.bin %> serve',
    '<%= config.bin %> serve --model digits --model models/arpg-l --port 8080',
    '<%= config.bin %> serve --port 0 --json',
    'ARPG_TOKEN=$(openssl rand -hex 16) <%= config.bin %> serve --host 0.0.0.0',
  ];
  static override flags = {
    ...modelFlags,
    ...precisionFlag,
    model: Flags.string({
      char: 'm',
      helpGroup: GROUPS.model,
      description: `model folder, the name of one that comes with arpg, or owner/name of a hub's, fetched on first use; may be repeated, the first is the default (default: ${USUAL_MODELS.join(', ')})`,
      env: 'ARPG_MODEL',
      helpValue: 'DIR',
      multiple: true,
    }),
    host: Flags.string({ description: 'address to listen at', default: DEFAULT_HOST, helpValue: 'ADDRESS' }),
    port: Flags.integer({
      description: 'port to listen at; 0 takes any that is free',
      default: DEFAULT_PORT,
      ...{ min: 0, max: 65_535 },
    }),
    token: Flags.string({
      description:
        'what clients must send as Authorization: Bearer TOKEN; others see it here, so rather set ARPG_TOKEN',
      env: 'ARPG_TOKEN',
      helpValue: 'TOKEN',
    }),
    'allow-host': Flags.string({
      description: 'further name under which the server is called, such as that of a proxy; may be repeated',
      helpValue: 'NAME',
      multiple: true,
    }),
    ...metadataFlag,
    queue: Flags.integer({
      description: 'requests that are drawn or wait; more get 429',
      default: DEFAULT_QUEUE,
      ...{ min: 1, max: 100_000 },
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const stopping = firstStopSignal();
    // The environment names one, and comes as it is.
    const names = [flags.model ?? USUAL_MODELS].flat();
    const models = [];
    for (const name of names)
      models.push({
        id: basename(resolve(name)),
        folder: await this.modelFolder({ ...flags, model: modelFolder(name) }),
      });
    const server = await startServer({
      models,
      load: {
        target: await this.chooseTarget(flags),
        ...(flags.precision !== undefined && { precision: flags.precision as RunPrecision }),
      },
      ...{ host: flags.host, port: flags.port, token: flags.token },
      allowedHosts: flags['allow-host'] ?? [],
      limits: { queue: flags.queue },
      ...(flags.metadata && { version: this.config.version }),
      onAnswer: ({ method, path, status, milliseconds }) =>
        this.detail(flags, `${method} ${path} ${status} ${milliseconds.toFixed(0)} ms`),
      onFailure: (error) => this.note({ ...flags, quiet: false }, `arpg: ${(error as Error).message}`),
    });
    stopping.listen();
    this.note(flags, `listening at ${server.url}; Ctrl-C ends it`);
    await this.result(flags, { url: server.url, host: server.host, port: server.port });
    await new Promise((heard) => stopping.signal.addEventListener('abort', heard, { once: true }));
    this.note(flags, 'finishing what is under way; once more ends at once');
    await server.stop();
  }
}
