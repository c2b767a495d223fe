/** What one picture is asked for: nothing, or a class by its index. */
export type Condition = { readonly kind: 'none' } | { readonly kind: 'class'; readonly index: number };
export type ConditionKind = Condition['kind'];

/** No condition: what the second row of a guided picture is drawn for. */
export const NO_CONDITION: Condition = { kind: 'none' };

/** The condition of a class index; none for null. */
export function classCondition(index: number | null): Condition {
  return index === null ? NO_CONDITION : { kind: 'class', index };
}
