/** How requests are made. */
export interface HttpOptions {
  /** Seconds without a byte after which a connection counts as dead. */
  readonly timeoutSeconds: number;
  /** Sent as `Authorization: Bearer`, to the first host only. */
  readonly token?: string;
}
