import { uniformFor } from './random.js';

/**
 * Classes of a group, by index: a name with slashes, such as `food/fruit`, lies in the group of what stands before one.
 * @param group in any case; empty when there is no such group
 */
export function groupMembers(group: string, labels: readonly string[]): readonly number[] {
  const start = `${group.toLowerCase()}/`;
  return labels.flatMap((label, index) => (label.toLowerCase().startsWith(start) ? [index] : []));
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
