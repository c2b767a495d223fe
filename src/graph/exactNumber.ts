/** Numbers that JSON has no text for, by the texts that stand for them. */
const TEXTS = ['Infinity', '-Infinity', 'NaN', '-0'] as const;

/** A number in JSON: itself, or a text in braces where JSON would turn it into null or another number. */
export type JsonNumber = number | { readonly number: (typeof TEXTS)[number] };

/** What the number looks like in JSON. */
export const jsonNumberSchema = {
  anyOf: [
    { type: 'number' },
    {
      type: 'object',
      required: ['number'],
      additionalProperties: false,
      properties: { number: { enum: TEXTS } },
    },
  ],
} as const;

export function toJsonNumber(value: number): JsonNumber {
  const text = Object.is(value, -0) ? '-0' : String(value);
  const special = TEXTS.find((known) => known === text);
  return special === undefined ? value : { number: special };
}

export function fromJsonNumber(value: JsonNumber): number {
  return typeof value === 'number' ? value : Number(value.number);
}

/** JSON text in which every number keeps its value: equal texts are equal values. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'number' ? toJsonNumber(part) : part));
}
