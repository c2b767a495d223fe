/** An event of a stream, with its data as text. */
export interface TextEvent {
  readonly name: string;
  readonly data: string;
}

/** What a piece of a stream completes, and the text that is left for the next piece. */
export interface SplitEvents {
  readonly events: readonly TextEvent[];
  readonly rest: string;
}

/** Splits server-sent events from the text that came so far; comments are passed over. */
export function splitEvents(text: string): SplitEvents {
  const blocks = text.split('\n\n');
  const rest = blocks.pop() ?? '';
  const events = blocks.flatMap((block) => {
    const lines = block.split('\n');
    const field = (name: string) =>
      lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
    const [name] = field('event');
    return name === undefined ? [] : [{ name, data: field('data').join('\n') }];
  });
  return { events, rest };
}
