import { InputError, quotable } from '../errors.js';
import { type Graph, makeGraph, nodesOf } from '../graph/graph.js';
import type { Node, Tensor } from '../graph/node.js';
import { readFloats, type Weights } from '../graph/weights.js';
import { type Culprit, type Fault, faultOf, firstNotFinite } from './firstNotFinite.js';
import type { DeviceTensor, Executable, Target, TargetCompileOptions, TargetTensor } from './target.js';
import { isDeviceTensor } from './target.js';

/** Values that are looked at in one run: more at a time would need more memory. */
const VALUES_PER_RUN = 64;

type Inputs = Readonly<Record<string, TargetTensor>>;

async function faultOfTensor(tensor: TargetTensor): Promise<Fault | undefined> {
  if (tensor.dtype !== 'f32') return undefined;
  return faultOf((isDeviceTensor(tensor) ? await tensor.read() : tensor).data);
}

/** The names of the results that are not finite. */
async function faultyResults(
  results: Readonly<Record<string, DeviceTensor>>,
): Promise<ReadonlyMap<string, Fault>> {
  const faults = new Map<string, Fault>();
  for (const [name, tensor] of Object.entries(results)) {
    const fault = await faultOfTensor(tensor);
    if (fault !== undefined) faults.set(name, fault);
  }
  return faults;
}

function disposeAll(results: Readonly<Record<string, DeviceTensor>>): void {
  for (const tensor of Object.values(results)) tensor.dispose();
}

/** Floats that become whole numbers, in which nobody sees any more that they were none. */
function hiddenFloats(graph: Graph): readonly Tensor[] {
  return nodesOf(graph).flatMap((node) =>
    node.kind === 'operation' && node.outputs.some(({ dtype }) => dtype === 'i32')
      ? node.inputs.filter((tensor) => tensor.dtype === 'f32')
      : [],
  );
}

/** The same network with other outputs, `value.0` and so on. */
function withValues(graph: Graph, name: string, values: readonly Tensor[]): Graph {
  const outputs = values.map((tensor, index) => [`value.${index}`, tensor] as const);
  return makeGraph(`${graph.name}-${name}`, graph.inputs, Object.fromEntries(outputs));
}

/** What is known of the tensors that are no operation's: the run's inputs, the weights and constants. */
async function faultsOfSources(
  graph: Graph,
  inputs: Inputs,
  weights: Weights | undefined,
): Promise<Map<Tensor, Fault>> {
  const faults = new Map<Tensor, Fault>();
  const faultOfSource = async (node: Node): Promise<Fault | undefined> => {
    switch (node.kind) {
      case 'input':
        return faultOfTensor(inputs[node.name]!);
      case 'parameter': {
        const stored = weights?.get(node.name);
        return stored && faultOf(readFloats(stored));
      }
      case 'constant':
        return faultOf(node.data);
      case 'operation':
        return undefined;
    }
  };
  for (const node of nodesOf(graph)) {
    const fault = await faultOfSource(node);
    if (fault !== undefined) faults.set(node.outputs[0]!, fault);
  }
  return faults;
}

/** Runs the graph again with every value as an output, and finds the first that is not finite. */
async function findCulprit(
  target: Target,
  graph: Graph,
  inputs: Inputs,
  options: TargetCompileOptions,
): Promise<ReturnType<typeof firstNotFinite>> {
  const faults = await faultsOfSources(graph, inputs, options.weights);
  const values = nodesOf(graph).flatMap((node) =>
    node.kind === 'operation' ? node.outputs.filter(({ dtype }) => dtype === 'f32') : [],
  );
  const executable = await target.compile(withValues(graph, 'values', values), options);
  try {
    for (let start = 0; start < values.length; start += VALUES_PER_RUN) {
      const names = values.slice(start, start + VALUES_PER_RUN).map((_, index) => `value.${start + index}`);
      const results = await executable.run(inputs, names);
      for (const [name, fault] of await faultyResults(results))
        faults.set(values[Number(name.slice('value.'.length))]!, fault);
      disposeAll(results);
    }
  } finally {
    await executable.dispose();
  }
  return firstNotFinite(graph, faults);
}

function place({ scope, ...node }: Node): string {
  const title = node.kind === 'operation' ? node.op.name : node.kind;
  return scope === '' ? title : `${quotable(scope)} (${title})`;
}

function describe({ node, fault, readsFinite }: Culprit, graph: Graph): string {
  const [tensor] = node.outputs;
  const reader = nodesOf(graph).find(({ inputs }) => inputs.includes(tensor!));
  const readBy = reader ? `, first read by ${place(reader)}` : '';
  switch (node.kind) {
    case 'input':
      return `${fault} in the input '${quotable(node.name)}'${readBy}`;
    case 'parameter':
      return `${fault} in the weight ${quotable(node.name)}${readBy}; import or train the model again`;
    case 'constant':
      return `${fault} in a constant${readBy}`;
    case 'operation':
      return `${fault} in ${place(node)}${readsFinite ? ', whose inputs are finite' : ''}`;
  }
}

/**
 * The target, with each run's results looked at: where one is not finite, an InputError names the first value of the
 * graph that is not, by its scope and operation. Whole numbers made of such values are noticed, too; infinities that come
 * from constants, as in masks, are let pass. Reading all results takes time, and finding the value takes several runs.
 */
export function checkedTarget(target: Target): Target {
  return {
    ...target,
    async compile(graph, options = {}) {
      const executable = await target.compile(graph, options);
      const floats = hiddenFloats(graph);
      const hidden: Executable | undefined =
        floats.length > 0 ? await target.compile(withValues(graph, 'hidden', floats), options) : undefined;
      const hiddenFaults = async (inputs: Inputs) => {
        const results = hidden ? await hidden.run(inputs) : {};
        const faults = await faultyResults(results);
        disposeAll(results);
        return faults;
      };
      let runs = 0;
      return {
        async run(inputs, outputs) {
          runs++;
          const results = await executable.run(inputs, outputs);
          const faults = new Map([...(await faultyResults(results)), ...(await hiddenFaults(inputs))]);
          if (faults.size === 0) return results;
          const whole = hidden ? withValuesToo(graph, floats) : graph;
          let culprit: Awaited<ReturnType<typeof findCulprit>>;
          try {
            culprit = await findCulprit(target, whole, inputs, options);
            if (culprit === 'meant') return results;
          } catch (error) {
            disposeAll(results);
            throw error;
          }
          disposeAll(results);
          const [[name, fault]] = [...faults] as [[string, Fault]];
          const what = culprit ? describe(culprit, graph) : `${fault} in the output '${quotable(name)}'`;
          throw new InputError(`${graph.name}, run ${runs}: the first value that is not finite is ${what}`);
        },
        async dispose() {
          await hidden?.dispose();
          await executable.dispose();
        },
      };
    },
  };
}

/** The graph with more outputs, so that what leads to them counts as leading to an output. */
function withValuesToo(graph: Graph, values: readonly Tensor[]): Graph {
  return { ...graph, outputs: { ...graph.outputs, ...withValues(graph, 'hidden', values).outputs } };
}
