import { wordAt } from '../../../../kernels/families/philoxWords.js';
import type { GraphRunner } from '../../../../src/sampling/runner.js';
import { type DeviceTensor, floatTensor, type HostTensor } from '../../../../src/targets/target.js';

/** What a call gave: its inputs that this process has, and its outputs. */
export interface RecordedCall {
  readonly graph: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly outputs: Readonly<Record<string, HostTensor>>;
}

/** A runner that feeds noise and keeps what is called. */
export interface NoiseRunner extends GraphRunner {
  readonly calls: readonly RecordedCall[];
}

/** The numbers of a token: what tells draws apart is their number, the picture's and the position. */
export type FedNoise = (draw: number, picture: number, position: number) => ArrayLike<number>;

/** Purposes are fewer than this, and what is above them in a word is the number of the draw. */
const PURPOSES = 256;

/** Outputs that are recorded whether or not the loop asks for them. */
const RECORDED: Readonly<Record<string, readonly string[]>> = {
  encode: ['z'],
  denoise: ['prediction'],
  denoise_guided: ['prediction'],
};

/** Wraps a runner of MAR's graphs: noise is fed by what the program asks for it with. */
export function noiseRunner(runner: GraphRunner, channels: number, fed: FedNoise): NoiseRunner {
  const calls: RecordedCall[] = [];
  const held = new WeakMap<object, HostTensor>();
  const keep = (tensor: HostTensor): DeviceTensor => {
    const kept = { dtype: tensor.dtype, shape: tensor.shape, read: async () => tensor, dispose: () => {} };
    held.set(kept, tensor);
    return kept;
  };
  const noise = ({ key, places }: Readonly<Record<string, HostTensor>>) => {
    const draw = Math.floor(wordAt(key!.data, 4) / PURPOSES);
    const rows = places!.shape[0]!;
    const numbers = Array.from({ length: rows }, (_, row) =>
      Array.from(fed(draw, wordAt(places!.data, 4 * row + 2), wordAt(places!.data, 4 * row))),
    );
    return { noise: keep(floatTensor([rows, channels], numbers.flat())) };
  };
  return {
    calls,
    caches: (graph) => runner.caches(graph),
    async run(graph, inputs, wanted = []) {
      if (graph === 'noise') return noise(inputs as Readonly<Record<string, HostTensor>>);
      const real = Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [name, held.get(tensor) ?? tensor]),
      );
      const recorded = RECORDED[graph] ?? [];
      const outputs = await runner.run(graph, real, [...new Set([...wanted, ...recorded])]);
      const read: Record<string, HostTensor> = {};
      for (const name of recorded) {
        const tensor = await outputs[name]!.read();
        read[name] = { ...tensor, data: tensor.data.slice() };
        if (!wanted.includes(name)) outputs[name]!.dispose();
      }
      const here = Object.entries(real).filter(([, tensor]) => !('read' in tensor));
      calls.push({
        graph,
        inputs: Object.fromEntries(here) as Record<string, HostTensor>,
        outputs: read,
      });
      return outputs;
    },
  };
}
