/** What an all-reduce over a ring costs, and what a step of training costs beside it. */
export interface RingModel {
  /** Bytes of all gradients. */
  readonly bytes: number;
  /** Seconds until a message arrives, whatever its length. */
  readonly latency: number;
  /** Bytes a second of a link. */
  readonly bandwidth: number;
  /** Seconds of a step's own work on a rank. */
  readonly compute: number;
}

/** Bytes that each rank sends in an all-reduce over a ring (Patarasuk and Yuan, 2009): 2·(n − 1)/n of all. */
export function ringBytes(bytes: number, ranks: number): number {
  return (2 * (ranks - 1) * bytes) / ranks;
}

/** Seconds of an all-reduce over a ring: 2·(n − 1) messages, each of an n-th of the bytes. */
export function ringSeconds({ bytes, latency, bandwidth }: RingModel, ranks: number): number {
  return 2 * (ranks - 1) * latency + ringBytes(bytes, ranks) / bandwidth;
}

/**
 * The share of its time that a rank computes, where each has as many pictures a step whatever their number, and nothing
 * is computed while gradients are on their way.
 */
export function ringEfficiency(model: RingModel, ranks: number): number {
  return model.compute / (model.compute + ringSeconds(model, ranks));
}
