import { type Command, CommandHelp, Help, type Interfaces } from '@oclif/core';
import { EXIT_MEANINGS } from '../errors.js';
import {
  breakCommand,
  type CommandShape,
  describeFlag,
  type FlagShape,
  flagsOf,
  groupedFlags,
  headingOf,
  labelOf,
  paragraphsOf,
  usageOf,
} from './commandUsage.js';

/** Narrower than this nothing is laid out, and wider lines are hard to read. */
const WIDTHS = { narrowest: 40, widest: 120 } as const;
/** Of all sections. */
const INDENT = 2;

function fittingWidth(width: number): number {
  return Math.min(WIDTHS.widest, Math.max(WIDTHS.narrowest, width));
}

/** The help of one command: one line of usage, the flags in groups, and examples that fit the terminal. */
class GroupedCommandHelp extends CommandHelp {
  protected override usage(): string {
    return this.wrap(`$ ${this.config.bin} ${usageOf(this.command as unknown as CommandShape)}`, INDENT);
  }

  protected override flags(flags: Command.Flag.Any[]): [string, string | undefined][] | undefined {
    if (flags.length === 0) return undefined;
    const shapes = flags as unknown as readonly FlagShape[];
    const hasShort = shapes.some(({ char }) => char);
    return shapes.map((flag) => {
      const label = labelOf(flag);
      return [hasShort ? label : label.trimStart(), describeFlag(flag)];
    });
  }

  protected override sections() {
    return super.sections().map((section) => {
      if (section.header !== 'FLAGS') return section;
      return {
        ...section,
        generate: () =>
          groupedFlags(flagsOf(this.command.flags as unknown as CommandShape['flags'])).map(
            ({ group, flags }) => ({
              header: headingOf(group),
              body: this.flags(flags as unknown as Command.Flag.Any[]) ?? [],
            }),
          ),
      };
    });
  }

  /** The section's own indentation is not among what the list below its labels is wrapped for. */
  override renderList(
    rows: (string | undefined)[][],
    options: Parameters<CommandHelp['renderList']>[1],
  ): string {
    return super.renderList(rows, { ...options, indentation: options.indentation + INDENT });
  }

  protected override description(): string | undefined {
    const { description } = this.command;
    if (!description) return undefined;
    return paragraphsOf(this.render(description))
      .map((paragraph) => this.wrap(paragraph))
      .join('\n\n');
  }

  protected override examples(examples: Command.Example[] | undefined | string): string | undefined {
    if (!Array.isArray(examples) || examples.length === 0) return undefined;
    const lines = examples.map((example) => {
      const text = this.render(typeof example === 'string' ? example : example.command);
      return breakCommand(`$ ${text}`, this.opts.maxWidth - INDENT);
    });
    return lines.join('\n\n');
  }
}

/** What `--help`, `-h`, `help` and no command at all print. */
export default class ProgramHelp extends Help {
  protected override CommandHelpClass = GroupedCommandHelp;

  constructor(config: Interfaces.Config, opts: Partial<Interfaces.HelpOptions> = {}) {
    super(config, { ...opts, flagSortOrder: 'none' });
    this.opts.maxWidth = fittingWidth(this.opts.maxWidth);
  }

  /** Commands that have others below them are commands, and shown as such alone. */
  protected override get sortedTopics() {
    return [];
  }

  protected override summary(command: Command.Loadable): string | undefined {
    const summary = super.summary(command);
    return summary === undefined ? undefined : this.wrap(summary, 0);
  }

  override async showRootHelp(): Promise<void> {
    const { bin, userAgent, pjson } = this.config;
    const commands = this.sortedCommands.map(({ id, summary = '' }): [string, string] => [
      id.replaceAll(':', ' '),
      summary,
    ]);
    const codes = EXIT_MEANINGS.map(([code, meaning]): [string, string] => [String(code), meaning]);
    const list = (rows: [string, string][]) => this.renderList(rows, { indentation: INDENT, spacer: '\n' });
    const examples = [
      `${bin} sample --class 3 -o three.png`,
      `${bin} models emoji --classes tree`,
      `${bin} help sample`,
    ].map((example) => breakCommand(`$ ${example}`, this.opts.maxWidth - INDENT));
    const sections = [
      this.wrap(String(pjson.description), 0),
      this.section('VERSION', this.wrap(userAgent)),
      this.section('USAGE', `$ ${bin} COMMAND [flags]`),
      this.section('COMMANDS', list(commands)),
      this.section('EXAMPLES', examples.join('\n')),
      this.section('EXIT CODES', list(codes)),
    ];
    this.log(`${sections.join('\n\n')}\n`);
  }
}
