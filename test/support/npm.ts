import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** An environment without what npm and mocha leave in it for what they start. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const isTheirs = (name: string) => /^(npm_|node_options$|init_cwd$)/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isTheirs(name)));
}

/** Runs npm. @returns its exit code and what it wrote */
export function npm(args: readonly string[], { cwd = root, env = {} as NodeJS.ProcessEnv } = {}) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    env: { ...plainEnvironment(), ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    shell: process.platform === 'win32',
  });
  return { status, stdout, stderr };
}

/** A package as npm would publish it. */
export interface PublishedPackage {
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** What `npm pack --json` says about this package. */
export function readPacked(json: string): PublishedPackage {
  return Object.values(JSON.parse(json) as Readonly<Record<string, PublishedPackage>>)[0]!;
}

/** A program that takes something from each face of the package. */
export const CONSUMER = `import { load, sample, type Model, type SampleOptions } from 'arpg';
import { input, makeGraph, multiply, resolveTarget, type Target } from 'arpg/graph';
import { TRAINING_DEFAULTS, trainGenerator, type TrainingRequest } from 'arpg/training';

export const target: Target = await resolveTarget('reference');
const x = input('x', 'f32', [3]);
export const graph = makeGraph('squares', [x], { y: multiply(x, x) });
export const defaults: Partial<TrainingRequest> = TRAINING_DEFAULTS;
export const train: typeof trainGenerator = trainGenerator;
const model: Model = await load('digits', { target: 'onnx' });
const options: SampleOptions = { classes: [3], seed: 1 };
const { pictures } = await sample(model, options);
const { width, height } = pictures[0]!.image;
console.log(width, height);
await model.dispose();
`;

/** What `tsc` is asked of a program that uses the package: everything strict, declarations of packages included. */
export const STRICT = [
  '--strict',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--skipLibCheck',
  'false',
  '--module',
  'nodenext',
  '--target',
  'es2022',
];

/** The TypeScript compiler of this project. */
export const TSC = `${root}node_modules/typescript/bin/tsc`;
