import type { Graph } from '../graph/graph.js';
import type { Observer } from './observer.js';
import { printGraph } from './print.js';

/** The longest part of a graph's or pass' name in a file's name. */
const MAX_NAME = 60;

/** A name as a part of a file's name: letters, digits, dots, hyphens and underscores, and no dot at its start. */
function fileSafe(name: string): string {
  return (
    name
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, MAX_NAME) || 'graph'
  );
}

function numbered(index: number, name: string): string {
  return `${String(index).padStart(2, '0')}-${fileSafe(name)}`;
}

/**
 * Writes each graph that is compiled as text, once for each compiler pass, and the kernels generated from it:
 * `01-arpg-step/00-build.txt`, `01-arpg-step/02-simplify.txt`, `01-arpg-step/kernels-01.txt`.
 * @param write takes a path of two parts, a folder for the graph and a file
 */
export function graphDump(write: (path: string, text: string) => void): Observer {
  /** Folder of each graph in its last state, and how often kernels were generated from it. */
  const compiled = new WeakMap<Graph, { readonly folder: string; kernels: number }>();
  let graphs = 0;
  return {
    onCompile(original) {
      const folder = numbered(++graphs, original.name);
      const entry = { folder, kernels: 0 };
      let passes = 0;
      return (pass, graph) => {
        compiled.set(graph, entry);
        write(`${folder}/${numbered(passes++, pass)}.txt`, printGraph(graph));
      };
    },
    onKernels(graph, sizes, print) {
      const entry = compiled.get(graph);
      if (!entry) return;
      const number = String(++entry.kernels).padStart(2, '0');
      const caption = Object.entries(sizes).map(([name, size]) => `${name}=${size}`);
      write(
        `${entry.folder}/kernels-${number}.txt`,
        `// sizes: ${caption.join(', ') || 'none'}\n\n${print()}`,
      );
    },
  };
}
