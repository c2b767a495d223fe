import { blankCodes } from '../codes.js';
import { NO_CONDITION } from '../conditions/condition.js';
import { bindInputs } from '../graph/interpret.js';
import { existsSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { openGenerator, openTokenizer } from '../models/modelFolder.js';
import { SYSTEM_PRESETS, SYSTEMS } from '../systems/registry.js';
import { filledSettings } from '../systems/settings.js';
import type { System } from '../systems/system.js';
import { TOKENIZER_PRESETS } from '../tokenizers/registry.js';
import type { DrawOptions } from '../inspect/boxes.js';
import { type DimBindings, symbolsOf } from '../graph/dimension.js';
import { drawDot, drawSvg, drawTable } from '../inspect/draw.js';
import type { Graph } from '../graph/graph.js';
import { printGraph } from '../inspect/print.js';
import { graphToJson } from '../graph/serialize.js';
import type { Weights } from '../graph/weights.js';
import type { Model } from './model.js';
import { requireModelThere } from './modelNames.js';

/** The name of the graph that training runs; it is not run in sampling. */
const TRAINING_GRAPH = 'train';

/** The tokenizer's two halves. */
const TOKENIZER_GRAPHS = ['encoder', 'decoder'] as const;

/** All that a generator's graphs are called: those of sampling, of which the first is one step, and of training. */
const GENERATOR_GRAPHS: readonly string[] = [
  ...new Set(
    SYSTEMS.flatMap((system) => Object.keys(system.graphs(Object.values(system.config.presets)[0]!.config))),
  ),
  TRAINING_GRAPH,
];

/** Names that a graph of a model may have. */
export const GRAPH_NAMES: readonly string[] = [...GENERATOR_GRAPHS, ...TOKENIZER_GRAPHS];

/** The graphs of a model's generator that sampling runs, and those of its tokenizer, which is not opened before. */
export function drawingGraphs(model: Model): {
  readonly generator: Readonly<Record<string, () => Graph>>;
  readonly tokenizer: () => Readonly<Record<string, () => Graph>>;
} {
  const { system, config } = model.generator;
  return {
    generator: system.graphs(config),
    tokenizer: () => model.tokenizerModel.kind.graphs(model.tokenizerModel.config),
  };
}

/** A graph of a model; without weights where only the architecture is known. */
export interface NamedGraph {
  readonly graph: Graph;
  /** Sizes of the symbolic dims that costs are counted for where none are named. */
  readonly sizes: DimBindings;
  readonly weights?: Weights;
}

/** @throws UsageError listing the system's graphs when it has none of that name. */
function generatorGraph(system: System, config: object, name: string): Graph {
  if (name === TRAINING_GRAPH) return system.training(config).graph;
  const graphs = system.graphs(config);
  const make = graphs[name];
  if (!make)
    throw new UsageError(
      `${system.title} has no graph '${name}'; there are ${[...Object.keys(graphs), TRAINING_GRAPH].join(', ')}`,
    );
  return make();
}

/** The sizes of a training graph's call. */
function trainingSizes(system: System, config: object): DimBindings {
  const { codes, grid } = system.config.facts(config);
  const { graph, batch } = system.training(config);
  const example = { codes: blankCodes(codes, grid), condition: NO_CONDITION, draw: 0 };
  return bindInputs(graph, batch([example], 0));
}

/** The sizes of a graph's call in the middle of drawing a picture, a guided one if it is called for that; none where it is not called. */
function sizesInTheMiddle(system: System, config: object, name: string): DimBindings {
  const { grid } = system.config.facts(config);
  const predicted = grid.height * grid.width;
  const own = filledSettings(system.settings);
  const { steps, schedule } = system.defaults(config, grid, own);
  const request = { grid, predicted, known: 0, steps, schedule, own };
  const callsOf = (isGuided: boolean) =>
    system
      .plan(config, { ...request, rows: isGuided ? 2 : 1, isGuided })
      .steps.flatMap(({ runs }) => runs.filter(({ graph }) => graph === name));
  const guided = callsOf(true);
  // What draws without guidance need not be called with it.
  const calls = guided.length > 0 ? guided : callsOf(false);
  return calls[Math.floor(calls.length / 2)]?.sizes ?? {};
}

/**
 * A graph of a model folder, or of a published architecture by its name.
 * @throws InputError when there is no such model, UsageError when its system has no such graph.
 */
export function modelGraph(name: string, folderOrPreset: string): NamedGraph {
  const isFolder = existsSync(folderOrPreset);
  const half = TOKENIZER_GRAPHS.find((own) => own === name);
  if (half) {
    const preset = isFolder ? undefined : TOKENIZER_PRESETS.get(folderOrPreset);
    if (!preset) requireModelThere(folderOrPreset);
    const opened = preset ? undefined : openTokenizer(folderOrPreset);
    const { kind, config } = preset ?? opened!;
    const graph = kind.graphs(config)[half]();
    return { graph, sizes: defaultSizes(graph), ...(opened && { weights: opened.weights }) };
  }
  const preset = isFolder ? undefined : SYSTEM_PRESETS.get(folderOrPreset);
  if (!preset) requireModelThere(folderOrPreset);
  const opened = preset ? undefined : openGenerator(folderOrPreset);
  const { system, config } = preset ?? opened!;
  const graph = generatorGraph(system, config, name);
  const own =
    name === TRAINING_GRAPH ? trainingSizes(system, config) : sizesInTheMiddle(system, config, name);
  const sizes = { ...own, ...defaultSizes(graph) };
  return { graph, sizes, ...(opened && { weights: opened.weights }) };
}

/** Sizes that costs are counted for where none are named: one guided picture in the middle of sampling, or 256×256 pixels. */
const DEFAULT_SIZES: DimBindings = { batch: 2, content: 8, queries: 8, past: 128, height: 16, width: 16 };

/** The default sizes of the symbolic dims that a graph has. */
function defaultSizes(graph: Graph): DimBindings {
  const used = new Set(graph.inputs.flatMap(({ shape }) => shape.flatMap(symbolsOf)));
  return Object.fromEntries(Object.entries(DEFAULT_SIZES).filter(([symbol]) => used.has(symbol)));
}

/** How a graph is shown. */
export const GRAPH_FORMATS = ['text', 'table', 'json', 'dot', 'svg'] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

/** A graph in one of the formats. */
export function renderGraph(graph: Graph, format: GraphFormat, options: DrawOptions): string {
  switch (format) {
    case 'text':
      return printGraph(graph);
    case 'table':
      return drawTable(graph, options);
    case 'json':
      return `${JSON.stringify(graphToJson(graph))}\n`;
    case 'dot':
      return drawDot(graph, options);
    case 'svg':
      return drawSvg(graph, options);
  }
}
