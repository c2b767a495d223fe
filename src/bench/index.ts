/** What `arpg bench` is made of. */
export { chartPng, chartPoints } from './chart.js';
export { combine, freeMemory } from './combinations.js';
export type { PlannedCombination } from './combinations.js';
export { parseChoices, parseCounts, parseList, parseSize, parseSteps } from './lists.js';
export { type Combination, measure } from './measure.js';
export { type BenchModel, namedModel, sizedModel } from './models.js';
export { COMBINATION_FLAG, measureApart } from './ownProcess.js';
export { type BenchReport, mergeRows, readReport, reported, type ReportedCombination } from './report.js';
export { measureInTurn, type RoundResult } from './rounds.js';
export { tableOf } from './tableRows.js';
export { openWorkFolder } from './workFolder.js';
