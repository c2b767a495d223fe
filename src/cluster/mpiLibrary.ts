import { InputError, systemReason, TargetError } from '../errors.js';
import type { Environment } from './launch.js';
import { handlesOf, type MpiHandles } from './mpiHandles.js';

/** Names the library of MPI where none of the usual names finds the right one. */
export const LIBRARY_VARIABLE = 'ARPG_MPI';

type Koffi = typeof import('koffi').default;
type Library = ReturnType<Koffi['load']>;

const OPEN_MPI = ['libmpi.so.40', 'libmpi.so.80'];
const MPICH = ['libmpi.so.12', 'libmpich.so.12', 'libmpi_intel.so.12'];
const STANDARD = ['libmpi_abi.so.0', 'libmpi_abi.so'];
const APPLE = ['libmpi.40.dylib', 'libmpi.12.dylib', 'libmpi_abi.0.dylib', 'libmpi.dylib'];

/**
 * The names of files in which libraries of MPI lie, the launcher's own first: processes that Hydra started do not find
 * each other by Open MPI.
 */
export function libraryNames(environment: Environment, platform: NodeJS.Platform): readonly string[] {
  const named = environment[LIBRARY_VARIABLE];
  if (named) return [named];
  if (platform === 'win32') return [];
  if (platform === 'darwin') return APPLE;
  const isHydra = environment.PMI_RANK !== undefined && environment.OMPI_COMM_WORLD_RANK === undefined;
  const both = isHydra ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH];
  return [...both, ...STANDARD, 'libmpi.so'];
}

/** A library of MPI. */
export interface MpiLibrary {
  readonly koffi: Koffi;
  readonly library: Library;
  readonly handles: MpiHandles;
  /** The name under which it was found. */
  readonly name: string;
  /** What it calls itself. */
  readonly version: string;
}

/** Bytes of stack that a call has in another thread: as many as usual threads have, of which MPICH needs more than a little. */
const STACK_BYTES = 8 << 20;

/** Longest text that any interface allows for a version. */
const VERSION_BYTES = 8192;
const VERSION_SHOWN = 60;

function versionOf(library: Library): string {
  const text = Buffer.alloc(VERSION_BYTES);
  const length = [0];
  library.func('MPI_Get_library_version', 'int', ['void *', '_Out_ int *'])(text, length);
  const said = text.toString('latin1', 0, length[0]).split('\0')[0]!;
  return said.split(/[\n,]/)[0]!.replace(' Version:', '').replace(/\s+/g, ' ').trim().slice(0, VERSION_SHOWN);
}

/**
 * The library of MPI of this machine; undefined where none is found.
 * @throws InputError where one is named and cannot be used, TargetError where libraries cannot be called at all.
 */
export async function openMpiLibrary(
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<MpiLibrary | undefined> {
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
    // Settled with the first library that is loaded.
    if (koffi.config().async_stack_size !== STACK_BYTES) koffi.config({ async_stack_size: STACK_BYTES });
  } catch (error) {
    throw new TargetError(`MPI cannot be called: koffi does not run here: ${systemReason(error)}`, error);
  }
  const isNamed = Boolean(environment[LIBRARY_VARIABLE]);
  for (const name of libraryNames(environment, platform)) {
    try {
      // Open MPI's own plug-ins look for its symbols among all that are loaded.
      const library = koffi.load(name, { lazy: true, global: true });
      const handles = handlesOf(name, (symbol) => hasSymbol(library, symbol));
      return { koffi, library, handles, name, version: versionOf(library) };
    } catch (error) {
      if (isNamed)
        throw new InputError(
          `${LIBRARY_VARIABLE}=${name}: it cannot be loaded as MPI's library: ${systemReason(error)}`,
          error,
        );
    }
  }
  return undefined;
}

function hasSymbol(library: Library, name: string): boolean {
  try {
    library.symbol(name);
    return true;
  } catch {
    // There is no other way to ask.
    return false;
  }
}
