/** The parts that data sets come in, those to train on first; `whole` is data that names no part. */
const DATASET_PARTS = ['train', 'whole', 'validation', 'test'] as const;
type DatasetPart = (typeof DATASET_PARTS)[number];

/** Words that name a part, also joined with the x or y that stand for images and labels. */
const PART_WORDS: readonly (readonly [DatasetPart, RegExp])[] = [
  ['train', /^[xy]?(train|training|trn)[xy]?$/],
  ['validation', /^[xy]?(val|valid|validation|dev)[xy]?$/],
  ['test', /^[xy]?(test|testing|tst|t10k|eval)[xy]?$/],
];

/** The words of a name, such as `x`, `train` of `x_train` and `xTrain`. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** The part of a data set that an array or file belongs to by its name. */
export function partOf(name: string): DatasetPart {
  const words = wordsOf(name);
  return PART_WORDS.find(([, pattern]) => words.some((word) => pattern.test(word)))?.[0] ?? 'whole';
}

/** Those of the names that belong to the part which comes first in `DATASET_PARTS`. */
export function firstPart<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  for (const part of DATASET_PARTS) {
    const found = items.filter((item) => partOf(nameOf(item)) === part);
    if (found.length > 0) return found;
  }
  return [];
}
