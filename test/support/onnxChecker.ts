import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ONNX_ATTRIBUTE_TYPES, ONNX_DATA_TYPES, type OnnxModel } from '../../src/targets/onnx/onnxSchema.js';

/** Operators of the standard that models here use, with the least and most inputs that the standard allows. */
const OPERATORS: Readonly<Record<string, readonly [number, number]>> = {
  Abs: [1, 1],
  Add: [2, 2],
  ArgMax: [1, 1],
  Attention: [3, 6],
  ArgMin: [1, 1],
  Cast: [1, 1],
  Concat: [1, Number.POSITIVE_INFINITY],
  Conv: [2, 3],
  Div: [2, 2],
  Expand: [2, 2],
  Gather: [2, 2],
  GroupNormalization: [3, 3],
  Identity: [1, 1],
  InstanceNormalization: [3, 3],
  LessOrEqual: [2, 2],
  MatMul: [2, 2],
  MatMulInteger: [2, 4],
  MatMulNBits: [3, 6],
  Max: [1, Number.POSITIVE_INFINITY],
  Mul: [2, 2],
  Pad: [2, 4],
  RMSNormalization: [2, 2],
  QuantizeLinear: [2, 3],
  Range: [3, 3],
  Reciprocal: [1, 1],
  ReduceMax: [1, 2],
  ReduceSum: [1, 2],
  Reshape: [2, 2],
  Resize: [1, 4],
  RotaryEmbedding: [3, 4],
  Shape: [1, 1],
  Sigmoid: [1, 1],
  Slice: [3, 5],
  Softmax: [1, 1],
  Split: [1, 2],
  Sqrt: [1, 1],
  Sub: [2, 2],
  Sum: [1, Number.POSITIVE_INFINITY],
  Transpose: [1, 1],
  Where: [3, 3],
};

const BYTES: Readonly<Record<number, number>> = {
  [ONNX_DATA_TYPES.float]: 4,
  [ONNX_DATA_TYPES.uint8]: 1,
  [ONNX_DATA_TYPES.int8]: 1,
  [ONNX_DATA_TYPES.int32]: 4,
  [ONNX_DATA_TYPES.int64]: 8,
  [ONNX_DATA_TYPES.bool]: 1,
  [ONNX_DATA_TYPES.float16]: 2,
};

/**
 * What breaks the rules of `onnx.checker`: names assigned once and before they are read, known operators with as many
 * inputs as they take, attributes of the type they say, tensors as large as their shape, external data inside its file.
 * @param folder where external data lies
 */
export function findOnnxFaults(
  { irVersion, opsetImport, graph }: OnnxModel,
  folder: string,
): readonly string[] {
  const faults: string[] = [];
  if (!(irVersion >= 3)) faults.push(`IR version ${irVersion}`);
  if (graph.name === '') faults.push('a graph without a name');
  const domains = new Set(opsetImport.map(({ domain }) => domain));
  const known = new Set<string>();
  const define = (name: string, what: string) => {
    if (name === '' || known.has(name)) faults.push(`${what} '${name}' is defined twice or has no name`);
    known.add(name);
  };
  for (const { name, type } of graph.input) {
    define(name, 'input');
    if (!Object.values(ONNX_DATA_TYPES).includes(type.tensorType.elemType as 1))
      faults.push(`input '${name}' has no element type`);
  }
  for (const { name, dims, dataType, rawData, dataLocation, externalData = [] } of graph.initializer) {
    define(name, 'initializer');
    const bytes = dims.reduce((product, size) => product * size, 1) * (BYTES[dataType] ?? Number.NaN);
    const entry = (key: string) => externalData.find((own) => own.key === key)?.value;
    if (dataLocation === 1) {
      const path = join(folder, entry('location') ?? '');
      const end = Number(entry('offset')) + Number(entry('length'));
      if (/[/\\]|^\.\./.test(entry('location') ?? '/')) faults.push(`'${name}' lies outside the folder`);
      else if (!existsSync(path) || statSync(path).size < end) faults.push(`'${name}' lies outside its file`);
      if (Number(entry('length')) !== bytes)
        faults.push(`'${name}' has ${entry('length')} bytes, not ${bytes}`);
    } else {
      // A tensor without elements has no data.
      const { length } = rawData ?? new Uint8Array();
      if (length !== bytes) faults.push(`'${name}' has ${length} bytes, not ${bytes}`);
    }
  }
  const nodeNames = new Set<string>();
  for (const { name, opType, domain, input, output, attribute } of graph.node) {
    if (nodeNames.has(name)) faults.push(`two nodes are called '${name}'`);
    nodeNames.add(name);
    if (!domains.has(domain)) faults.push(`'${name}': the domain '${domain}' is not imported`);
    const [least, most] = OPERATORS[opType] ?? [Number.NaN, Number.NaN];
    if (!(input.length >= least && input.length <= most))
      faults.push(`'${name}': ${opType} with ${input.length} inputs`);
    for (const own of input)
      if (own !== '' && !known.has(own)) faults.push(`'${name}' reads '${own}' too early`);
    for (const { name: attributeName, type, f, i, s, ints } of attribute) {
      const value = { [ONNX_ATTRIBUTE_TYPES.float]: f, [ONNX_ATTRIBUTE_TYPES.int]: i }[type] ?? s ?? ints;
      if (value === undefined)
        faults.push(`'${name}': the attribute ${attributeName} has no value of its type`);
    }
    for (const own of output) define(own, 'value');
  }
  for (const { name } of graph.output)
    if (!known.has(name)) faults.push(`output '${name}' is never computed`);
  return faults;
}
