import { addDims, type Dim } from '../src/graph/dimension.js';
import { addIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';

/** GPU kernels compute in float32. */
const MAX_GPU_INTEGER = 2 ** 24;

type IotaAttributes = { readonly length: Dim; readonly start: Dim };

const iotaOp = defineOp<IotaAttributes>({
  name: 'iota',
  infer: (_, { length }) => [{ dtype: 'i32', shape: [length] }],
  reference(_, { start }, [output]) {
    const data = Float64Array.from({ length: output!.shape[0]! }, (_, index) => Number(start) + index);
    return [{ dtype: 'i32', shape: output!.shape, data }];
  },
  gpu: {
    kind: 'view',
    element(_, [place], { attributes: { start, length } }) {
      const end = Number(start) + Number(length);
      if (Math.max(Math.abs(Number(start)), Math.abs(end)) > MAX_GPU_INTEGER)
        throw new RangeError(`the numbers up to ${end} are more than a float32 tells apart`);
      return addIndex(place!, Number(start));
    },
  },
  onnx(emitter, { attributes: { length, start } }) {
    const scalar = (value: Dim) => {
      const none = emitter.constant({ type: 'int64', values: [] }, [0]);
      return emitter.cast(emitter.node('Reshape', [emitter.shape([value]), none]), 'int32');
    };
    const one = emitter.constant({ type: 'int32', values: [1] }, []);
    return [emitter.node('Range', [scalar(start), scalar(addDims(start, length)), one])];
  },
});

/** The whole numbers start, start + 1, …: i32 `[length]`. */
export function iota(length: Dim, start: Dim = 0): Tensor {
  return apply(iotaOp, [], { length, start });
}
