import type { ModelObject } from '../wire.js';
import { byId } from './dom.js';

/** Settings of a drawing, in the names that the server takes. */
export interface DrawSettings {
  readonly seed?: number;
  readonly steps?: number;
  readonly guidance: number;
  readonly temperature: number;
  readonly top_p: number;
  readonly count: number;
}

/** The form's numbers. */
export interface SettingsForm {
  /** Sets the ranges and defaults of a model. */
  setModel(model: ModelObject): void;
  read(): DrawSettings;
  /** Shows the settings of a picture. */
  restore(settings: Partial<DrawSettings>): void;
  /** Remembers the seed that was used, to use it again. */
  setLastSeed(seed: number): void;
}

const NAMES = ['steps', 'guidance', 'temperature', 'top-p', 'count'] as const;
type Name = (typeof NAMES)[number];

const MAX_SEED = Number.MAX_SAFE_INTEGER;

export function createSettings(): SettingsForm {
  const inputs = Object.fromEntries(NAMES.map((name) => [name, byId(name, HTMLInputElement)])) as Record<
    Name,
    HTMLInputElement
  >;
  const seed = byId('seed', HTMLInputElement);
  const reuse = byId('reuse', HTMLButtonElement);
  let model: ModelObject | undefined;
  let lastSeed: number | undefined;

  const show = (name: Name) => {
    const isNone = name === 'guidance' && Number(inputs[name].value) === model?.defaults.no_guidance;
    byId(`${name}-value`, HTMLOutputElement).value = isNone ? 'none' : inputs[name].value;
  };
  const set = (name: Name, value: number) => {
    inputs[name].value = String(value);
    show(name);
  };
  const restoreDefaults = () => {
    if (!model) return;
    const { steps, guidance, temperature, top_p: topP } = model.defaults;
    set('steps', steps);
    set('guidance', guidance);
    set('temperature', temperature);
    set('top-p', topP);
  };
  for (const name of NAMES) inputs[name].addEventListener('input', () => show(name));
  reuse.addEventListener('click', () => {
    if (lastSeed !== undefined) seed.value = String(lastSeed);
  });
  byId('defaults', HTMLButtonElement).addEventListener('click', restoreDefaults);
  seed.addEventListener('input', () => {
    const isSeed = /^\d*$/.test(seed.value.trim()) && Number(seed.value) <= MAX_SEED;
    seed.setCustomValidity(isSeed ? '' : `a whole number from 0 to ${MAX_SEED}, or nothing for a random one`);
  });
  return {
    setModel(own) {
      model = own;
      const tokens = (own.width * own.height) / own.token_pixels ** 2;
      inputs.steps.max = String(tokens);
      inputs.steps.disabled = !own.free_steps;
      inputs.guidance.min = String(own.defaults.no_guidance);
      restoreDefaults();
      show('count');
    },
    read: () => ({
      ...(seed.value.trim() !== '' && { seed: Number(seed.value) }),
      ...(model?.free_steps && { steps: Number(inputs.steps.value) }),
      guidance: Number(inputs.guidance.value),
      temperature: Number(inputs.temperature.value),
      top_p: Number(inputs['top-p'].value),
      count: Number(inputs.count.value),
    }),
    restore(own) {
      seed.value = own.seed === undefined ? '' : String(own.seed);
      if (own.steps !== undefined) set('steps', own.steps);
      if (own.guidance !== undefined) set('guidance', own.guidance);
      if (own.temperature !== undefined) set('temperature', own.temperature);
      if (own.top_p !== undefined) set('top-p', own.top_p);
    },
    setLastSeed(own) {
      lastSeed = own;
      reuse.disabled = false;
      reuse.title = `Seed ${own}`;
    },
  };
}
