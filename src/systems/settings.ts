import { faultOfNumber, faultOfWhole } from '../sampling/settingFaults.js';
import type { SettingValues } from '../sampling/request.js';

/**
 * A setting of sampling that only some systems have. Its name is in camel case, and its flag has hyphens instead; systems
 * that mean the same share one declaration. Without a default, it is absent unless it is given.
 */
export type SystemSetting =
  | {
      readonly kind: 'number' | 'whole';
      readonly description: string;
      readonly min: number;
      readonly max?: number;
      readonly default?: number;
    }
  | {
      readonly kind: 'choice';
      readonly description: string;
      readonly values: readonly string[];
      readonly default?: string;
    }
  | { readonly kind: 'flag'; readonly description: string; readonly default?: boolean }
  | {
      readonly kind: 'text';
      readonly description: string;
      /** What stands for it in the help. */
      readonly placeholder: string;
      readonly maxLength: number;
      /** What is wrong with a text; undefined where nothing is. */
      readonly fault: (text: string) => string | undefined;
      readonly default?: string;
    };

export type SystemSettings = Readonly<Record<string, SystemSetting>>;

/** Guidance that ends early (docs/SYSTEMS.md, Guidance). */
export const GUIDANCE_INTERVAL: SystemSetting = {
  kind: 'whole',
  description: 'tokens after which guidance ends; it does not where it is left out',
  min: 0,
};

/** The flag of a setting: `guidanceInterval` is `guidance-interval`. */
export function flagOfSetting(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What is wrong with a text. */
function faultOfText(
  what: string,
  { maxLength, fault }: Extract<SystemSetting, { readonly kind: 'text' }>,
  value: unknown,
): string | undefined {
  if (typeof value !== 'string') return `${what} ${String(value)} is not a text`;
  if (value.length > maxLength) return `${what}: a text of more than ${maxLength} characters`;
  const own = fault(value);
  return own === undefined ? undefined : `${what}: ${own}`;
}

/** What is wrong with the value of a setting; undefined where nothing is. */
function faultOfValue(name: string, setting: SystemSetting, value: unknown): string | undefined {
  const what = flagOfSetting(name).replaceAll('-', ' ');
  switch (setting.kind) {
    case 'number':
      return faultOfNumber(value, what, setting.min, setting.max);
    case 'whole':
      return faultOfWhole(value, what, setting.min, setting.max);
    case 'choice':
      return typeof value === 'string' && setting.values.includes(value)
        ? undefined
        : `${what} ${String(value)} is unknown; use ${setting.values.join(' or ')}`;
    case 'text':
      return faultOfText(what, setting, value);
    case 'flag':
      return typeof value === 'boolean' ? undefined : `${what} ${String(value)} is not true or false`;
  }
}

/** The first of the given settings that there is none of; undefined where there are all. */
export function unknownSetting(settings: SystemSettings, given: SettingValues): string | undefined {
  return Object.keys(given).find((name) => !Object.hasOwn(settings, name));
}

/** What is wrong with the settings of a system; undefined where nothing is. */
export function faultOfSettings(settings: SystemSettings, given: SettingValues): string | undefined {
  const unknown = unknownSetting(settings, given);
  if (unknown !== undefined) return `there is no setting ${unknown}`;
  return Object.entries(given)
    .map(([name, value]) => faultOfValue(name, settings[name]!, value))
    .find((fault) => fault !== undefined);
}

/** The settings with their defaults filled in. */
export function filledSettings(settings: SystemSettings, given: SettingValues = {}): SettingValues {
  const defaults = Object.entries(settings).flatMap(([name, setting]) =>
    setting.default === undefined ? [] : [[name, setting.default] as const],
  );
  return { ...Object.fromEntries(defaults), ...given };
}
