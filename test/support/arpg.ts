import type { ArpgConfig } from '../../graphs/arpg.js';
import type { Grid } from '../../graphs/rotary.js';
import { classCondition } from '../../src/conditions/condition.js';
import type { Weights } from '../../src/graph/weights.js';
import { parseSystemConfig } from '../../src/models/parseConfig.js';
import type { PictureRequest } from '../../src/sampling/request.js';
import { arpgNetwork, type ArpgFields, system } from '../../src/systems/arpg.js';
import { createSampler } from '../../src/systems/sampler.js';
import type { Target } from '../../src/targets/target.js';

export type { ArpgFields };
export { system as arpgSystem };

/** A configuration in the official field names, with the published defaults. */
export const arpgFields = (value: unknown, source = 'test'): ArpgFields =>
  parseSystemConfig(system, value, source);

/** The configuration that graphs take. */
export const arpgConfig = (fields: object): ArpgConfig => arpgNetwork(fields as ArpgFields);

/** An ARPG network ready to sample. */
export const arpgSampler = (config: object, weights: Weights, target: Target, grid?: Grid) =>
  createSampler({ system, config, weights }, target, grid);

/** A picture of a class to draw. */
export const pictureOf = (
  classId: number | null,
  index: number,
  order: readonly number[],
): PictureRequest => ({ condition: classCondition(classId), index, order });
