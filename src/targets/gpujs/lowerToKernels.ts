import { countElements, type DimBindings, equalShapes } from '../../graph/dimension.js';
import { type Graph, nodesOf } from '../../graph/graph.js';
import { TargetError } from '../../errors.js';
import { GraphError } from '../../graph/graphError.js';
import type { Expression, GpuCall } from '../../graph/gpuRule.js';
import {
  broadcastIndex,
  flattenIndex,
  divideIndex,
  moduloIndex,
  multiplyIndex,
  addIndex,
  unflattenIndex,
} from '../../graph/indexExpression.js';
import { concreteAttributes } from '../../graph/interpret.js';
import type { ConstantNode, OperationNode, Tensor } from '../../graph/node.js';
import { concreteType } from '../../graph/tensorType.js';
import { requireExactIntegers } from './exactIntegers.js';
import {
  type BufferLayout,
  bufferLayout,
  type KernelPlan,
  type KernelStep,
  lastReads,
  type ValueSource,
} from './kernelPlan.js';
import { KernelSource } from './kernelSource.js';

export interface LoweringOptions {
  /** Elements that one thread may compute together. */
  readonly maxLanes: number;
  /** Threads below which a kernel would leave the device idle, so that each computes one element alone. */
  readonly minThreads: number;
  /**
   * Whether kernels index arrays by one number instead of row and column: gpu.js' JavaScript kernels take the width of
   * the result for that of every array. Elsewhere the number could grow past what a float holds.
   */
  readonly flatArrays: boolean;
  /** Arrays that one kernel may read. */
  readonly maxReads: number;
  /** Whether operations are fused; without, each operation but views is a kernel (for measuring). */
  readonly fuse?: boolean;
}

/** Which tensors get memory of their own. */
interface Placement {
  readonly kept: ReadonlySet<Tensor>;
  /** Sources that are stored with their last two axes swapped. */
  readonly transposed: ReadonlySet<Tensor>;
}

function gpuRuleOf(node: OperationNode) {
  if (!node.op.gpu) throw new GraphError(`'${node.op.name}' has no GPU kernel`, node.scope);
  return node.op.gpu;
}

/** Weights that are only ever read transposed are stored that way round. */
function findTransposed(operations: readonly OperationNode[]): ReadonlySet<Tensor> {
  const candidates = new Set<Tensor>();
  const others = new Set<Tensor>();
  for (const node of operations) {
    for (const [index, tensor] of node.inputs.entries()) {
      const isSource = tensor.node.kind === 'parameter' || tensor.node.kind === 'constant';
      const rule = gpuRuleOf(node);
      const isSwapped = rule.kind === 'kernel' && rule.readsTransposed?.(index, node.attributes) === true;
      if (isSource && isSwapped && tensor.shape.length === 2) candidates.add(tensor);
      else others.add(tensor);
    }
  }
  return new Set([...candidates].filter((tensor) => !others.has(tensor)));
}

function place(
  graph: Graph,
  operations: readonly OperationNode[],
  { maxReads, fuse = true }: LoweringOptions,
): Placement {
  const consumers = new Map<Tensor, OperationNode[]>();
  for (const node of operations)
    for (const tensor of new Set(node.inputs))
      consumers.set(tensor, [...(consumers.get(tensor) ?? []), node]);
  const kept = new Set<Tensor>(Object.values(graph.outputs));
  const leaves = new Map<Tensor, ReadonlySet<Tensor>>();
  const leavesOf = (tensor: Tensor): ReadonlySet<Tensor> =>
    isLiteral(tensor)
      ? new Set()
      : tensor.node.kind !== 'operation' || kept.has(tensor)
        ? new Set([tensor])
        : leaves.get(tensor)!;
  const unionOf = (tensors: readonly Tensor[]) => new Set(tensors.flatMap((tensor) => [...leavesOf(tensor)]));

  /** Tensors whose statements run inside the kernel that reads them. */
  const withStatements = new Set<Tensor>();
  const staysInline = (node: OperationNode, tensor: Tensor): boolean => {
    const rule = gpuRuleOf(node);
    if (rule.kind === 'view') return !node.inputs.some((operand) => withStatements.has(operand));
    if (!fuse) return false;
    const readers = consumers.get(tensor) ?? [];
    if (rule.kind === 'kernel' || node.inputs.some((operand) => withStatements.has(operand))) {
      // Statements must run once for each element: only in the one element-wise operation of the same shape.
      const [reader] = readers;
      const fits =
        readers.length === 1 &&
        reader !== undefined &&
        gpuRuleOf(reader).kind === 'element' &&
        equalShapes(reader.outputs[0]!.shape, tensor.shape) &&
        reader.inputs.filter((operand) => operand === tensor).length === 1;
      if (fits) withStatements.add(tensor);
      return fits;
    }
    return readers.length <= 2 && readers.every((reader) => !readsOften(reader, consumers));
  };

  for (const node of operations) {
    // Too many arrays for one kernel: keep the widest operands in memory.
    let union = unionOf(node.inputs);
    while (union.size > maxReads) {
      const widest = node.inputs
        .filter((tensor) => tensor.node.kind === 'operation' && !kept.has(tensor))
        .sort((a, b) => leavesOf(b).size - leavesOf(a).size)[0];
      if (!widest || leavesOf(widest).size <= 1)
        throw new GraphError(
          `'${node.op.name}' reads ${union.size} arrays, more than the ${maxReads} that one kernel can`,
          node.scope,
        );
      kept.add(widest);
      union = unionOf(node.inputs);
    }
    for (const tensor of node.outputs) {
      if (!staysInline(node, tensor)) kept.add(tensor);
      leaves.set(tensor, union);
    }
  }
  return { kept, transposed: findTransposed(operations) };
}

/** Whether an operation, or what reads it through views, reads its inputs again and again. */
function readsOften(node: OperationNode, consumers: ReadonlyMap<Tensor, readonly OperationNode[]>): boolean {
  const rule = gpuRuleOf(node);
  if (rule.kind === 'kernel') return rule.heavy;
  if (rule.kind === 'element') return false;
  if (rule.readsSeldom) return false;
  return node.outputs.some((tensor) =>
    (consumers.get(tensor) ?? []).some((reader) => readsOften(reader, consumers)),
  );
}

/** Writes the kernel of one tensor. */
class KernelBuilder {
  private readonly source = new KernelSource();
  private readonly parameters: Tensor[] = [];
  private readonly covered = new Set<string>();
  flops = 0;

  constructor(
    private readonly placement: Placement,
    private readonly bindings: DimBindings,
    private readonly layouts: ReadonlyMap<Tensor, BufferLayout>,
    private readonly flatArrays: boolean,
  ) {}

  private shapeOf(tensor: Tensor): readonly number[] {
    return concreteType(tensor, this.bindings).shape;
  }

  callOf(node: OperationNode, output: number): GpuCall {
    return {
      inputTypes: node.inputs.map((tensor) => concreteType(tensor, this.bindings)),
      outputTypes: node.outputs.map((tensor) => concreteType(tensor, this.bindings)),
      attributes: concreteAttributes(node.attributes, this.bindings),
      output,
    };
  }

  /** The elements of a tensor at several places, worked out here. */
  private compute(tensor: Tensor, indices: readonly (readonly Expression[])[]): readonly Expression[] {
    const node = tensor.node as OperationNode;
    const rule = gpuRuleOf(node);
    const call = this.callOf(node, tensor.index);
    this.covered.add(`${node.scope === '' ? '' : `${node.scope}/`}${node.op.name}`);
    const flops = node.op.flops?.(call.inputTypes, call.outputTypes, call.attributes);
    this.flops += flops ?? countElements(call.outputTypes[tensor.index]!.shape);
    const reader = {
      read: (input: number, index: readonly Expression[]) => this.read(node.inputs[input]!, index),
      temporary: (expression: Expression) => this.source.temporary(expression),
    };
    switch (rule.kind) {
      case 'view':
        return indices.map((index) => rule.element(reader, index, call));
      case 'element': {
        const operands = node.inputs.map((input) =>
          this.readMany(
            input,
            indices.map((index) => broadcastIndex(index, this.shapeOf(input))),
          ),
        );
        return indices.map((_, lane) =>
          rule.expression(
            operands.map((values) => reader.temporary(values[lane]!)),
            call.attributes,
            reader.temporary,
          ),
        );
      }
      case 'kernel':
        return rule.compute(
          {
            ...reader,
            variable: (initial) => this.source.variable(initial),
            assign: (variable, value) => this.source.assign(variable, value),
            loop: (count, body) => this.source.loop(count, body),
            when: (condition, body) => this.source.when(condition, body),
          },
          indices,
          call,
        );
    }
  }

  private readMany(tensor: Tensor, indices: readonly (readonly Expression[])[]): readonly Expression[] {
    const inline = tensor.node.kind === 'operation' && !this.placement.kept.has(tensor);
    const rule = tensor.node.kind === 'operation' ? gpuRuleOf(tensor.node) : undefined;
    if (!inline || rule?.kind === 'view') return indices.map((index) => this.read(tensor, index));
    return this.compute(tensor, indices);
  }

  private read(tensor: Tensor, index: readonly Expression[]): Expression {
    if (tensor.node.kind === 'operation' && !this.placement.kept.has(tensor))
      return this.compute(tensor, [index])[0]!;
    return this.element(tensor, index);
  }

  /** An element in memory; constants of one element are written out. */
  private element(tensor: Tensor, index: readonly Expression[]): Expression {
    if (isLiteral(tensor)) {
      if (tensor.dtype === 'i32') requireExactIntegers(tensor.node.data, 'a constant');
      return literal(tensor.node.data[0]!);
    }
    let parameter = this.parameters.indexOf(tensor);
    if (parameter < 0) parameter = this.parameters.push(tensor) - 1;
    const swapped = this.placement.transposed.has(tensor) ? index.toReversed() : index;
    const layout =
      this.layouts.get(tensor) ??
      bufferLayout(
        this.placement.transposed.has(tensor) ? this.shapeOf(tensor).toReversed() : this.shapeOf(tensor),
      );
    return elementInBuffer(`a${parameter}`, swapped, layout, this.flatArrays, (expression) =>
      this.source.temporary(expression),
    );
  }

  build(tensor: Tensor, layout: BufferLayout, sourceOf: (tensor: Tensor) => ValueSource): KernelStep {
    const name = (expression: Expression) => this.source.temporary(expression);
    const { lanes, laneAxis } = layout;
    const thread = threadIndex(layout, name);
    const size = laneAxis < 0 ? 1 : this.shapeOf(tensor)[laneAxis]!;
    const indices = Array.from({ length: lanes }, (_, lane) => {
      if (lanes === 1) return thread;
      const at = name(addIndex(multiplyIndex(thread[laneAxis]!, lanes), lane));
      // The last group's unused members repeat the last element.
      return thread.with(laneAxis, size % lanes === 0 ? at : name(`Math.min(${at}, ${size - 1})`));
    });
    const results = this.compute(tensor, indices);
    const parameters = this.parameters.map((_, index) => `a${index}`);
    return {
      source: this.source.finish(parameters, results),
      reads: this.parameters.map(sourceOf),
      layout,
      tensor,
      covers: [...this.covered],
      flops: this.flops,
    };
  }
}

/** Whether a tensor is a constant of one element that a source can spell: finite, and not −0. */
function isLiteral(tensor: Tensor): tensor is Tensor & { readonly node: ConstantNode } {
  if (tensor.node.kind !== 'constant' || tensor.node.data.length !== 1) return false;
  const [value] = tensor.node.data;
  return Number.isFinite(value) && !Object.is(value, -0);
}

function literal(value: number): Expression {
  const text = /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
  return value < 0 ? `(${text})` : text;
}

function elementInBuffer(
  array: string,
  index: readonly Expression[],
  layout: BufferLayout,
  flatArrays: boolean,
  name: (expression: Expression) => Expression,
): Expression {
  const { shape, split, columns, lanes, laneAxis } = layout;
  const groups = lanes === 1 ? index : index.with(laneAxis, name(divideIndex(index[laneAxis]!, lanes)));
  const row = flattenIndex(groups.slice(0, split), shape.slice(0, split));
  const column = flattenIndex(groups.slice(split), shape.slice(split));
  const at = (place: Expression) =>
    flatArrays
      ? `${array}[${addIndex(multiplyIndex(row, columns * lanes), place)}]`
      : `${array}[${row}][${place}]`;
  if (lanes === 1) return at(column);
  const lane = name(moduloIndex(index[laneAxis]!, lanes));
  return at(addIndex(multiplyIndex(column, lanes), lane));
}

/** The axis whose neighbours a kernel computes together: that of the first product in it. */
function sharedAxis(tensor: Tensor, placement: Placement, bindings: DimBindings): number {
  const { node } = tensor;
  if (node.kind !== 'operation') return -1;
  const rule = gpuRuleOf(node);
  if (rule.kind === 'kernel' && rule.sharedAxis) {
    const call = {
      inputTypes: node.inputs.map((input) => concreteType(input, bindings)),
      outputTypes: node.outputs.map((output) => concreteType(output, bindings)),
      attributes: concreteAttributes(node.attributes, bindings),
      output: tensor.index,
    };
    return rule.sharedAxis(call);
  }
  if (rule.kind !== 'element') return -1;
  for (const input of node.inputs) {
    if (placement.kept.has(input) || !equalShapes(input.shape, tensor.shape)) continue;
    const axis = sharedAxis(input, placement, bindings);
    if (axis >= 0) return axis;
  }
  return -1;
}

/** What a tensor's kernel is made by; sizes that kernels cannot count are refused in words. */
function refusingSizes<T>({ node }: Tensor, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const name = node.kind === 'operation' ? `'${node.op.name}'` : `a ${node.kind}`;
    throw new TargetError(
      `gpujs: ${name}${node.scope === '' ? '' : ` in ${node.scope}`}: ${error.message}; use smaller images or batches, or --target onnx`,
    );
  }
}

/**
 * Lowers a compiled graph to kernel calls for given sizes. Views become index arithmetic; element-wise operations
 * join the kernel that reads them, or the one that they read.
 * @throws GraphError naming the operation that has no kernel or exceeds a limit, TargetError for numbers that float32
 *   does not hold.
 */
export function lowerToKernels(graph: Graph, bindings: DimBindings, options: LoweringOptions): KernelPlan {
  const operations = nodesOf(graph).filter((node) => node.kind === 'operation');
  const placement = place(graph, operations, options);
  const layouts = new Map<Tensor, BufferLayout>();
  const stepOf = new Map<Tensor, number>();
  const steps: KernelStep[] = [];
  const sourceOf = (tensor: Tensor): ValueSource => {
    const { node } = tensor;
    const transposed = placement.transposed.has(tensor);
    switch (node.kind) {
      case 'input':
        return { kind: 'input', name: node.name };
      case 'parameter':
        return { kind: 'parameter', name: node.name, transposed };
      case 'constant':
        return { kind: 'constant', node, transposed };
      case 'operation':
        return { kind: 'step', step: stepOf.get(tensor)! };
    }
  };
  for (const node of operations) {
    for (const tensor of node.outputs) {
      if (!placement.kept.has(tensor)) continue;
      const { shape } = concreteType(tensor, bindings);
      const layout = threadLayout(tensor, shape, placement, bindings, options);
      const builder = new KernelBuilder(placement, bindings, layouts, options.flatArrays);
      // A tensor without elements needs no kernel; whoever reads it reads nothing.
      const empty = countElements(shape) === 0;
      const step = empty
        ? emptyStep(tensor, layout)
        : refusingSizes(tensor, () => builder.build(tensor, layout, sourceOf));
      layouts.set(tensor, layout);
      stepOf.set(tensor, steps.push(step) - 1);
    }
  }
  // Whoever gets an output expects its elements in plain order.
  const inPlainOrder = (tensor: Tensor): ValueSource => {
    const source = sourceOf(tensor);
    const layout = layouts.get(tensor);
    if (!layout || layout.lanes === 1) return source;
    const plain = bufferLayout(concreteType(tensor, bindings).shape);
    return {
      kind: 'step',
      step:
        steps.push(refusingSizes(tensor, () => copyStep(tensor, layout, plain, source, options.flatArrays))) -
        1,
    };
  };
  const outputs = Object.fromEntries(
    Object.entries(graph.outputs).map(([name, tensor]) => [name, inPlainOrder(tensor)]),
  );
  return { steps, outputs, releases: lastReads(steps, outputs) };
}

/** How many neighbours a thread of a tensor's kernel computes, and the layout that this gives. */
function threadLayout(
  tensor: Tensor,
  shape: readonly number[],
  placement: Placement,
  bindings: DimBindings,
  { maxLanes, minThreads }: LoweringOptions,
): BufferLayout {
  const axis = sharedAxis(tensor, placement, bindings);
  if (axis < 0) return bufferLayout(shape);
  const affordable = Math.max(1, Math.floor(countElements(shape) / Math.max(minThreads, 1)));
  const lanes = Math.max(1, Math.min(maxLanes, shape[axis]!, affordable));
  return bufferLayout(shape, lanes, lanes > 1 ? axis : -1);
}

/** A kernel that brings a tensor into plain order. */
function copyStep(
  tensor: Tensor,
  from: BufferLayout,
  to: BufferLayout,
  read: ValueSource,
  flatArrays: boolean,
): KernelStep {
  const source = new KernelSource();
  const name = (expression: Expression) => source.temporary(expression);
  const index = threadIndex(to, name);
  const element = elementInBuffer('a0', index, from, flatArrays, name);
  return {
    source: source.finish(['a0'], [element]),
    reads: [read],
    layout: to,
    tensor,
    covers: ['copy to plain order'],
    flops: 0,
  };
}

/** The place of a thread's first element, along each axis of its layout. */
function threadIndex(
  { shape, split, rows, columns }: BufferLayout,
  name: (expression: Expression) => Expression,
): readonly Expression[] {
  const outer = unflattenIndex(rows === 1 ? '0' : 'this.thread.y', shape.slice(0, split), name);
  const inner = unflattenIndex(columns === 1 ? '0' : 'this.thread.x', shape.slice(split), name);
  return [...outer, ...inner];
}

function emptyStep(tensor: Tensor, layout: BufferLayout): KernelStep {
  return { source: '', reads: [], layout, tensor, covers: [], flops: 0 };
}
