import { TargetError } from '../errors.js';
import type { Communicator } from './communicator.js';
import type { MpiLibrary } from './mpiLibrary.js';

/** Bytes that are sent at a time. */
const BUFFER_BYTES = 1 << 24;
const SUCCESS = 0;

type AsyncCall = (...args: readonly unknown[]) => Promise<number>;

/** What is called of the library. */
interface MpiCalls {
  readonly allreduce: AsyncCall;
  readonly finalize: () => number;
}

function requireSuccess(code: number, call: string): void {
  if (code !== SUCCESS) throw new TargetError(`MPI failed: ${call} says ${code}`);
}

/** A handle as calls take it. */
function handleIn({ library, handles }: MpiLibrary, own: string | number): unknown {
  if (typeof own === 'string') return library.symbol(own);
  return handles.type === 'int' ? own : BigInt(own);
}

/**
 * Joins the processes that a launcher started. Messages are waited for beside the event loop, so that signals are heard.
 * @throws TargetError where MPI refuses.
 */
export function joinMpi(mpi: MpiLibrary): Communicator {
  const { koffi, library, handles, name, version } = mpi;
  const { type } = handles;
  const [world, float, double, sum] = [handles.world, handles.float, handles.double, handles.sum].map((own) =>
    handleIn(mpi, own),
  );
  const provided = [0];
  const init = library.func('MPI_Init_thread', 'int', ['void *', 'void *', 'int', '_Out_ int *']);
  requireSuccess(init(null, null, handles.serialized, provided), 'MPI_Init_thread');
  if (provided[0]! < handles.serialized)
    throw new TargetError(`${name} (${version}) cannot be called from threads; use another build of it`);
  const asked = (call: string): number => {
    const result = [0];
    requireSuccess(library.func(call, 'int', [type, '_Out_ int *'])(world, result), call);
    return result[0]!;
  };
  const allreduce = library.func('MPI_Allreduce', 'int', ['void *', 'void *', 'int', type, type, type]);
  const calls: MpiCalls = {
    allreduce: (...args) =>
      new Promise((resolve, reject) => {
        allreduce.async(...args, (error: Error | null, code: number) =>
          error ? reject(error) : resolve(code),
        );
      }),
    finalize: library.func('MPI_Finalize', 'int', []) as () => number,
  };
  // Memory that stays in its place while a call goes on in another thread.
  const [sent, received] = [0, 1].map(() => koffi.alloc('uint8_t', BUFFER_BYTES));
  const [sentBytes, receivedBytes] = [sent, received].map((own) => koffi.view(own, BUFFER_BYTES));
  return {
    rank: asked('MPI_Comm_rank'),
    size: asked('MPI_Comm_size'),
    library: version,
    async sum(values) {
      const isDouble = values instanceof Float64Array;
      const capacity = BUFFER_BYTES / values.BYTES_PER_ELEMENT;
      const placed = (bytes: ArrayBuffer, count: number) =>
        isDouble ? new Float64Array(bytes, 0, count) : new Float32Array(bytes, 0, count);
      for (let start = 0; start < values.length; start += capacity) {
        const part = values.subarray(start, start + capacity);
        placed(sentBytes!, part.length).set(part);
        const kind = isDouble ? double : float;
        const code = await calls.allreduce(sent, received, part.length, kind, sum, world);
        requireSuccess(code, 'MPI_Allreduce');
        part.set(placed(receivedBytes!, part.length));
      }
    },
    async close() {
      requireSuccess(calls.finalize(), 'MPI_Finalize');
    },
  };
}
