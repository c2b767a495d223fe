import { escapeUnit, printable } from '../printable.js';

/** `<` could close or open a script in a page; comments and texts can say it otherwise. */
const withoutTags = (text: string) => text.replaceAll('<', escapeUnit);

/** A value as JavaScript that stays data in a file and inside a page's `<script>` alike. */
export function scriptLiteral(value: unknown): string {
  return withoutTags(JSON.stringify(value)).replace(/[\u2028\u2029]/g, escapeUnit);
}

/** Text for a `//` comment: on one line, whatever it holds, and without anything that ends a page's `<script>`. */
export function scriptComment(text: string): string {
  return withoutTags(printable(text));
}
