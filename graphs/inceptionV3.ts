import {
  add,
  concat,
  constant,
  conv2d,
  dim,
  type Graph,
  input,
  makeGraph,
  matmul,
  maximum,
  mean,
  multiply,
  pad,
  parameter,
  relu,
  reshape,
  rsqrt,
  scope,
  slice,
  softmax,
  subtract,
  type Tensor,
  transpose,
} from '../src/dsl/index.js';
import { cornerBilinear, resample } from './resampling.js';

/** Side of the pictures that the network sees, and of the maps before the last pooling. */
const SIDE = 299;
/** Values of 0 to 255 become these steps around nought. */
const [MIDDLE, STEP] = [128, 0.0078125];
const NORM_EPSILON = 0.001;
/** Channels that the spatial features keep of the 17×17 map. */
const SPATIAL_CHANNELS = 7;
/** Outputs of the network of 2015, of which 1000 are classes. */
export const INCEPTION_OUTPUTS = 1008;

type Size = readonly [height: number, width: number];

interface ConvOptions {
  readonly kernel: Size;
  readonly stride?: number;
  /** Pixels added on both sides of each axis; those that keep the size where left out, none with a stride. */
  readonly padding?: Size;
}

/** Convolution without bias → normalisation by stored statistics → ReLU */
function unit(
  name: string,
  x: Tensor,
  outputs: number,
  { kernel, stride = 1, padding }: ConvOptions,
): Tensor {
  const inputs = Number(x.shape[1]);
  const same: Size = [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];
  const [top, left] = padding ?? (stride > 1 ? [0, 0] : same);
  return scope(name, () => {
    const bound = Math.sqrt(6 / (inputs * kernel[0] * kernel[1]));
    const shape = [outputs, inputs, ...kernel];
    const weight = scope('conv', () => parameter('weight', shape, { kind: 'uniform', bound }));
    const mapped = conv2d(x, weight, { stride, padding: { top, left, bottom: top, right: left } });
    return relu(scope('bn', () => normalize(mapped, outputs)));
  });
}

/** Scales and shifts each channel as its statistics over the training set say. */
function normalize(x: Tensor, channels: number): Tensor {
  const of = (name: string, kind: 'ones' | 'zeros') =>
    reshape(parameter(name, [channels], { kind }), [1, channels, 1, 1]);
  const scale = multiply(of('weight', 'ones'), rsqrt(add(of('running_var', 'ones'), NORM_EPSILON)));
  return add(multiply(subtract(x, of('running_mean', 'zeros')), scale), of('bias', 'zeros'));
}

const ONE: Size = [1, 1];
const THREE: Size = [3, 3];

/** Three neighbours along an axis, combined. */
function alongAxis(x: Tensor, axis: number, combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const length = Number(x.shape[axis]) - 2;
  return [0, 1, 2].map((start) => slice(x, { axis, start, length })).reduce(combine);
}

/** Every second place along an axis of odd length, the first and the last among them. */
function everySecond(x: Tensor, axis: number): Tensor {
  const size = Number(x.shape[axis]);
  const after = x.shape.map((_, other) => (other === axis ? 1 : 0));
  const even = pad(
    x,
    x.shape.map(() => 0),
    after,
  );
  const split = [...x.shape.slice(0, axis), (size + 1) / 2, 2, ...x.shape.slice(axis + 1)];
  const first = slice(reshape(even, split), { axis: axis + 1, start: 0, length: 1 });
  return reshape(first, [...x.shape.slice(0, axis), (size + 1) / 2, ...x.shape.slice(axis + 1)]);
}

/** The largest of 3×3 places, a step of two from one to the next. */
function maxPool(x: Tensor): Tensor {
  return [2, 3].reduce((map, axis) => everySecond(alongAxis(map, axis, maximum), axis), x);
}

function padded(x: Tensor): Tensor {
  return pad(x, [0, 0, 1, 1], [0, 0, 1, 1]);
}

/** The mean of 3×3 places, of those that lie in the map. */
function averagePool(x: Tensor): Tensor {
  const sums = [2, 3].reduce((map, axis) => alongAxis(map, axis, add), padded(x));
  const side = Number(x.shape[2]);
  const reach = (place: number) => (place === 0 || place === side - 1 ? 2 : 3);
  const shares = Array.from(
    { length: side ** 2 },
    (_, place) => 1 / (reach(Math.floor(place / side)) * reach(place % side)),
  );
  return multiply(sums, constant('f32', [side, side], shares));
}

/** The largest of 3×3 places; what it sees comes from ReLU, so that zeros around the map never win. */
function maxPoolSame(x: Tensor): Tensor {
  return [2, 3].reduce((map, axis) => alongAxis(map, axis, maximum), padded(x));
}

/** 35×35 maps: 1×1, 5×5, twice 3×3, and a pooled branch */
function blockA(name: string, x: Tensor, pooled: number): Tensor {
  return scope(name, () => {
    const double = unit('branch3x3dbl_2', unit('branch3x3dbl_1', x, 64, { kernel: ONE }), 96, {
      kernel: THREE,
    });
    return concat(
      [
        unit('branch1x1', x, 64, { kernel: ONE }),
        unit('branch5x5_2', unit('branch5x5_1', x, 48, { kernel: ONE }), 64, { kernel: [5, 5] }),
        unit('branch3x3dbl_3', double, 96, { kernel: THREE }),
        unit('branch_pool', averagePool(x), pooled, { kernel: ONE }),
      ],
      1,
    );
  });
}

/** 35×35 → 17×17 */
function blockB(name: string, x: Tensor): Tensor {
  return scope(name, () => {
    const double = unit('branch3x3dbl_2', unit('branch3x3dbl_1', x, 64, { kernel: ONE }), 96, {
      kernel: THREE,
    });
    return concat(
      [
        unit('branch3x3', x, 384, { kernel: THREE, stride: 2 }),
        unit('branch3x3dbl_3', double, 96, { kernel: THREE, stride: 2 }),
        maxPool(x),
      ],
      1,
    );
  });
}

const [FLAT, TALL]: readonly [Size, Size] = [
  [1, 7],
  [7, 1],
];

/** 17×17 maps: 1×1, 7×7 in two parts, the same twice, and a pooled branch */
function blockC(name: string, x: Tensor, width: number): { readonly block: Tensor; readonly first: Tensor } {
  return scope(name, () => {
    const first = unit('branch1x1', x, 192, { kernel: ONE });
    const seven = unit('branch7x7_2', unit('branch7x7_1', x, width, { kernel: ONE }), width, {
      kernel: FLAT,
    });
    const twice = [TALL, FLAT, TALL].reduce(
      (map, kernel, index) => unit(`branch7x7dbl_${index + 2}`, map, width, { kernel }),
      unit('branch7x7dbl_1', x, width, { kernel: ONE }),
    );
    const block = concat(
      [
        first,
        unit('branch7x7_3', seven, 192, { kernel: TALL }),
        unit('branch7x7dbl_5', twice, 192, { kernel: FLAT }),
        unit('branch_pool', averagePool(x), 192, { kernel: ONE }),
      ],
      1,
    );
    return { block, first };
  });
}

/** 17×17 → 8×8 */
function blockD(name: string, x: Tensor): Tensor {
  return scope(name, () => {
    const three = unit('branch3x3_1', x, 192, { kernel: ONE });
    const seven = [FLAT, TALL].reduce(
      (map, kernel, index) => unit(`branch7x7x3_${index + 2}`, map, 192, { kernel }),
      unit('branch7x7x3_1', x, 192, { kernel: ONE }),
    );
    return concat(
      [
        unit('branch3x3_2', three, 320, { kernel: THREE, stride: 2 }),
        unit('branch7x7x3_4', seven, 192, { kernel: THREE, stride: 2 }),
        maxPool(x),
      ],
      1,
    );
  });
}

/** 8×8 maps: 1×1, 3×3 in two halves side by side, the same after another 3×3, and a pooled branch */
function blockE(name: string, x: Tensor, pool: (x: Tensor) => Tensor): Tensor {
  const halves = (part: string, map: Tensor) =>
    concat(
      [unit(`${part}a`, map, 384, { kernel: [1, 3] }), unit(`${part}b`, map, 384, { kernel: [3, 1] })],
      1,
    );
  return scope(name, () => {
    const double = unit('branch3x3dbl_2', unit('branch3x3dbl_1', x, 448, { kernel: ONE }), 384, {
      kernel: THREE,
    });
    return concat(
      [
        unit('branch1x1', x, 320, { kernel: ONE }),
        halves('branch3x3_2', unit('branch3x3_1', x, 384, { kernel: ONE })),
        halves('branch3x3dbl_3', double),
        unit('branch_pool', pool(x), 192, { kernel: ONE }),
      ],
      1,
    );
  });
}

/** `[batch, 3, 299, 299]` → `[batch, 192, 35, 35]` */
function stem(x: Tensor): Tensor {
  const small = unit('Conv2d_2a_3x3', unit('Conv2d_1a_3x3', x, 32, { kernel: THREE, stride: 2 }), 32, {
    kernel: THREE,
    padding: [0, 0],
  });
  const pooled = maxPool(unit('Conv2d_2b_3x3', small, 64, { kernel: THREE }));
  const wide = unit('Conv2d_3b_1x1', pooled, 80, { kernel: ONE });
  return maxPool(unit('Conv2d_4a_3x3', wide, 192, { kernel: THREE, padding: [0, 0] }));
}

/** Pictures `[batch, 3, height, width]` of values 0 to 255 as the network of 2015 takes them: 299×299, from −1 to 1. */
export function inceptionInput(image: Tensor): Tensor {
  const [height, width] = image.shape.slice(2) as [number, number];
  const resized = resample(image, cornerBilinear(height, SIDE), cornerBilinear(width, SIDE));
  return multiply(subtract(resized, MIDDLE), STEP);
}

/** Probabilities of pooled features, without the bias that the network has besides. */
export function inceptionProbabilities(pool: Tensor, weight: Tensor): Tensor {
  return softmax(matmul(pool, weight, { transposeRight: true }));
}

/** What the evaluation uses of the network, of pictures as it takes them. */
export function inceptionFeatures(x: Tensor): Readonly<Record<'pool' | 'spatial' | 'probabilities', Tensor>> {
  const small = blockA('Mixed_5d', blockA('Mixed_5c', blockA('Mixed_5b', stem(x), 32), 64), 64);
  const middle = blockC('Mixed_6c', blockC('Mixed_6b', blockB('Mixed_6a', small), 128).block, 160);
  const inner = blockC('Mixed_6d', middle.block, 160);
  const last = blockC('Mixed_6e', inner.block, 192).block;
  const maps = blockE('Mixed_7b', blockD('Mixed_7a', last), averagePool);
  const pool = mean(blockE('Mixed_7c', maps, maxPoolSame), { axes: [2, 3] });
  const rows = transpose(slice(inner.first, { axis: 1, start: 0, length: SPATIAL_CHANNELS }), [0, 2, 3, 1]);
  const channels = Number(pool.shape[1]);
  const weight = scope('fc', () =>
    parameter('weight', [INCEPTION_OUTPUTS, channels], { kind: 'uniform', bound: 1 / Math.sqrt(channels) }),
  );
  return {
    pool,
    spatial: reshape(rows, [rows.shape[0]!, rows.shape.slice(1).reduce<number>((a, b) => a * Number(b), 1)]),
    probabilities: inceptionProbabilities(pool, weight),
  };
}

/**
 * Inception v3 as it was published in 2015 (Szegedy et al., arXiv 1512.00567), whose features the Fréchet Inception Distance
 * is defined on: `image` f32 `[batch, 3, height, width]` of values 0 to 255 → `pool` `[batch, 2048]`, `spatial`
 * `[batch, 2023]`, the first seven channels of a 17×17 map with the channel last, and `probabilities` `[batch, 1008]`.
 * Pictures are brought to 299×299 as that network did, whatever their size. It differs from later versions in its pooling:
 * means leave out what lies outside the map, and the last block takes the largest.
 */
export function inceptionV3(height: number, width: number): Graph {
  const image = input('image', 'f32', [dim('batch'), 3, height, width]);
  return makeGraph('inception-v3', [image], inceptionFeatures(inceptionInput(image)));
}
