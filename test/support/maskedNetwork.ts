import type { GraphRunner } from '../../src/sampling/runner.js';
import { type DeviceTensor, floatTensor, type HostTensor } from '../../src/targets/target.js';

/** A call of the network: the codes and the class of each row. */
export interface NetworkCall {
  readonly codes: readonly (readonly number[])[];
  readonly classIds: readonly number[];
}

/** A stand-in for a network that predicts masked tokens. */
export interface MaskedNetworkRunner extends GraphRunner {
  readonly calls: readonly NetworkCall[];
  /** Tensors that were not freed. */
  readonly held: () => number;
}

/** A number between −1 and 1 that looks random. */
function scrambled(...values: readonly number[]): number {
  const mixed = values.reduce((sum, value, index) => sum + (value + 1) * 12.9898 ** (1 + index / 7), 0.37);
  const fraction = Math.sin(mixed) * 43758.5453;
  return 2 * (fraction - Math.floor(fraction)) - 1;
}

/** Logits that depend on the class, on all codes of the row, on the position and on the code. */
export function scrambledLogit(
  codes: readonly number[],
  classId: number,
  position: number,
  code: number,
): number {
  const context = codes.reduce((sum, own, at) => sum + own * (at + 1), 0) % 101;
  return 3 * scrambled(context, classId, position, code);
}

/**
 * A network of `width` codes, the mask's among them.
 * @param logitOf what it predicts
 */
export function maskedNetwork(
  width: number,
  logitOf: typeof scrambledLogit = scrambledLogit,
): MaskedNetworkRunner {
  const calls: NetworkCall[] = [];
  let held = 0;
  return {
    calls,
    held: () => held,
    caches: () => [],
    run: async (_graph, inputs) => {
      const [codes, classIds] = [inputs.codes as HostTensor, inputs.class_ids as HostTensor];
      const [rows, positions] = codes.shape as [number, number];
      const table = Array.from({ length: rows }, (_, row) =>
        Array.from(codes.data.slice(row * positions, (row + 1) * positions)),
      );
      calls.push({ codes: table, classIds: Array.from(classIds.data) });
      const data = new Float32Array(rows * positions * width);
      for (let index = 0; index < data.length; index++) {
        const row = Math.floor(index / (positions * width));
        const position = Math.floor(index / width) % positions;
        data[index] = logitOf(table[row]!, classIds.data[row]!, position, index % width);
      }
      const tensor = floatTensor([rows, positions, width], data);
      held++;
      const logits: DeviceTensor = { ...tensor, read: async () => tensor, dispose: () => void held-- };
      return { logits };
    },
  };
}
