import { createInterface } from 'node:readline';

/**
 * Answers requests, one JSON object a line on stdin, with one JSON object a line on stdout, so that a measurement can
 * alternate between programs that all stay warm. Ends with stdin.
 */
export async function answerLines<Request>(answer: (request: Request) => Promise<object>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Request))}\n`);
}

/** What a piece of work took: seconds on the clock, and of all threads together. */
export interface Seconds {
  readonly wall: number;
  readonly cpu: number;
}

/** Times a piece of work. */
export async function timed(work: () => Promise<unknown>): Promise<Seconds> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 };
}
