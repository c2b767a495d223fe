import type { VqTokenizerConfig } from '../../graphs/vqTokenizer.js';
import { parseTokenizerConfig } from '../../src/models/parseConfig.js';
import { type OfficialVqConfig, vq, vqConfig as network } from '../../src/tokenizers/vq.js';

export { vq as vqKind };

/** A configuration in the official field names, with the published defaults. */
export const vqFields = (value: unknown, source = 'test'): OfficialVqConfig =>
  parseTokenizerConfig(vq, value, source);

/** The configuration that graphs take. */
export const vqConfig = (fields: object): VqTokenizerConfig => network(fields as OfficialVqConfig);
