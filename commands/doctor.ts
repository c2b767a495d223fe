import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { inspectTargets } from '../src/faces/graph.js';
import { launchOf } from '../src/cluster/launch.js';
import { openMpiLibrary } from '../src/cluster/mpiLibrary.js';
import { DEFAULT_MODEL, InputError, modelFolder, UserError } from '../src/index.js';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { defaultsPlaces, describeDefaults, readDefaults } from '../src/cli/defaultsFile.js';
import { writeStdout } from '../src/cli/streams.js';
import { oneLine } from '../src/cli/terminal.js';

const NAME_WIDTH = 13;

/** What joins processes that a launcher starts, and whether one has started this. */
async function inspectMpi() {
  const launch = launchOf(process.env);
  try {
    const found = await openMpiLibrary(process.env);
    const library = found && {
      version: found.version,
      library: found.name,
      interface: found.handles.family,
    };
    return { ...library, ...(launch && { launch }) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { fault: error.message, ...(launch && { launch }) };
  }
}

/** The same for people. */
function describeMpi(found: Awaited<ReturnType<typeof inspectMpi>>): string {
  const { launch } = found;
  const place = launch ? `; rank ${launch.rank} of ${launch.size}, started by ${launch.launcher}` : '';
  if ('fault' in found) return `${found.fault}${place}`;
  if (!('library' in found)) return `no library of MPI: several processes cannot train together${place}`;
  return `${found.version} (${found.library}, handles of ${found.interface})${place}`;
}

/** What the files with defaults set, or what is wrong with one. */
function readDefaultsFiles() {
  return defaultsPlaces().map(({ path, isOwn }) => {
    try {
      const file = readDefaults(path, isOwn);
      return { path, values: file.values, sets: describeDefaults(file) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { path, fault: error.message };
    }
  });
}

/** The model that commands use where none is named. */
function usualModel(defaults: ReturnType<typeof readDefaultsFiles>): string {
  const said = defaults.map(({ values }) => values?.model).find((model) => typeof model === 'string');
  return modelFolder(process.env.ARPG_MODEL || (said ?? DEFAULT_MODEL));
}

export default class Doctor extends BaseCommand {
  static override readonly takesDefaults = false;
  static override summary = 'Say what can be used on this machine, and why not.';
  static override description =
    'Runs a small graph on each target and compares the result with the float64 reference.';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const targets = await inspectTargets();
    const defaults = readDefaultsFiles();
    const model = usualModel(defaults);
    const machine = {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cores: availableParallelism(),
      memory_gb: Number((totalmem() / 2 ** 30).toFixed(1)),
    };
    const mpi = await inspectMpi();
    const defaultModel = { folder: model, found: existsSync(model) };
    if (flags.json) {
      await this.result(flags, { machine, targets, default_model: defaultModel, defaults, mpi });
      return;
    }
    await writeStdout(
      `Node.js ${machine.node} on ${machine.platform}, ${machine.cores} cores, ${machine.memory_gb} GB of memory\n`,
    );
    for (const { name, usable, detail } of targets)
      await writeStdout(`${usable ? 'ok' : 'no'}  ${name.padEnd(NAME_WIDTH)} ${oneLine(detail)}\n`);
    for (const { path, sets, fault } of defaults)
      await writeStdout(
        `${fault === undefined ? 'ok' : 'no'}  ${'defaults'.padEnd(NAME_WIDTH)} ${oneLine(fault ?? `${path}: ${sets}`)}\n`,
      );
    await writeStdout(
      `${'library' in mpi ? 'ok' : 'no'}  ${'mpi'.padEnd(NAME_WIDTH)} ${oneLine(describeMpi(mpi))}\n`,
    );
    await writeStdout(
      `${defaultModel.found ? 'ok' : 'no'}  ${'model'.padEnd(NAME_WIDTH)} ${oneLine(model)}\n`,
    );
  }
}
