import { SYSTEMS } from '../../src/systems/registry.js';
import { describeCommands } from '../support/describeCommands.js';

// test/systems/commands.test.ts has the others.
for (const system of SYSTEMS.filter(({ name }) => name !== 'arpg' && name !== 'maskgit'))
  describeCommands(system);
