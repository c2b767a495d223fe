import { countElements, type Dim } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { add } from './add.js';
import { centredRows } from './families/centredRows.js';
import { mean } from './mean.js';
import { multiply } from './multiply.js';
import { reshape } from './reshape.js';
import { rsqrt } from './rsqrt.js';
import { subtract } from './subtract.js';

type GroupNormAttributes = { readonly groups: number; readonly epsilon: number };

const groupNormOp = defineOp<GroupNormAttributes>({
  name: 'groupNorm',
  infer([x, weight, bias], { groups }) {
    requireDType([x!, weight!, bias!], 'f32');
    requireRank(x!, 4, 'the input');
    const channels = x!.shape[1]!;
    requireEqualDims(channels, weight!.shape[0]!, 'channels and weight');
    requireEqualDims(channels, bias!.shape[0]!, 'channels and bias');
    if (typeof channels !== 'number' || channels % groups !== 0)
      throw new RangeError(`${String(channels)} channels do not divide into ${groups} groups`);
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference([x, weight, bias], { groups, epsilon }) {
    const result = zeros('f32', x!.shape);
    const [, channels, height, width] = x!.shape as [number, number, number, number];
    const pixels = height * width;
    const size = (channels / groups) * pixels;
    for (let start = 0; start < x!.data.length; start += size) {
      let total = 0;
      for (let i = 0; i < size; i++) total += x!.data[start + i]!;
      const mean = total / size;
      let squares = 0;
      for (let i = 0; i < size; i++) squares += (x!.data[start + i]! - mean) ** 2;
      const scale = 1 / Math.sqrt(squares / size + epsilon);
      for (let i = 0; i < size; i++) {
        const channel = Math.floor((start + i) / pixels) % channels;
        result.data[start + i] =
          (x!.data[start + i]! - mean) * scale * weight!.data[channel]! + bias!.data[channel]!;
      }
    }
    return [result];
  },
  onnx(emitter, { inputs: [x, weight, bias], inputTypes: [type], attributes: { groups, epsilon } }) {
    const [batch, channels] = type!.shape as [number, number];
    const int64 = (...values: readonly number[]) =>
      emitter.constant({ type: 'int64', values }, [values.length]);
    const float = (value: number) =>
      emitter.constant({ type: 'float', values: new Array<number>(groups).fill(value) }, [groups]);
    const grouped = emitter.node('Reshape', [x!, int64(0, groups, -1)]);
    const rows = centredRows(emitter, grouped);
    const normalized = emitter.node('InstanceNormalization', [rows, float(1), float(0)], {
      epsilon: { float: epsilon },
    });
    const restored = emitter.node('Reshape', [
      normalized,
      emitter.shape([batch, channels, ...type!.shape.slice(2)]),
    ]);
    if (emitter.blocksChannels) {
      // A filter of one tap scales and shifts in one turn, and what follows finds the channels in blocks.
      const taps = emitter.node('Reshape', [weight!, int64(channels, 1, 1, 1)]);
      return [emitter.node('Conv', [restored, taps, bias!], { group: { int: channels } })];
    }
    const perChannel = int64(channels, 1, 1);
    const scaled = emitter.node('Mul', [restored, emitter.node('Reshape', [weight!, perChannel])]);
    return [emitter.node('Add', [scaled, emitter.node('Reshape', [bias!, perChannel])])];
  },
  decompose([x, weight, bias], { groups, epsilon }) {
    const [batch, channels] = x!.shape as [Dim, number];
    const grouped = reshape(x!, [batch, groups, -1]);
    const centred = subtract(grouped, mean(grouped, { axes: [2], keepDims: true }));
    const variance = mean(multiply(centred, centred), { axes: [2], keepDims: true });
    const normalized = reshape(multiply(centred, rsqrt(add(variance, epsilon))), x!.shape);
    const perChannel = (parameter: Tensor) => reshape(parameter, [channels, 1, 1]);
    return [add(multiply(normalized, perChannel(weight!)), perChannel(bias!))];
  },
  flops: ([x]) => 6 * countElements(x!.shape),
});

/**
 * Group normalisation (Wu and He, 2018): each group of neighbouring channels is brought to mean 0 and variance 1
 * over its channels and pixels, then scaled and shifted channel by channel.
 * @param x `[batch, channels, height, width]`
 * @param weight `[channels]`
 * @param bias `[channels]`
 */
export function groupNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { groups, epsilon }: { readonly groups: number; readonly epsilon: number },
): Tensor {
  return apply(groupNormOp, [x, weight, bias], { groups, epsilon });
}
