import { cornerDistances, entryDistances } from '../../../graphs/diagonals.js';
import { narStep, narTeacherForced } from '../../../graphs/nar.js';
import { parTeacherForced } from '../../../graphs/par.js';
import { regionOrder, slotGroups, slotRows } from '../../../graphs/regions.js';
import { guidedSteps as guidedNar, type NarFields, narNetwork } from '../../../src/systems/nar.js';
import { guidedSteps as guidedPar, type ParFields, parNetwork } from '../../../src/systems/par.js';
import type { SystemExtras } from './subject.js';

const par = (config: object) => parNetwork(config as ParFields);
const nar = (config: object) => narNetwork(config as NarFields);

const order = (config: object) => regionOrder(par(config).grid, par(config).regions);
const groups = (config: object, slots: number) => slotGroups(slots, par(config).regions);

/** What PAR's sets need. */
export const PAR_EXTRAS: SystemExtras = {
  wholeTraining: (config) => parTeacherForced(par(config), { whole: true }),
  slotRows: (config) => slotRows(order(config), par(config).regions),
  ranks: { 'mask.group': groups, 'mask.cache': groups },
  guidedSteps: (config, plan, interval) => guidedPar(config as ParFields, plan, interval),
};

/** The distances of the slots; those behind the last token, which are never fed, see all before them. */
function distances(config: object, slots: number): readonly number[] {
  const own = entryDistances(nar(config).grid);
  return Array.from({ length: slots }, (_, slot) => own[slot] ?? slot);
}

/** What NAR's sets need. */
export const NAR_EXTRAS: SystemExtras = {
  wholeStep: (config) => narStep(nar(config), nar(config).grid, 'extend', { whole: true }),
  wholeTraining: (config) => narTeacherForced(nar(config), { whole: true }),
  lists: { 'order.distance': (config) => cornerDistances(nar(config).grid) },
  ranks: { 'mask.proximity': distances, 'mask.cache': distances },
  guidedSteps: (config, plan, interval) => guidedNar(config as NarFields, plan, interval),
};
