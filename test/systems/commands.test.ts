import { SYSTEMS } from '../../src/systems/registry.js';
import { describeCommands } from '../support/describeCommands.js';

// One that draws by cached steps, and one that masks; the slow tests have the others.
for (const system of SYSTEMS.filter(({ name }) => name === 'arpg' || name === 'maskgit'))
  describeCommands(system);
