/** How a library tells its communicators, types and operations: by the places of exported data, or by numbers. */
export interface MpiHandles {
  readonly family: string;
  /** C's type of a handle. */
  readonly type: 'void *' | 'int';
  /** Names of exported data, or constants. */
  readonly world: string | number;
  readonly float: string | number;
  readonly double: string | number;
  readonly sum: string | number;
  /** The level of thread support at which any thread may call, one at a time. */
  readonly serialized: number;
}

/** Open MPI's `mpi.h`. */
const OPEN_MPI: MpiHandles = {
  family: 'Open MPI',
  type: 'void *',
  world: 'ompi_mpi_comm_world',
  float: 'ompi_mpi_float',
  double: 'ompi_mpi_double',
  sum: 'ompi_mpi_op_sum',
  serialized: 2,
};

/** `mpi.h` of MPICH and of all that keep to its binary interface: Intel MPI, MVAPICH, Cray MPICH. */
const MPICH: MpiHandles = {
  family: 'MPICH',
  type: 'int',
  world: 0x44000000,
  float: 0x4c00040a,
  double: 0x4c00080b,
  sum: 0x58000003,
  serialized: 2,
};

/** The standard's own binary interface (MPI 5.0, appendix A), whichever library is behind it. */
const STANDARD: MpiHandles = {
  family: 'the MPI ABI',
  type: 'void *',
  world: 0x101,
  float: 0x210,
  double: 0x214,
  sum: 0x21,
  serialized: 2048,
};

/**
 * What a library's handles are.
 * @param name of its file
 * @param exports whether it exports something of a name
 */
export function handlesOf(name: string, exports: (symbol: string) => boolean): MpiHandles {
  // A library may export what its own interface needs beside the standard's: the file says which it is.
  if (/mpi_abi/.test(name)) return STANDARD;
  return exports(OPEN_MPI.world as string) ? OPEN_MPI : MPICH;
}
