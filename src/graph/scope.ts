const open: string[] = [];

/** Scopes open now, joined by dots; empty at the top. */
export function currentScope(): string {
  return open.join('.');
}

/**
 * Builds a part of a network under a name: nodes made inside carry it, and parameters are named below it.
 * Dots in the name open several scopes at once; an empty name opens none.
 */
export function scope<T>(name: string | number, build: () => T): T {
  if (name === '') return build();
  open.push(String(name));
  try {
    return build();
  } finally {
    open.pop();
  }
}

/** A name below the current scope. */
export function scopedName(name: string): string {
  return [...open, name].join('.');
}
