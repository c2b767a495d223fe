import { SYSTEMS } from '../../src/systems/registry.js';
import { describeSystem } from '../support/describeSystem.js';
import { TRAINED_QUICKLY } from '../support/systems.js';

// The slow tests have the trainings and exports of the others.
for (const system of SYSTEMS)
  describeSystem(system, TRAINED_QUICKLY.has(system.name) ? ['moments', 'trainings'] : ['moments']);
