import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ownPart } from '../cluster/ownPart.js';
import {
  classTitle,
  type Codes,
  type CommonRecord,
  commonRecord,
  copyCodes,
  drawClass,
  InputError,
  largerNote,
  type Model,
  recordedClass,
  resolveSettings,
  type RopeScaling,
  type SampledTokenSet,
  sampleNotes,
  sampleTokens,
  UsageError,
} from '../index.js';
import { BaseCommand, namesFolder } from './baseCommand.js';
import { gridColumns, isSingleFile, type WrittenFile, writeImage } from './imageOutput.js';
import { readJobs, streamedJobs } from './jobInput.js';
import { JobOutputs } from './jobOutputs.js';
import { type Job, planJob } from './jobPlan.js';
import { type DoneJob, jobRunner, jobTitle } from './jobRun.js';
import { differences } from './likePicture.js';
import { withOwnPart } from './ownShard.js';
import { startProgress } from './progress.js';
import { writeJointly } from './sampleOutput.js';
import { planPictures } from './samplePlan.js';
import { partLine } from './shardFlag.js';
import {
  type PictureList,
  readRequest,
  type SampleFlags,
  type SampleFormat,
  type SampleRequest,
} from './sampleRequest.js';
import { checkOutput, inputName, STREAM } from './streams.js';
import { writtenLine } from './written.js';

/** What came of a request. */
interface Drawn {
  readonly sampled: SampledTokenSet;
  /** One of each step. */
  readonly frames: readonly string[];
  readonly files: readonly WrittenFile[];
}

/** What is written of a part without pictures. */
const NOTHING = { frames: [], others: [] };

/** Draws pictures of classes. */
export abstract class SampleCommand extends BaseCommand {
  /**
   * Draws what the flags ask for, writes it, and says what was written.
   * @param given names of the flags that stand on the command line: they count more than what a picture says
   */
  protected async drawPictures(flags: SampleFlags, given: ReadonlySet<string>): Promise<void> {
    const started = performance.now();
    const request = await readRequest(this.ownPart(flags), given);
    const { like } = request;
    const model = await this.loadModel(request.flags);
    if (like)
      for (const line of differences(like, { version: this.config.version, target: model.target.name }))
        this.note(flags, line);
    this.noteClasses(flags, model, flags.class ?? []);
    const drawn = await this.drawRequest(model, request, started);
    await model.dispose();
    this.noteWritten(model, request, drawn);
    this.detail(flags, `done after ${seconds(started)} s, peak memory ${peakMegabytes()} MB`);
    const { sampled, frames, files } = drawn;
    const { labels } = model.generator;
    const classIds = sampled.pictures.map(({ classId }) => classId);
    await this.result(flags, {
      files: [...frames, ...files.map(({ path }) => path)],
      class_ids: classIds,
      class_names: classIds.map((classId) => (classId === null ? null : (labels[classId] ?? null))),
      seed: sampled.seed,
      steps: sampled.steps,
      model: model.folder,
      target: model.target.name,
      seconds: Number(seconds(started)),
      peak_memory_mb: peakMegabytes(),
    });
  }

  /**
   * Draws one picture for each line of a file, or of stdin as the lines come. Of a file all lines are checked before the
   * first is drawn.
   * @throws UserError naming the line that is wrong.
   */
  protected async drawJobs(flags: SampleFlags, path: string): Promise<void> {
    const { output = '.' } = flags;
    const part = ownPart(process.env);
    if (part?.isTogether)
      throw new UsageError(
        `--jobs: each of ${part.count} processes would draw all lines; start one process, or one for each of several files`,
      );
    if (isSingleFile(output) && existsSync(output))
      throw new UsageError(`-o ${output} is a file: --jobs puts its pictures into a folder`);
    if (output === STREAM) throw new UsageError('--jobs writes files: name a folder with -o');
    if (flags.class && flags.class.length > 1)
      throw new UsageError('--jobs draws one picture a line: name at most one --class for those without');
    checkOutput(join(output, 'picture.png'));
    const lines = path === STREAM ? undefined : await readJobs(path);
    const model = await this.loadModel({ ...flags, output: undefined });
    const outputs = new JobOutputs(output);
    const jobs = lines?.map((line, index) => planJob(model, flags, line, index, outputs));
    const common = flags.metadata ? await this.commonRecord(model) : undefined;
    const run = jobRunner(model, common);
    const bar = startProgress('drawing', jobs?.length ?? 0, 'pictures', !flags.quiet && jobs !== undefined);
    let shared = flags.seed;
    let done = 0;
    let last: DoneJob | undefined;
    const draw = async (job: Job): Promise<void> => {
      if (job.seed === undefined) shared ??= this.chooseSeed(flags);
      last = await run(job, job.seed ?? shared!);
      bar.update(++done);
      const { line, path: file, classId, className, seed, picture, steps } = last;
      const report = { line, file, class_id: classId, class_name: className, seed, picture, steps };
      await this.result(flags, report);
    };
    if (jobs) for (const job of jobs) await draw(job);
    else for await (const line of streamedJobs()) await draw(planJob(model, flags, line, done, outputs));
    bar.stop();
    await model.dispose();
    if (last === undefined) throw new InputError(`${inputName(path)}: it holds no jobs`);
    this.note(
      flags,
      done > 1 ? `wrote ${done} pictures to ${output}` : writtenLine([last], output, jobTitle(last))!,
    );
  }

  /** The flags with the part that is this process' own, where several draw. */
  private ownPart(flags: SampleFlags): SampleFlags {
    const { class: classes = [], count, seed, frames, output } = flags;
    const isSpread = output !== undefined && (namesFolder(output) || /\.(npz|jsonl)$/i.test(output));
    const isSuited =
      Math.max(1, classes.length) * count > 1 && seed !== undefined && frames === undefined && isSpread;
    const own = withOwnPart(flags, isSuited, (line) => this.note(flags, line));
    if (own.shard !== undefined && seed === undefined)
      throw new UsageError('several processes draw parts of the pictures of one seed: name it with --seed');
    return own;
  }

  private commonRecord(model: Model): Promise<CommonRecord> {
    return commonRecord('sample', this.config.version, model);
  }

  private async drawRequest(model: Model, request: SampleRequest, started: number): Promise<Drawn> {
    const { flags, list, shard, choice } = request;
    const { first, count } = list;
    const plan = planPictures(model, request);
    const { size, grid, still, isSpread, places, there } = plan;
    const wanted = new Set(places.filter((place) => !there.has(place)));
    const larger = size && largerNote(grid, model.facts.grid, model.tokenizer.factor);
    if (larger !== undefined) this.note(flags, larger);
    if (shard) this.note(flags, partLine(shard, places.length, count, 'pictures'));
    if (there.size > 0) this.note(flags, `${there.size} of ${places.length} pictures are there already`);
    // Before a seed is drawn and said.
    for (const name of flags.class ?? []) model.classIndices(name);
    const seed = this.chooseSeed(flags);
    const settings = resolveSettings({ ...plan.settings, seed }, model.generator, grid);
    const classes = list.classes ?? new Array<number>(count).fill(this.randomClass(flags, model, seed));
    const rope = flags.rope as RopeScaling;
    const carriesNotes = still ? still.format !== 'npz' : choice.format === 'apng';
    const common = flags.metadata && carriesNotes ? await this.commonRecord(model) : undefined;
    const notes = common && sampleNotes(model, common, { settings, form: choice, size, rope });
    const bar = startProgress('sampling', wanted.size, 'pictures', !flags.quiet);
    const files: WrittenFile[] = [];
    const history: Codes[][] = [];
    const sampled = await sampleTokens(model, {
      ...plan.settings,
      ...{ seed, classes, first, rope, batch: flags.batch },
      ...(size && { size }),
      skip: new Set(classes.flatMap((_, place) => (wanted.has(place) ? [] : [first + place]))),
      onProgress: (_done, _total, share) => bar.update(share * wanted.size),
      // Its weights and the decoder's maps need not be in memory together.
      onSampled: () => model.releaseSamplers(),
      onPicture: async (picture, { codes, classId }) => {
        if (!isSpread || !still) return;
        const image = await model.tokenizer.decode(codes);
        const own = notes?.(picture, [classId!]);
        files.push(...(await writeImage(image, picture - first, still, flags.output, own)));
      },
      onStep: (picture, step, codes) => {
        if (!plan.keepsFrames) return;
        history[step] ??= [];
        history[step][picture - first] = copyCodes(codes);
      },
    });
    bar.stop();
    this.detail(flags, `sampled after ${seconds(started)} s`);
    const jointNotes = isSpread
      ? undefined
      : notes?.(
          first,
          sampled.pictures.map(({ classId }) => classId!),
          jointColumns(choice.format, list),
        );
    const joint = { request, plan, sampled, history, notes: jointNotes };
    const { frames, others } = places.length > 0 ? await writeJointly(model, joint) : NOTHING;
    return { sampled, frames, files: [...files, ...others] };
  }

  /** A class for all pictures, which a seed decides; said, so that it can be asked for. */
  private randomClass(flags: SampleFlags, model: Model, seed: number): number {
    const index = drawClass(model, seed);
    const name = model.generator.labels[index];
    const title = name === undefined || name === String(index) ? `${index}` : `${name} (index ${index})`;
    this.note(flags, `class: ${title}, drawn at random`);
    return index;
  }

  /** Says what was written. */
  private noteWritten(model: Model, request: SampleRequest, { sampled, frames, files }: Drawn): void {
    const { flags, choice } = request;
    const [one, ...more] = sampled.pictures;
    const pictures = more.length + (one ? 1 : 0);
    const subject =
      one && more.length === 0 && one.classId !== null
        ? classTitle(recordedClass(one.classId, model.generator.labels))
        : `${pictures} pictures`;
    const what = `${choice.format === 'tokens' ? 'tokens of ' : ''}${subject}, seed ${sampled.seed}`;
    if (frames.length > 0) this.note(flags, `wrote ${frames.length} pictures to ${flags.frames}`);
    const line = writtenLine(files, flags.output, what);
    if (line !== undefined) this.note(flags, line);
  }
}

/** The columns that pictures are put together in; undefined for one that moves alone. */
function jointColumns(format: SampleFormat, { count, columns }: PictureList): number | undefined {
  if (format === 'grid') return columns;
  return count > 1 ? gridColumns(count) : undefined;
}

function seconds(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(2);
}

/** The most memory that the process has held, in units of 10⁶ bytes. */
function peakMegabytes(): number {
  return Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
}
