import { statSync } from 'node:fs';
import { Command, Flags, type Interfaces } from '@oclif/core';
import { checkedTarget, resolveTarget, type Target, TARGET_NAMES } from '../faces/graph.js';
import {
  DEFAULT_MODEL,
  drawSeed,
  load,
  type Model,
  modelFolder,
  requireForeignOutput,
  resolveSeed,
  RUN_PRECISIONS,
  type RunPrecision,
  UsageError,
} from '../index.js';
import { printable } from '../printable.js';
import { type DiagnosticFlags, type Diagnostics, diagnosticFlags, startDiagnostics } from './diagnostics.js';
import { type FlagMetadata, settleDefaults, withFileDefaults } from './fileDefaults.js';
import { GROUPS } from './flagGroups.js';
import { fetchedFolder } from './hubModels.js';
import { keepCompiledModels } from './keptModels.js';
import { sharedThreads } from './ranks.js';
import { STREAM, writeStdout } from './streams.js';
import { printMessage } from './terminal.js';

/** Flags that every command has. */
export const commonFlags = {
  quiet: Flags.boolean({
    char: 'q',
    description: 'print errors only',
    helpGroup: GROUPS.output,
    exclusive: ['verbose'],
  }),
  verbose: Flags.boolean({
    char: 'v',
    description: 'say what is used and how long it takes',
    helpGroup: GROUPS.output,
  }),
  json: Flags.boolean({
    description: 'print one JSON object about the result on stdout',
    helpGroup: GROUPS.output,
  }),
  debug: Flags.boolean({ description: 'print stack traces of failures', helpGroup: GROUPS.debugging }),
  ...diagnosticFlags,
};

/** What may stand for a model folder. */
export const OTHER_NAMES =
  ", the name of one that comes with arpg, or owner/name of a hub's, fetched on first use";

/** The flag that names a model. */
export function modelFlag(description: string) {
  return Flags.string({
    char: 'm',
    helpGroup: GROUPS.model,
    description: `${description}${OTHER_NAMES}`,
    parse: async (value) => modelFolder(value),
    env: 'ARPG_MODEL',
    helpValue: 'DIR',
    default: modelFolder(DEFAULT_MODEL),
    defaultHelp: async () => DEFAULT_MODEL,
    noCacheDefault: true,
  });
}

/** Flags of commands that run a model. */
export const modelFlags = {
  model: modelFlag('model folder'),
  target: Flags.string({
    char: 't',
    helpGroup: GROUPS.machine,
    description: `what runs the model: ${TARGET_NAMES.join(', ')}`,
    default: 'auto',
    helpValue: 'NAME',
  }),
  'allow-fallback': Flags.boolean({
    helpGroup: GROUPS.machine,
    description: 'let gpujs run kernels in another mode than the one asked for',
  }),
  threads: Flags.integer({
    helpGroup: GROUPS.machine,
    description: 'CPU threads (default: one per core)',
    min: 1,
    max: 1024,
  }),
};

/** The flag of commands that run a generator. */
export const precisionFlag = {
  precision: Flags.string({
    helpGroup: GROUPS.model,
    description:
      'in what the generator computes: int8 and int4 keep linear layers in 8 and 4 bits, faster and smaller, and slightly other pictures (default: what the model is stored for, mostly fp32)',
    options: [...RUN_PRECISIONS],
  }),
};

/** The seed flag of commands that draw random numbers. */
export const seedFlag = {
  seed: Flags.integer({
    char: 's',
    helpGroup: GROUPS.sampling,
    description: 'whole number that fixes all random choices (default: drawn and printed)',
    min: 0,
  }),
};

interface TargetFlags {
  readonly target: string;
  readonly threads: number | undefined;
  readonly 'allow-fallback': boolean;
}

type CommonFlags = Interfaces.InferredFlags<typeof commonFlags>;

/** What the commands share: notes on stderr and the choice of target, seed and model. */
export abstract class BaseCommand extends Command {
  static override baseFlags = commonFlags;

  /** Whether files with defaults have a say; not where the command is to help with them. */
  static readonly takesDefaults: boolean = true;

  private diagnostics: Diagnostics | undefined;

  /** Parses the command line, and starts to watch what the flags want watched. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await this.parseWithDefaults<F, B, A>(options, argv);
    this.diagnostics = startDiagnostics(parsed.flags as DiagnosticFlags);
    return parsed;
  }

  private async parseWithDefaults<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options: Interfaces.Input<F, B, A> | undefined, argv: string[] | undefined) {
    const command = this.ctor as typeof BaseCommand;
    if (!options || !command.takesDefaults) return super.parse<F, B, A>(options, argv);
    const all = { ...options.baseFlags, ...options.flags } as Interfaces.FlagInput;
    const { flags, fromFiles } = await withFileDefaults(this.id ?? '', all, this);
    const { args, strict = true } = options;
    const changed = { flags, args, strict } as unknown as Interfaces.Input<F, B, A>;
    if (fromFiles.length === 0) return super.parse<F, B, A>(options, argv);
    const parsed = await super.parse<F, B, A>(changed, argv);
    // What a picture or a run was made with says all there is to say.
    const { like, resume } = parsed.flags as { readonly like?: unknown; readonly resume?: unknown };
    if (typeof like === 'string' || typeof resume === 'string') return super.parse<F, B, A>(options, argv);
    settleDefaults(parsed.flags, parsed.metadata.flags as Record<string, FlagMetadata>, flags, fromFiles);
    return parsed;
  }

  /** Writes what was watched, also of a command that failed. */
  protected override async finally(error: Error | undefined): Promise<void> {
    try {
      await this.diagnostics?.finish();
    } catch (second) {
      if (error === undefined) throw second;
      // The command's own failure is the one to report.
      printMessage((second as Error).message);
    }
  }

  /** Failures are reported in one place, by the program's entry. */
  protected override catch(error: Error): Promise<never> {
    throw error;
  }

  /** Prints a line on stderr unless `--quiet`. */
  protected note(flags: CommonFlags, message: string): void {
    if (!flags.quiet) printMessage(message);
  }

  /** Says what file was written, and what is in it; nothing where all went to stdout. */
  protected noteOutput(flags: CommonFlags & { readonly output?: string | undefined }, what?: string): void {
    const { output } = flags;
    if (output === undefined || output === STREAM) return;
    this.note(flags, what === undefined ? `wrote ${output}` : `wrote ${output}: ${what}`);
  }

  /** Prints a line on stderr with `--verbose`. */
  protected detail(flags: CommonFlags, message: string): void {
    if (flags.verbose) printMessage(message);
  }

  /** Prints the machine-readable result with `--json`. */
  protected async result(flags: CommonFlags, value: object): Promise<void> {
    if (flags.json) await writeStdout(`${printable(JSON.stringify(value))}\n`);
  }

  /** The target that `--target` and its companions name; said with `--verbose`. */
  protected async chooseTarget(flags: CommonFlags & TargetFlags): Promise<Target> {
    keepCompiledModels();
    const threads = flags.threads ?? sharedThreads();
    const target = await resolveTarget(flags.target, {
      allowFallback: flags['allow-fallback'],
      ...(threads !== undefined && { threads }),
      report: (line) => this.detail(flags, `auto: ${line}`),
    });
    this.detail(flags, `target: ${target.name} (${target.description})`);
    return flags.check ? checkedTarget(target) : target;
  }

  /** The folder that `--model` names; a hub's model is fetched on first use. */
  protected modelFolder(flags: CommonFlags & { readonly model: string }): Promise<string> {
    return fetchedFolder(flags.model, flags.quiet);
  }

  /**
   * The model that `--model` names, on the target that `--target` names.
   * @throws UsageError when the output would take the place of a file of the model.
   */
  protected async loadModel(
    flags: CommonFlags &
      TargetFlags & {
        readonly model: string;
        readonly output?: string | undefined;
        readonly precision?: string | undefined;
      },
  ): Promise<Model> {
    const folder = await this.modelFolder(flags);
    if (flags.output !== undefined) requireForeignOutput(folder, [flags.output]);
    return load(folder, {
      target: await this.chooseTarget(flags),
      ...(flags.precision !== undefined && { precision: flags.precision as RunPrecision }),
    });
  }

  /** Says what else the names of classes could have meant. */
  protected noteClasses(flags: CommonFlags, model: Model, names: readonly string[]): void {
    for (const name of new Set(names)) {
      const note = model.classNote(name);
      if (note !== undefined) this.note(flags, note);
    }
  }

  /** The seed given, or one drawn now and printed, so that the result can be made again. */
  protected chooseSeed(flags: CommonFlags & { seed: number | undefined }): number {
    if (flags.seed !== undefined) return resolveSeed(flags.seed);
    const seed = drawSeed();
    this.note(flags, `seed: ${seed}`);
    return seed;
  }
}

/** @throws UsageError when a JSON result and the main output would both go to stdout. */
export function requireSeparateOutputs(flags: {
  readonly json: boolean;
  readonly output?: string | undefined;
}): void {
  if (flags.json && (flags.output === undefined || flags.output === '-'))
    throw new UsageError('--json prints on stdout: send the main output to a file with -o');
}

/** Whether a path names a folder: it exists as one, or ends with a slash. */
export function namesFolder(path: string): boolean {
  if (path.endsWith('/')) return true;
  try {
    return statSync(path).isDirectory();
  } catch {
    // Not there, or not to be reached: whoever writes there will say why.
    return false;
  }
}
