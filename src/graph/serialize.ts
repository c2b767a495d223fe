import { Ajv, type JSONSchemaType, type ValidateFunction } from 'ajv';
import { countElements, type Dim, parseDim, SymbolicDim } from './dimension.js';
import { fromJsonNumber, type JsonNumber, jsonNumberSchema, toJsonNumber } from './exactNumber.js';
import { type Graph, inputNode, makeGraph, nodesOf } from './graph.js';
import { GraphError } from './graphError.js';
import { type ConstantData, type Initializer, makeNode, type Node, type Tensor } from './node.js';
import { applyOp, type Attributes, type AttributeValue, findOp, type OpDefinition } from './op.js';
import { type DType, DTYPES, formatType } from './tensorType.js';

const FORMAT_VERSION = 1;

/** A dimension in JSON: a number, or a polynomial's text. */
type JsonDim = number | string;

/** An attribute in JSON; symbolic dims are told from text by `dim`. */
type JsonAttribute =
  | JsonNumber
  | string
  | boolean
  | { readonly dim: string }
  | readonly (JsonNumber | string)[];

interface JsonNode {
  readonly kind: 'input' | 'parameter' | 'constant' | 'operation';
  readonly scope: string;
  /** Name of an input, a parameter or an operation. */
  readonly name?: string;
  readonly dtype?: DType;
  readonly shape?: readonly JsonDim[];
  readonly initializer?: Initializer;
  /** Little-endian elements in base64. */
  readonly data?: string;
  /** `[node, output]` pairs. */
  readonly inputs?: readonly (readonly number[])[];
  readonly attributes?: Readonly<Record<string, JsonAttribute>>;
}

/** A graph in JSON. Nodes come in an order in which each reads only earlier ones. */
export interface JsonGraph {
  readonly format_version: number;
  readonly name: string;
  readonly nodes: readonly JsonNode[];
  readonly inputs: readonly number[];
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

const reference = {
  type: 'array',
  items: { type: 'integer', minimum: 0 },
  minItems: 2,
  maxItems: 2,
} as const;

/** Texts are names of choices: they may reach generated code, so nothing but letters. */
const attribute = {
  anyOf: [
    ...jsonNumberSchema.anyOf,
    { type: 'boolean' },
    { type: 'string', pattern: '^[A-Za-z0-9_-]*$' },
    {
      type: 'object',
      required: ['dim'],
      additionalProperties: false,
      properties: { dim: { type: 'string' } },
    },
    { type: 'array', items: { anyOf: [...jsonNumberSchema.anyOf, { type: 'string' }] } },
  ],
} as const;

const shape = { type: 'array', items: { type: ['integer', 'string'] } } as const;
const text = { type: 'string' } as const;

/** The schema of one kind of node: all its fields are required, and there are no others. */
function nodeSchema(kind: JsonNode['kind'], properties: Readonly<Record<string, object>>) {
  const all = { kind: { const: kind }, scope: text, ...properties };
  return { type: 'object', required: Object.keys(all), additionalProperties: false, properties: all };
}

const schema = {
  type: 'object',
  required: ['format_version', 'name', 'nodes', 'inputs', 'outputs'],
  additionalProperties: false,
  properties: {
    format_version: { const: FORMAT_VERSION },
    name: text,
    inputs: { type: 'array', items: { type: 'integer', minimum: 0 } },
    outputs: { type: 'object', additionalProperties: reference },
    nodes: {
      type: 'array',
      items: {
        type: 'object',
        required: ['kind'],
        discriminator: { propertyName: 'kind' },
        oneOf: [
          nodeSchema('input', { name: text, dtype: { enum: [...DTYPES] }, shape }),
          nodeSchema('constant', { dtype: { enum: [...DTYPES] }, shape, data: text }),
          nodeSchema('operation', {
            name: text,
            inputs: { type: 'array', items: reference },
            attributes: { type: 'object', additionalProperties: attribute },
          }),
          nodeSchema('parameter', {
            name: text,
            shape,
            initializer: {
              type: 'object',
              required: ['kind'],
              additionalProperties: false,
              properties: {
                kind: { enum: ['normal', 'normalParts', 'uniform', 'zeros', 'ones', 'filled'] },
                standardDeviation: { type: 'number' },
                standardDeviations: { type: 'array', items: { type: 'number' }, minItems: 1 },
                value: { type: 'number' },
                bound: { type: 'number' },
              },
            },
          }),
        ],
      },
    },
  },
} as unknown as JSONSchemaType<JsonGraph>;

let compiled: ValidateFunction<JsonGraph> | undefined;

/** What checks values against the schema; compiled when first used, since that takes a while. */
function validator(): ValidateFunction<JsonGraph> {
  compiled ??= new Ajv({ allowUnionTypes: true, discriminator: true }).compile(schema);
  return compiled;
}

function toJsonDim(size: Dim): JsonDim {
  return size instanceof SymbolicDim ? size.text : size;
}

function fromJsonDim(size: JsonDim): Dim {
  return typeof size === 'string' ? parseDim(size) : size;
}

function toJsonAttribute(value: AttributeValue): JsonAttribute {
  if (value instanceof SymbolicDim) return { dim: value.text };
  if (Array.isArray(value))
    return (value as readonly Dim[]).map((size) =>
      size instanceof SymbolicDim ? size.text : toJsonNumber(size),
    );
  return typeof value === 'number' ? toJsonNumber(value) : (value as string | boolean);
}

function fromJsonAttribute(value: JsonAttribute): AttributeValue {
  if (Array.isArray(value))
    return (value as readonly (JsonNumber | string)[]).map((size) =>
      typeof size === 'string' ? parseDim(size) : fromJsonNumber(size),
    );
  if (typeof value !== 'object') return value;
  return 'dim' in value ? parseDim(value.dim) : fromJsonNumber(value as JsonNumber);
}

/** The graph as plain data that JSON.stringify takes. */
export function graphToJson(graph: Graph): JsonGraph {
  const nodes = nodesOf(graph);
  const indices = new Map(nodes.map((node, index) => [node, index]));
  const refer = (tensor: Tensor) => [indices.get(tensor.node)!, tensor.index];
  return {
    format_version: FORMAT_VERSION,
    name: graph.name,
    inputs: graph.inputs.map((tensor) => indices.get(inputNode(tensor))!),
    outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, refer(tensor)])),
    nodes: nodes.map((node) => toJsonNode(node, refer)),
  };
}

function toJsonNode(node: Node, refer: (tensor: Tensor) => readonly number[]): JsonNode {
  const { kind, scope } = node;
  const [{ dtype, shape }] = node.outputs as [Tensor];
  const sizes = shape.map(toJsonDim);
  switch (node.kind) {
    case 'input':
      return { kind, scope, name: node.name, dtype, shape: sizes };
    case 'parameter':
      return { kind, scope, name: node.name, shape: sizes, initializer: node.initializer };
    case 'constant': {
      const { buffer, byteOffset, byteLength } = node.data;
      const data = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
      return { kind, scope, dtype, shape: sizes, data };
    }
    case 'operation': {
      const attributes = Object.entries(node.attributes).map(([name, value]) => [
        name,
        toJsonAttribute(value),
      ]);
      return {
        kind,
        scope,
        name: node.op.name,
        inputs: node.inputs.map(refer),
        attributes: Object.fromEntries(attributes),
      };
    }
  }
}

function constantFromBase64(dtype: DType, text: string): ConstantData {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  const whole = bytes.length - (bytes.length % 4);
  if (dtype === 'bool') return bytes;
  return dtype === 'f32'
    ? new Float32Array(bytes.buffer, 0, whole / 4)
    : new Int32Array(bytes.buffer, 0, whole / 4);
}

/**
 * Reads what `graphToJson` wrote. The operations it names must be loaded.
 * @throws GraphError when the data is not such a graph.
 */
export function graphFromJson(value: unknown): Graph {
  const validate = validator();
  if (!validate(value)) {
    const [problem] = validate.errors ?? [];
    throw new GraphError(`not a graph: ${problem?.instancePath ?? ''} ${problem?.message ?? ''}`);
  }
  const made: (readonly Tensor[])[] = [];
  const resolve = ([node, output]: readonly number[]): Tensor => {
    const tensor = made[node!]?.[output!];
    if (!tensor)
      throw new GraphError(`not a graph: output ${output} of node ${node} is used before it exists`);
    return tensor;
  };
  for (const [index, node] of value.nodes.entries()) made.push(readNodeAt(index, node, resolve));
  const outputs = Object.entries(value.outputs).map(([name, tensor]) => [name, resolve(tensor)]);
  return makeGraph(
    value.name,
    value.inputs.map((node) => resolve([node, 0])),
    Object.fromEntries(outputs),
  );
}

/** Operations trust who builds graphs in code; inputs and attributes that a file left out may be missing altogether. */
function requireFitting(
  op: OpDefinition,
  inputs: readonly Tensor[],
  attributes: Attributes,
  scope: string,
): void {
  try {
    op.infer(inputs, attributes);
  } catch (error) {
    if (error instanceof TypeError)
      throw new GraphError(`not a graph: ${op.name} takes other inputs or attributes`, scope);
  }
}

/** @throws GraphError naming the node, whatever its operation makes of inputs and attributes that it does not expect. */
function readNodeAt(
  index: number,
  node: JsonNode,
  resolve: (reference: readonly number[]) => Tensor,
): readonly Tensor[] {
  try {
    const tensors = readNode(node, resolve);
    const sizes = tensors.flatMap(({ shape }) => shape);
    if (sizes.every((size) => typeof size !== 'number' || (Number.isSafeInteger(size) && size >= 0)))
      return tensors;
  } catch (error) {
    if (error instanceof GraphError) throw error;
  }
  throw new GraphError(`not a graph: node ${index} is a ${node.kind} that cannot be`, node.scope);
}

function readNode(node: JsonNode, resolve: (reference: readonly number[]) => Tensor): readonly Tensor[] {
  const { scope, name = '', dtype = 'f32' } = node;
  const shape = (node.shape ?? []).map(fromJsonDim);
  switch (node.kind) {
    case 'input':
      return makeNode({ kind: 'input', name, scope, inputs: [] }, [{ dtype, shape }]).outputs;
    case 'parameter':
      return makeNode({ kind: 'parameter', name, scope, inputs: [], initializer: node.initializer! }, [
        { dtype, shape },
      ]).outputs;
    case 'constant': {
      const data = constantFromBase64(dtype, node.data ?? '');
      if (
        !shape.every((size) => typeof size === 'number') ||
        countElements(shape as number[]) !== data.length
      )
        throw new GraphError(
          `not a graph: a constant ${formatType({ dtype, shape })} holds ${data.length} elements`,
        );
      return makeNode({ kind: 'constant', data, scope, inputs: [] }, [{ dtype, shape }]).outputs;
    }
    case 'operation': {
      const op = findOp(name);
      if (!op) throw new GraphError(`not a graph: there is no operation '${name}'`, scope);
      const attributes: Attributes = Object.fromEntries(
        Object.entries(node.attributes ?? {}).map(([key, value]) => [key, fromJsonAttribute(value)]),
      );
      const inputs = (node.inputs ?? []).map(resolve);
      requireFitting(op, inputs, attributes, scope);
      return applyOp(op, inputs, attributes, scope);
    }
  }
}
