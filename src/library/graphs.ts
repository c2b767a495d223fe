import { existsSync } from 'node:fs';
import { arpgStep, arpgTeacherForced } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { ARPG_PRESETS, arpgConfig } from '../systems/arpgConfig.js';
import { openGenerator, openTokenizer } from '../models/modelFolder.js';
import type { DrawOptions } from '../inspect/boxes.js';
import { type DimBindings, symbolsOf } from '../graph/dimension.js';
import { drawDot, drawSvg, drawTable } from '../inspect/draw.js';
import type { Graph } from '../graph/graph.js';
import { printGraph } from '../inspect/print.js';
import { graphToJson } from '../graph/serialize.js';
import type { Weights } from '../graph/weights.js';
import { VQ_PRESETS, vqConfig } from '../tokenizers/vqConfig.js';

/** One sampling step, the teacher-forced forward pass, and the tokenizer's two halves. */
export const GRAPH_NAMES = ['step', 'train', 'encoder', 'decoder'] as const;
export type GraphName = (typeof GRAPH_NAMES)[number];

/** A graph of a model; without weights where only the architecture is known. */
export interface NamedGraph {
  readonly graph: Graph;
  readonly weights?: Weights;
}

/**
 * A graph of a model folder, or of a published architecture by its name.
 * @throws InputError when there is no such model.
 */
export function modelGraph(name: GraphName, folderOrPreset: string): NamedGraph {
  const isGenerator = name === 'step' || name === 'train';
  const preset = existsSync(folderOrPreset)
    ? undefined
    : (isGenerator ? ARPG_PRESETS : VQ_PRESETS)[folderOrPreset];
  if (isGenerator) {
    const opened = preset ? undefined : openGenerator(folderOrPreset);
    const config = arpgConfig(opened?.config ?? ARPG_PRESETS[folderOrPreset]!);
    const graph = name === 'step' ? arpgStep(config) : arpgTeacherForced(config);
    return { graph, ...(opened && { weights: opened.weights }) };
  }
  const opened = preset ? undefined : openTokenizer(folderOrPreset);
  const config = vqConfig(opened?.config ?? VQ_PRESETS[folderOrPreset]!);
  return {
    graph: name === 'encoder' ? vqEncoder(config) : vqDecoder(config),
    ...(opened && { weights: opened.weights }),
  };
}

/** Sizes that costs are counted for where none are named: one guided picture in the middle of sampling, or 256×256 pixels. */
const DEFAULT_SIZES: DimBindings = { batch: 2, content: 8, queries: 8, past: 128, height: 16, width: 16 };

/** The default sizes of the symbolic dims that a graph has. */
export function defaultSizes(graph: Graph): DimBindings {
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
