import { linesOf } from '../files/text.js';
import { decodeText, InputError, type JobLine, MAX_JOB_BYTES, parseJob, systemReason } from '../index.js';
import { inputName, readInput, STREAM } from './streams.js';

/** All jobs of a file. @throws InputError naming the first line that is wrong. */
export async function readJobs(path: string): Promise<readonly JobLine[]> {
  const source = inputName(path);
  const jobs = [...linesOf(decodeText(await readInput(path)))].map((line) =>
    parseJob(line.text, line.number, source),
  );
  if (jobs.length === 0) throw new InputError(`${source}: it holds no jobs`);
  return jobs;
}

/** The lines of stdin as they come. @throws InputError when one is too long. */
async function* streamedLines(source: string): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines;
      if (rest.length > MAX_JOB_BYTES)
        throw new InputError(`${source}: a line is longer than ${MAX_JOB_BYTES} bytes`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== 'read') throw error;
    throw new InputError(`${source}: cannot be read: ${systemReason(error)}`, error);
  }
  yield rest;
}

/** Jobs from stdin as they come. @throws InputError naming the line that is wrong. */
export async function* streamedJobs(): AsyncGenerator<JobLine> {
  const source = inputName(STREAM);
  let number = 0;
  for await (const line of streamedLines(source)) {
    number++;
    if (line.trim() !== '') yield parseJob(line.trim(), number, source);
  }
}
