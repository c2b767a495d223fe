import { SYSTEMS } from '../../src/systems/registry.js';
import { describeSystem } from '../support/describeSystem.js';
import { TRAINED_QUICKLY } from '../support/systems.js';

for (const system of SYSTEMS.filter(({ name }) => !TRAINED_QUICKLY.has(name)))
  describeSystem(system, ['trainings']);
