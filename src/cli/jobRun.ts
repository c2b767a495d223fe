import {
  classTitle,
  type CommonRecord,
  drawClass,
  type Model,
  recordedClass,
  sampleNotes,
  sampleTokens,
} from '../index.js';
import { encodeScaled, scaledSize, type WrittenFile } from './imageOutput.js';
import { type Job, jobSettings } from './jobPlan.js';
import { writeOutput } from './streams.js';

/** Generators for so many sizes are kept compiled at a time. */
const KEPT_SIZES = 4;

/** A picture that was drawn and written. */
export interface DoneJob extends WrittenFile {
  /** Of the file of jobs, from 1. */
  readonly line: number;
  readonly classId: number;
  readonly className: string | null;
  readonly seed: number;
  readonly picture: number;
  readonly steps: number;
}

/** What people are told of a picture. */
export function jobTitle({ classId, className, seed }: DoneJob): string {
  return `${classTitle({ index: classId, ...(className !== null && { name: className }) })}, seed ${seed}`;
}

/**
 * A function that draws jobs with one model, one after another.
 * @param common what the files say of all pictures; undefined where they say nothing
 */
export function jobRunner(
  model: Model,
  common: CommonRecord | undefined,
): (job: Job, seed: number) => Promise<DoneJob> {
  const sizes = new Set<string>();
  return async (job, seed) => {
    const { grid, size, rope, picture, choice, path } = job;
    const key = `${grid.width}×${grid.height} ${rope}`;
    if (!sizes.has(key) && sizes.size === KEPT_SIZES) {
      await model.releaseSamplers();
      sizes.clear();
    }
    sizes.add(key);
    const sampled = await sampleTokens(model, {
      ...job.settings,
      ...{ seed, rope, first: picture },
      classes: [job.class ?? drawClass(model, seed, picture)],
      ...(size && { size }),
    });
    const { codes, classId: drawn } = sampled.pictures[0]!;
    const classId = drawn!;
    const image = await model.tokenizer.decode(codes);
    const settings = jobSettings(model, job, seed);
    const how = { settings, form: choice, size, rope };
    const notes = common && sampleNotes(model, common, how)(picture, [classId]);
    await writeOutput(path, await encodeScaled(image, 3, choice, notes));
    const { name } = recordedClass(classId, model.generator.labels);
    return {
      ...{ line: job.line.number, path, size: scaledSize(image, choice.scale), classId: classId },
      ...{ className: name ?? null, seed, picture, steps: sampled.steps },
    };
  };
}
