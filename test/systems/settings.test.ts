import { expect } from 'chai';
import { UsageError } from '../../src/errors.js';
import { requireSettings } from '../../src/systems/abilities.js';
import { SYSTEMS } from '../../src/systems/registry.js';
import {
  faultOfSettings,
  filledSettings,
  flagOfSetting,
  type SystemSetting,
  type SystemSettings,
} from '../../src/systems/settings.js';

/** A value that a setting may have. */
function someValue(setting: SystemSetting): number | string | boolean {
  switch (setting.kind) {
    case 'choice':
      return setting.values[0]!;
    case 'flag':
      return true;
    case 'text':
      return '5';
    default:
      return 1;
  }
}

const settings: SystemSettings = {
  partsShown: { kind: 'whole', description: 'parts', min: 1, max: 4, default: 2 },
  noise: { kind: 'number', description: 'noise', min: 0 },
  rule: { kind: 'choice', description: 'rule', values: ['one', 'other'], default: 'one' },
  keep: { kind: 'flag', description: 'keep' },
  word: {
    ...{ kind: 'text', description: 'word', placeholder: 'WORD', maxLength: 4 },
    fault: (text) => (text === 'no' ? "'no' is not yes" : undefined),
  },
};

describe('settings that only some systems have', () => {
  it('are filled with their defaults, and absent where there is none', () => {
    expect(filledSettings(settings)).to.deep.equal({ partsShown: 2, rule: 'one' });
    expect(filledSettings(settings, { partsShown: 3, keep: false })).to.deep.equal({
      ...{ partsShown: 3, rule: 'one', keep: false },
    });
  });

  it('are refused by name where their value is none', () => {
    const faults: readonly (readonly [string, unknown, string])[] = [
      ['partsShown', 5, 'parts shown 5 is not a whole number from 1 to 4'],
      ['partsShown', 1.5, 'parts shown 1.5 is not a whole number from 1 to 4'],
      ['noise', -1, 'noise -1 is not a number ≥ 0'],
      ['noise', Number.NaN, 'noise NaN is not a number ≥ 0'],
      ['rule', 'third', 'rule third is unknown; use one or other'],
      ['rule', 1, 'rule 1 is unknown; use one or other'],
      ['keep', 'yes', 'keep yes is not true or false'],
      ['word', 1, 'word 1 is not a text'],
      ['word', 'many letters', 'word: a text of more than 4 characters'],
      ['word', 'no', "word: 'no' is not yes"],
      ['toString', 1, 'there is no setting toString'],
    ];
    for (const [name, value, fault] of faults)
      expect(faultOfSettings(settings, { [name]: value as number })).to.equal(fault);
    expect(
      faultOfSettings(settings, { partsShown: 1, noise: 0.5, rule: 'other', keep: true, word: 'yes' }),
    ).to.equal(undefined);
  });

  it('have flags with hyphens', () => {
    expect(flagOfSetting('partsShown')).to.equal('parts-shown');
    expect(flagOfSetting('noise')).to.equal('noise');
  });

  it('are the same declaration wherever the name is the same, and good by themselves', () => {
    const known = new Map<string, unknown>();
    for (const system of SYSTEMS)
      for (const [name, setting] of Object.entries(system.settings)) {
        expect(known.get(name) ?? setting, `${system.title}: ${name}`).to.equal(setting);
        known.set(name, setting);
        expect(faultOfSettings(system.settings, filledSettings(system.settings))).to.equal(undefined);
      }
  });

  it('a system that lacks one names those that have it', () => {
    for (const system of SYSTEMS)
      for (const other of SYSTEMS)
        for (const [name, setting] of Object.entries(other.settings)) {
          const value = setting.default ?? someValue(setting);
          const attempt = () => requireSettings(system, { [name]: value });
          if (Object.hasOwn(system.settings, name)) attempt();
          else expect(attempt).to.throw(UsageError, other.title);
        }
    expect(() => requireSettings(SYSTEMS[0]!, { nothing: 1 })).to.throw(UsageError, 'ARPG has no nothing');
  });
});
