import type { Peers } from '../cluster/peers.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { Weights } from '../graph/weights.js';
import { type DeviceTensor, floatTensor, type HostTensor, type Target } from '../targets/target.js';
import { accumulationStep, shareMeans } from './gradientStep.js';
import { sharedMeans, stateInputs } from './stepNames.js';
import {
  compileStepGraph,
  meanOf,
  type PartScalars,
  readScalars,
  type StepRunner,
  scalarNamesOf,
  zerosFor,
} from './stepRunner.js';
import type { Batch } from './trainingLoop.js';
import { releaseState, type TrainingState } from './trainingState.js';
import { type AdamWOptions, type StepOptions, updateStep } from './trainingStep.js';

type Outputs = Readonly<Record<string, DeviceTensor>>;

/** Numbers of a tensor that nobody else writes to, with its shape. */
interface OwnNumbers {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Copies tensors into memory that is the same in each step: new memory costs more than what is copied into it. */
class OwnMemory {
  private readonly arrays = new Map<string, Float32Array>();

  constructor(private readonly peers: Peers) {}

  private array(name: string, length: number): Float32Array {
    const known = this.arrays.get(name);
    if (known?.length === length) return known;
    const made = new Float32Array(length);
    this.arrays.set(name, made);
    return made;
  }

  async copy(name: string, tensor: DeviceTensor): Promise<OwnNumbers> {
    const { shape, data } = await tensor.read();
    const own = this.array(name, data.length);
    own.set(data as Float32Array);
    return { shape, data: own };
  }

  /** What this rank's rows become among those of all ranks: zeros elsewhere, so that the sum has them all. */
  async copyAmongAll(name: string, tensor: DeviceTensor): Promise<OwnNumbers> {
    const { rank, size } = this.peers;
    const { shape, data } = await tensor.read();
    const [rows, ...rest] = shape as [number, ...number[]];
    const whole = this.array(name, data.length * size).fill(0);
    whole.set(data as Float32Array, rank * data.length);
    return { shape: [rows * size, ...rest], data: whole };
  }
}

/** What the whole batch says of a step, the same at all ranks. */
interface Gradients {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly scalars: PartScalars;
  /** Whether a rank wants to stop after this step. */
  readonly stops: boolean;
}

/** What is compiled for a shared step. */
interface SharedGraphs {
  readonly part: Graph;
  readonly means: Graph | undefined;
}

/**
 * A training step that several ranks share: each works on its own pictures of every part of the batch, their gradients are
 * added up, and each takes the same step with the sum.
 * @param signal says that this rank wants to stop
 */
export async function compileSharedStep(
  first: Batch,
  {
    lossGraph,
    optimizer,
    options,
    frozen,
  }: {
    readonly lossGraph: Graph;
    readonly optimizer: AdamWOptions;
    readonly options: StepOptions;
    readonly frozen: Weights;
  },
  target: Target,
  peers: Peers,
  signal: AbortSignal,
): Promise<StepRunner> {
  const shared = { ...options, ranks: peers.size };
  const graphs: SharedGraphs = {
    part: accumulationStep(lossGraph, shared),
    means: sharedMeans(lossGraph).length > 0 ? shareMeans(lossGraph, shared) : undefined,
  };
  const update = updateStep(lossGraph, optimizer, shared);
  const compile = (graph: Graph, given: Batch) => compileStepGraph(graph, given, target, options, frozen);
  const part = await compile(graphs.part, first);
  const means = graphs.means && (await compile(graphs.means, first));
  let updating: Awaited<ReturnType<typeof compile>> | undefined;
  const memory = new OwnMemory(peers);
  const carried = stateInputs(graphs.part);
  const partScalars = scalarNamesOf(graphs.part);
  const updateScalars = scalarNamesOf(update);
  const stateNames = stateInputs(update).map((tensor) => inputNode(tensor).name);

  /** What the loss graph is given of the whole part of the batch, beside its own share. */
  const meansOf = async (batch: Batch, state: TrainingState): Promise<Batch> => {
    if (!means) return {};
    const outputs = await means.run({ ...batch, ...state });
    const names = sharedMeans(lossGraph);
    const own = await Promise.all(names.map(({ output }) => memory.copy(output, outputs[output]!)));
    releaseState(outputs);
    await peers.meet();
    await peers.sumArrays(own.map(({ data }) => data));
    return Object.fromEntries(
      names.map(({ input }, index) => {
        const { shape, data } = own[index]!;
        return [
          input,
          floatTensor(
            shape,
            data.map((sum) => sum / peers.size),
          ),
        ] as const;
      }),
    );
  };

  /** The sums of all ranks' gradients, and of what goes with them. */
  const exchanged = async (outputs: Outputs, scalars: readonly PartScalars[]): Promise<Gradients> => {
    const known = update.inputs.flatMap((tensor) => {
      const { name } = inputNode(tensor);
      if (`next.${name}` in outputs) return [{ name, output: `next.${name}`, isRows: false }];
      return name in outputs ? [{ name, output: name, isRows: true }] : [];
    });
    const own = await Promise.all(
      known.map(({ output, isRows }) =>
        isRows ? memory.copyAmongAll(output, outputs[output]!) : memory.copy(output, outputs[output]!),
      ),
    );
    releaseState(outputs);
    const mean = meanOf(scalars);
    const stops = await peers.meet(signal.aborted);
    const all = await peers.gather(partScalars.map((name) => mean[name]!));
    await peers.sumArrays(own.map(({ data }) => data));
    const averages = partScalars.map((name, index) => {
      const sum = all.reduce((total, values) => total + values[index]!, 0);
      return [name, sum / peers.size] as const;
    });
    return {
      tensors: Object.fromEntries(
        known.map(({ name }, index) => [name, floatTensor(own[index]!.shape, own[index]!.data)]),
      ),
      scalars: Object.fromEntries(averages),
      stops,
    };
  };

  const run: StepRunner['run'] = async (parts, state, numbers) => {
    const scalars: PartScalars[] = [];
    let soFar = zerosFor(carried);
    let outputs: Outputs = {};
    for (const batch of parts) {
      outputs = await part.run({ ...batch, ...(await meansOf(batch, state)), ...state, ...soFar });
      scalars.push(await readScalars(outputs, partScalars));
      releaseState(soFar);
      soFar = Object.fromEntries(
        carried.map((tensor) => [inputNode(tensor).name, outputs[`next.${inputNode(tensor).name}`]!]),
      );
    }
    const { tensors, scalars: said, stops } = await exchanged(outputs, scalars);
    const given = Object.entries(numbers).map(([name, value]) => [name, floatTensor([], [value])] as const);
    updating ??= await compile(update, tensors);
    const updated = await updating.run({ ...tensors, ...state, ...Object.fromEntries(given) }, [
      ...updateScalars,
      ...stateNames.map((name) => `next.${name}`),
    ]);
    const next = Object.fromEntries(stateNames.map((name) => [name, updated[`next.${name}`]!]));
    const all = { ...said, ...(await readScalars(updated, updateScalars)) };
    return { next, scalars: { ...all, loss: said.loss! }, stops };
  };
  return {
    run,
    dispose: async () => {
      await part.dispose();
      await means?.dispose();
      await updating?.dispose();
    },
  };
}
