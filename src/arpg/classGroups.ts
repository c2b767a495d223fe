import { uniformFor } from './random.js';

/**
 * Classes that a part of their names between slashes stands for, by index: `food/fruit/apple` is found by `apple`, and
 * lies with others in the groups `food`, `fruit` and `food/fruit`.
 * @param part in any case; empty when it is in no name
 */
export function classesWith(part: string, labels: readonly string[]): readonly number[] {
  const wanted = `/${part.toLowerCase()}/`;
  return labels.flatMap((label, index) => (`/${label.toLowerCase()}/`.includes(wanted) ? [index] : []));
}

/** The groups that a class lies in, the outermost first. */
export function groupsOf(label: string): readonly string[] {
  const parts = label.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * One of the classes that a picture may have, each as likely as the others.
 * @param picture number of the picture under the seed
 */
export function pickClass(classes: readonly number[], seed: number, picture: number): number {
  return classes[Math.floor(uniformFor(seed, picture, 0, 'class') * classes.length)]!;
}
