/** The groups of flags that help shows, each under a heading, in this order; a command's own flags come before. */
export const GROUPS = {
  model: 'Model',
  sampling: 'Sampling',
  training: 'Training',
  output: 'Output',
  machine: 'Machine',
  systems: 'Some systems',
  debugging: 'Debugging',
} as const;

export type FlagGroup = (typeof GROUPS)[keyof typeof GROUPS];

/** Their names in the order of the help. */
export const GROUP_ORDER: readonly string[] = Object.values(GROUPS);
