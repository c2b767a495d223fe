import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { writeStdout } from '../src/cli/streams.js';
import { formatTable } from '../src/cli/table.js';
import {
  type DescribedModel,
  DEFAULT_MODEL,
  findModels,
  type ListedClass,
  type ListedModel,
  modelClasses,
  type ModelSummary,
  UsageError,
} from '../src/index.js';

export default class Models extends BaseCommand {
  static override summary = 'List the models at hand, or the classes of one.';
  static override description =
    `Models come with arpg (shipped), were pulled into the cache (cached), or lie in the working folder, up to two
folders deeper, or in the folders that ARPG_MODELS names, separated as in PATH. --classes lists the classes of a model;
FILTER keeps those whose name, synonyms or groups hold all its words.`;
  static override examples = [
    '<%= config.bin %> models',
    '<%= config.bin %> models emoji',
    '<%= config.bin %> models emoji --classes tree',
    '<%= config.bin %> models digits --classes --json',
  ];
  static override args = {
    name: Args.string({ ignoreStdin: true, description: 'name or folder of a model' }),
    filter: Args.string({ ignoreStdin: true, description: 'words that names of classes or groups hold' }),
  };
  static override flags = {
    classes: Flags.boolean({
      description: `list the classes of the model (default: of $ARPG_MODEL or ${DEFAULT_MODEL})`,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Models);
    if (args.filter !== undefined && !flags.classes)
      throw new UsageError(`'${args.filter}' filters classes: add --classes`);
    if (args.name === undefined && !flags.classes) {
      const models = findModels();
      if (flags.json) await this.result(flags, { models: models.map(asJson) });
      else await writeStdout(formatTable(HEADINGS, models.map(rowOf), process.stdout.columns));
      return;
    }
    const name = args.name ?? (process.env.ARPG_MODEL || DEFAULT_MODEL);
    const { model, classes } = modelClasses(name, args.filter);
    if (flags.json)
      await this.result(flags, {
        model: asJson(model),
        ...(flags.classes && { classes: classes.map(classJson) }),
      });
    else if (flags.classes) await writeStdout(formatTable(['INDEX', 'NAME'], classes.map(classRow)));
    else await writeStdout(formatTable([], details(model)));
  }
}

const HEADINGS = ['NAME', 'FROM', 'SYSTEM', 'SIZE', 'CLASSES', 'TOKENS', 'PICTURE', 'LICENCE'];

const millions = (parameters: number): string => `${(parameters / 1e6).toFixed(1)} M`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const times = (size: readonly [number, number] | undefined, rest = ''): string =>
  size === undefined ? '–' : `${size[1]}×${size[0]}${rest}`;

const sizeOf = ({ parameters, bytes }: ModelSummary): string =>
  `${millions(parameters)}, ${megabytes(bytes)}`;

function rowOf(model: ListedModel): readonly string[] {
  if ('fault' in model) return [model.name, model.origin, `cannot be used: ${model.fault}`];
  return [
    ...[model.name, model.origin, model.system, sizeOf(model), String(model.classes ?? '–')],
    ...[times(model.grid), times(model.picture), model.license ?? 'not stated'],
  ];
}

function details(model: DescribedModel): readonly (readonly string[])[] {
  const suited = Object.entries(model.sampling ?? {}).map(([name, value]) => `${name} ${value}`);
  return [
    ['name', model.name],
    ['folder', model.folder],
    ['from', model.origin],
    ['system', `${model.system}, ${model.sizes}`],
    ['size', `${millions(model.parameters)} parameters, ${megabytes(model.bytes)}`],
    ['classes', String(model.classes ?? '–')],
    ['tokens', times(model.grid)],
    ['picture', times(model.picture, ' pixels')],
    ['suited', suited.join(', ') || 'the defaults of the system'],
    ['licence', model.license ?? 'not stated'],
  ];
}

const classRow = ({ index, name }: ListedClass): readonly string[] => [String(index), name ?? ''];

function classJson({ index, name }: ListedClass): object {
  return { index, ...(name !== undefined && { name }) };
}

/** As other programs read it: sizes are `[height, width]`, as everywhere in JSON here. */
function asJson(model: ListedModel): object {
  const { name, folder, origin } = model;
  if ('fault' in model) return { name, folder, origin, fault: model.fault };
  const { system, sizes, parameters, bytes, classes, grid, picture, license, sampling } = model;
  return {
    name,
    folder,
    origin,
    system,
    sizes,
    parameters,
    bytes,
    classes,
    grid,
    picture,
    license,
    sampling,
  };
}
