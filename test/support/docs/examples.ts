import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Languages whose blocks are examples: commands, commands with their output, and programs. */
const LANGUAGES: readonly string[] = ['sh', 'console', 'js', 'ts'];

/** A block of code of a page, and what the comments before it say. */
export interface Example {
  readonly page: string;
  /** Of the block's first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** `<!-- not run: WHY -->`: why no test runs it. */
  readonly notRun?: string;
  /** `<!-- slow -->`: only the slow tests run it. */
  readonly isSlow: boolean;
  /** `<!-- output varies -->`: what it prints is not compared. */
  readonly varies: boolean;
  /** `<!-- file: NAME -->`: the block is saved under this name and not run by itself. */
  readonly file?: string;
  /** `<!-- part of: PATH -->`: a file of the project that has the block in it; nothing is run. */
  readonly partOf?: string;
  /** `<!-- exit code: N -->`: how its last command ends; 0 where nothing is said. */
  readonly exitCode: number;
}

/** Pages whose examples are written by hand: all but those that are generated. */
export function examplePages(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && name !== 'CLI.md' && !name.startsWith('api'))
    .map((name) => `docs/${name}`);
  return ['README.md', 'CONTRIBUTING.md', ...docs.sort()];
}

const BLOCK = /((?:^<!-- [^\n]* -->\n+)*)^```(\w+)\n(.*?)^```$/gms;

/** The examples of a page's text, in their order. */
export function parseExamples(page: string, text: string): readonly Example[] {
  return [...text.matchAll(BLOCK)]
    .filter(([, comments, language]) => LANGUAGES.includes(language!) || comments!.includes('<!-- file: '))
    .map((match) => {
      const [whole, comments, language, code] = match as unknown as [string, string, string, string];
      const marks = [...comments.matchAll(/<!-- (.*?) -->/g)].map(([, mark]) => mark!);
      const said = (name: string) =>
        marks.find((mark) => mark.startsWith(`${name}: `))?.slice(name.length + 2);
      const [notRun, file, partOf] = ['not run', 'file', 'part of'].map(said);
      const start = match.index + whole.indexOf('```');
      return {
        page,
        line: text.slice(0, start).split('\n').length + 1,
        language,
        code,
        ...(notRun !== undefined && { notRun }),
        ...(file !== undefined && { file }),
        ...(partOf !== undefined && { partOf }),
        isSlow: marks.includes('slow'),
        varies: marks.includes('output varies'),
        exitCode: Number(said('exit code') ?? 0),
      };
    });
}

/** The examples of a page. */
export const examplesOf = (page: string): readonly Example[] =>
  parseExamples(page, readFileSync(join(ROOT, page), 'utf8'));

/** A command of a `console` block, and what it prints. */
export interface Exchange {
  readonly command: string;
  readonly output: string;
}

/** The commands of a `console` block: lines after `$ `, going on where one ends with a backslash. */
export function exchangesOf(code: string): readonly Exchange[] {
  return [...code.matchAll(/^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command, output]) => ({
    command: command!,
    output: output!,
  }));
}

/** Whether a command printed what its page shows, in which … stands for any text. */
export function matchesOutput(shown: string, printed: string): boolean {
  const parts = shown
    .trimEnd()
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*?')}$`).test(printed.trimEnd());
}
