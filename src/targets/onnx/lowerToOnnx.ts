import type { Supports } from '../../compiler/decompose.js';
import { foldUpsample } from '../../compiler/foldUpsample.js';
import { fuse } from '../../compiler/fuse.js';
import type { Pass } from '../../compiler/rewrite.js';
import { simplify } from '../../compiler/simplify.js';
import { winograd } from '../../compiler/winograd.js';
import { type Dim, formatDim, type Shape, SymbolicDim } from '../../graph/dimension.js';
import { exactJson } from '../../graph/exactNumber.js';
import { type Graph, inputNode, nodesOf } from '../../graph/graph.js';
import { GraphError } from '../../graph/graphError.js';
import type { Node, ParameterNode, Tensor } from '../../graph/node.js';
import {
  MICROSOFT_DOMAIN,
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxElementType,
  type OnnxEmitter,
  onnxTypeOf,
} from '../../graph/onnxEmitter.js';
import type { TensorType } from '../../graph/tensorType.js';
import { type StoredTensor, type Weights, weightOf } from '../../graph/weights.js';
import {
  ONNX_ATTRIBUTE_TYPES,
  ONNX_DATA_TYPES,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './onnxSchema.js';
import { onnxTypeOfStored } from './onnxWeights.js';

const OPSET_VERSION = 23;
const IR_VERSION = 11;

/** A parameter that the model's nodes read by its checkpoint name. */
export interface OnnxParameter {
  readonly name: string;
  readonly stored: StoredTensor;
}

/** A model whose initializers are its constants alone; its parameters' elements are not read yet. */
export interface LoweredModel {
  readonly model: OnnxModel;
  readonly parameters: readonly OnnxParameter[];
}

export interface LoweringOptions {
  /** Whether to keep to the standard's operators (default false: onnxruntime's own are faster). */
  readonly standardOnly?: boolean;
  /** Whether operations that onnxruntime computes on processors alone are decomposed (default false). */
  readonly onDevice?: boolean;
  /** Whether normalisations are given rows of mean 0 (default false), as onnxruntime's WebGPU provider needs them. */
  readonly centresRows?: boolean;
  /**
   * Whether the runtime keeps images' channels in blocks (default false), as onnxruntime does on x64 processors: a filter
   * of each channel by itself is then as fast as memory.
   */
  readonly blocksChannels?: boolean;
}

/** What a graph goes through last before it is lowered to ONNX in that way. */
export function onnxPasses({
  blocksChannels = false,
  standardOnly = false,
  onDevice = false,
}: LoweringOptions): readonly Pass[] {
  const convolutions = blocksChannels ? [foldUpsample, winograd] : [foldUpsample];
  // onnxruntime has more operations on processors than elsewhere.
  return standardOnly || onDevice ? convolutions : [...convolutions, fuse, simplify];
}

/** Whether an operation lowers to ONNX by itself. */
export const hasOnnxForm: Supports = (op, inputs, attributes) =>
  op.onnx !== undefined && (op.onnxTakes?.(inputs, attributes) ?? true);

/** Which operations lower by themselves in that way. */
export function supportedBy({ onDevice = false }: LoweringOptions): Supports {
  if (!onDevice) return hasOnnxForm;
  return (op, inputs, attributes) => !op.onnxOnCpuOnly && hasOnnxForm(op, inputs, attributes);
}

function rawBytes({ type, values }: OnnxConstant): Uint8Array {
  switch (type) {
    case 'float':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    case 'uint64':
      return new Uint8Array(BigUint64Array.from(values, BigInt).buffer);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
  }
}

function encodeAttribute(name: string, value: OnnxAttribute): OnnxNode['attribute'][number] {
  if ('int' in value) return { name, type: ONNX_ATTRIBUTE_TYPES.int, i: value.int };
  if ('float' in value) return { name, type: ONNX_ATTRIBUTE_TYPES.float, f: value.float };
  if ('ints' in value) return { name, type: ONNX_ATTRIBUTE_TYPES.ints, ints: value.ints };
  return { name, type: ONNX_ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(value.string) };
}

function valueInfo(name: string, { dtype, shape }: TensorType): OnnxValueInfo {
  const dim = shape.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: formatDim(size) },
  );
  return { name, type: { tensorType: { elemType: ONNX_DATA_TYPES[onnxTypeOf(dtype)], shape: { dim } } } };
}

/** An input's axis whose size is a symbol, or a multiple of it. */
interface SymbolSource {
  readonly input: string;
  readonly axis: number;
  readonly multiple: number;
}

/** Collects the nodes and constants that the kernels' lowerings emit. */
class OnnxBuilder implements OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly parameters: OnnxParameter[] = [];
  readonly standardOnly: boolean;
  readonly centresRows: boolean;
  readonly blocksChannels: boolean;
  scope = '';
  private readonly emitted = new Map<string, readonly string[]>();
  private readonly symbolSources: ReadonlyMap<string, SymbolSource>;

  constructor(
    graph: Graph,
    { standardOnly = false, centresRows = false, blocksChannels = false }: LoweringOptions,
  ) {
    this.standardOnly = standardOnly;
    this.centresRows = centresRows;
    this.blocksChannels = blocksChannels;
    const sources = new Map<string, SymbolSource>();
    for (const tensor of graph.inputs) {
      for (const [axis, size] of tensor.shape.entries()) {
        const [[symbol, multiple] = ['', 0], ...others] = size instanceof SymbolicDim ? [...size.terms] : [];
        const alone = symbol !== '' && !symbol.includes('*') && others.length === 0;
        if (alone && !(sources.get(symbol)?.multiple === 1))
          sources.set(symbol, { input: inputNode(tensor).name, axis, multiple });
      }
    }
    this.symbolSources = sources;
  }

  node(operator: string, inputs: readonly string[], attributes = {}, domain = ''): string {
    return this.nodeWithOutputs(operator, inputs, attributes, 1, domain)[0]!;
  }

  nodeWithOutputs(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
    domain = '',
  ): readonly string[] {
    const key = exactJson([operator, domain, inputs, attributes]);
    const known = this.emitted.get(key);
    if (known) return known;
    const name = `${this.scope === '' ? '' : `${this.scope}/`}${operator}_${this.nodes.length}`;
    const names = outputs === 1 ? [name] : Array.from({ length: outputs }, (_, index) => `${name}:${index}`);
    const attribute = Object.entries(attributes).map(([attributeName, value]) =>
      encodeAttribute(attributeName, value),
    );
    this.nodes.push({ name, opType: operator, domain, input: inputs, output: names, attribute });
    this.emitted.set(key, names);
    return names;
  }

  constant(value: OnnxConstant, shape: readonly number[]): string {
    const rawData = rawBytes(value);
    const key = JSON.stringify(['constant', value.type, shape, Buffer.from(rawData).toString('base64')]);
    const known = this.emitted.get(key);
    if (known) return known[0]!;
    const name = `${this.scope === '' ? '' : `${this.scope}/`}constant_${this.initializers.length}`;
    this.initializers.push({ name, dims: shape, dataType: ONNX_DATA_TYPES[value.type], rawData });
    this.emitted.set(key, [name]);
    return name;
  }

  cast(value: string, type: OnnxElementType): string {
    return this.node('Cast', [value], { to: { int: ONNX_DATA_TYPES[type] } });
  }

  shape(shape: Shape): string {
    if (shape.every((size) => typeof size === 'number'))
      return this.constant({ type: 'int64', values: shape as readonly number[] }, [shape.length]);
    return this.node(
      'Concat',
      shape.map((size) => this.size(size)),
      { axis: { int: 0 } },
    );
  }

  /** One size as int64 `[1]`: the polynomial's terms computed from the inputs' shapes. */
  private size(size: Dim): string {
    const int64 = (value: number) => this.constant({ type: 'int64', values: [value] }, [1]);
    if (typeof size === 'number') return int64(size);
    const terms = [...size.terms].map(([key, coefficient]) => {
      const factors = key === '' ? [] : key.split('*').map((symbol) => this.symbol(symbol));
      const all = coefficient === 1 && factors.length > 0 ? factors : [...factors, int64(coefficient)];
      return all.reduce((a, b) => this.node('Mul', [a, b]));
    });
    return terms.reduce((a, b) => this.node('Add', [a, b]));
  }

  private symbol(symbol: string): string {
    const source = this.symbolSources.get(symbol);
    if (!source)
      throw new GraphError(
        `no input's axis is a multiple of just '${symbol}', so its size cannot be computed`,
        this.scope,
      );
    const range = { start: { int: source.axis }, end: { int: source.axis + 1 } };
    const size = this.node('Shape', [source.input], range);
    return source.multiple === 1 ? size : this.node('Div', [size, this.shape([source.multiple])]);
  }

  weight(name: string, stored: StoredTensor): string {
    if (!this.emitted.has(name)) {
      this.parameters.push({ name, stored });
      this.emitted.set(name, [name]);
    }
    return name;
  }

  /** A parameter under its checkpoint name, as float32 from there on. */
  parameter(node: ParameterNode, weights: Weights): string {
    const stored = weightOf(weights, node);
    this.parameters.push({ name: node.name, stored });
    const type = onnxTypeOfStored(stored.dtype);
    if (type !== 'float' && type !== 'float16' && type !== 'bfloat16')
      throw new GraphError(`tensor '${node.name}' holds ${stored.dtype}, which cannot be run`);
    return type === 'float' ? node.name : this.cast(node.name, 'float');
  }
}

/**
 * The nodes with the graph's outputs under their names. What a node computes is called so from the start; a copy is made
 * only of what no node computes or has two names.
 */
function withOutputs(
  nodes: readonly OnnxNode[],
  outputs: readonly { readonly name: string; readonly value: string }[],
): readonly OnnxNode[] {
  const computed = new Set(nodes.flatMap(({ output }) => output));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const { name, value } of outputs) {
    if (computed.has(value) && !renamed.has(value)) renamed.set(value, name);
    else
      copies.push({
        name: `output/${name}`,
        opType: 'Identity',
        domain: '',
        input: [value],
        output: [name],
        attribute: [],
      });
  }
  const named = (value: string) => renamed.get(value) ?? value;
  return [...nodes, ...copies].map((node) => ({
    ...node,
    input: node.input.map(named),
    output: node.output.map(named),
  }));
}

/** The tensors that nodes of the model read as values: all but parameters laid out by the operation that reads them. */
function valuesOf(graph: Graph): ReadonlySet<Tensor> {
  const read = nodesOf(graph).flatMap((node) =>
    node.kind === 'operation' && node.op.readsStored ? node.inputs.slice(0, 1) : node.inputs,
  );
  return new Set([...read, ...Object.values(graph.outputs)]);
}

function parameterName({ node }: Tensor): string {
  if (node.kind !== 'parameter')
    throw new GraphError('only a parameter can be laid out by an operation', node.scope);
  return node.name;
}

/**
 * Writes a compiled graph as an ONNX model with its own names for inputs, outputs and parameters, and with its
 * symbolic dims.
 * @throws GraphError when an operation has no ONNX form or a weight is missing.
 */
export function lowerToOnnx(
  graph: Graph,
  weights: Weights = new Map(),
  options: LoweringOptions = {},
): LoweredModel {
  const builder = new OnnxBuilder(graph, options);
  const names = new Map<Tensor, string>();
  const storedOf = ({ node }: Tensor) => (node.kind === 'parameter' ? weightOf(weights, node) : undefined);
  const lower = (node: Node): readonly string[] => {
    switch (node.kind) {
      case 'input':
        return [node.name];
      case 'parameter':
        return [builder.parameter(node, weights)];
      case 'constant': {
        const [{ dtype, shape }] = node.outputs as [Tensor];
        return [
          builder.constant(
            { type: onnxTypeOf(dtype), values: node.data } as OnnxConstant,
            shape as readonly number[],
          ),
        ];
      }
      case 'operation': {
        if (!node.op.onnx) throw new GraphError(`'${node.op.name}' has no ONNX form`, node.scope);
        const { readsStored = false } = node.op;
        return node.op.onnx(builder, {
          inputs: node.inputs.map((tensor) => names.get(tensor) ?? parameterName(tensor)),
          stored: readsStored ? node.inputs.map(storedOf) : [],
          inputTypes: node.inputs,
          outputTypes: node.outputs,
          attributes: node.attributes,
        });
      }
    }
  };
  const values = valuesOf(graph);
  for (const node of nodesOf(graph)) {
    if (!node.outputs.some((tensor) => values.has(tensor))) continue;
    builder.scope = node.scope;
    const outputs = lower(node);
    for (const [index, tensor] of node.outputs.entries()) names.set(tensor, outputs[index]!);
  }
  builder.scope = '';
  const outputs = Object.entries(graph.outputs);
  const nodes = withOutputs(
    builder.nodes,
    outputs.map(([name, tensor]) => ({ name, value: names.get(tensor)! })),
  );
  const model: OnnxModel = {
    irVersion: IR_VERSION,
    producerName: 'arpg',
    opsetImport: [
      { domain: '', version: OPSET_VERSION },
      ...(nodes.some(({ domain }) => domain === MICROSOFT_DOMAIN) || !options.standardOnly
        ? [{ domain: MICROSOFT_DOMAIN, version: 1 }]
        : []),
    ],
    graph: {
      name: graph.name,
      node: nodes,
      initializer: builder.initializers,
      input: graph.inputs.map((tensor) => valueInfo(inputNode(tensor).name, tensor)),
      output: outputs.map(([name, tensor]) => valueInfo(name, tensor)),
    },
  };
  return { model, parameters: builder.parameters };
}
