/** A JSON schema of a field. */
export type FieldSchema = Readonly<Record<string, unknown>>;

/** The largest whole number that JSON and JavaScript agree on. */
const MAX_WHOLE = Number.MAX_SAFE_INTEGER;

/** A whole number. */
export const wholeSchema = (minimum: number, maximum: number = MAX_WHOLE) =>
  ({ type: 'integer', minimum, maximum }) as const;

/** One of some texts. */
export const choiceSchema = (values: readonly string[]): FieldSchema => ({
  type: 'string',
  enum: [...values],
});
