import { TESTED_TARGETS } from '../support/conformance.js';
import { describeGoldenSteps, QUICK_STEP_TARGETS } from '../support/goldenSteps.js';

describe('training step on the other targets', () => {
  describeGoldenSteps(TESTED_TARGETS.filter(({ name }) => !QUICK_STEP_TARGETS.includes(name)));
});
