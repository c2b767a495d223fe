/** A bounded store that forgets what was not used for the longest time. */
export class LeastRecentlyUsed<V> {
  private readonly entries = new Map<string, V>();
  private readonly limit: number;
  private readonly onEvict: (value: V) => void;

  constructor(limit: number, onEvict: (value: V) => void = () => {}) {
    this.limit = limit;
    this.onEvict = onEvict;
  }

  /** The value for a key, made if it is not there. */
  get(key: string, make: () => V): V {
    const known = this.entries.get(key);
    const value = known ?? make();
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size > this.limit) {
      const [oldest] = this.entries.keys();
      this.onEvict(this.entries.get(oldest!)!);
      this.entries.delete(oldest!);
    }
    return value;
  }

  get size(): number {
    return this.entries.size;
  }

  clear(): void {
    for (const value of this.entries.values()) this.onEvict(value);
    this.entries.clear();
  }
}
