import { fileURLToPath } from 'node:url';
import { vocabularyOf } from '../../src/codes.js';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields, arpgSystem } from './arpg.js';
import { openTokenizer, writeModelFolder } from '../../src/models/modelFolder.js';
import { parametersOf } from '../../src/graph/graph.js';
import { storedFloats } from '../../src/graph/weights.js';
import { floats } from './conformance.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

/** Writes a model of random weights whose generator knows all codes of the small test tokenizer: 8×8 pixels, 4×4 tokens. */
export async function writeEditableModel(folder: string, sizes: object = {}): Promise<void> {
  const opened = openTokenizer(tiny);
  const tokenizer = { ...opened, config: { ...opened.config, image_size: 8 } };
  const config = arpgFields(
    {
      ...{ dim: 32, n_layer: 2, n_head: 2, multiple_of: 32, num_classes: 10, block_size: 16 },
      vocab_size: vocabularyOf(opened.kind.facts(tokenizer.config).codes),
      ...sizes,
    },
    'editable',
  );
  const parameters = parametersOf(arpgTeacherForced(arpgConfig(config)));
  const weights = new Map(
    parameters.map((node, index) => {
      const shape = node.outputs[0]!.shape as readonly number[];
      const { data } = floats(shape, index + 1, shape.length === 1 ? 1 : 0.5);
      return [node.name, storedFloats(shape, data as Float32Array)] as const;
    }),
  );
  await writeModelFolder(folder, {
    generator: { system: arpgSystem, config, weights, labels: [] },
    tokenizer,
  });
}
