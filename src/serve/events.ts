import { asApiError, ClientGone } from './apiError.js';
import type { DrawEvents } from './wire.js';

/** Sends an event with a JSON object; of steps that a slow client does not read in time, some are left out. */
export type Send = <Name extends keyof DrawEvents>(event: Name, data: DrawEvents[Name]) => void;

/** So often within the silence that ends a connection something is sent, so that waiting alone does not. */
const HEARTBEATS = 4;
/** Events that may wait for a slow client before steps are left out. */
const PATIENCE = 32;

/** The text of an event. */
export function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * A response of server-sent events. What the work fails with is the last event, `error`.
 * @param work gets a signal that aborts when the client leaves
 * @param onFailure hears of failures that are not the client's
 * @param silence milliseconds after which the server takes a client to which nothing could be sent for gone
 */
export function eventStream(
  work: (send: Send, signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void,
  silence: number,
): Response {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>(
    {
      async start(controller) {
        const write = (text: string) => {
          if (!gone.signal.aborted) controller.enqueue(encoder.encode(text));
        };
        const heartbeat = setInterval(() => write(': still here\n\n'), silence / HEARTBEATS);
        const send: Send = (event, data) => {
          if (event === 'step' && (controller.desiredSize ?? 0) <= 0) return;
          write(eventText(event, data));
        };
        // The stream is there before the work begins.
        void (async () => {
          try {
            await work(send, gone.signal);
          } catch (error) {
            if (gone.signal.aborted) return;
            onFailure(error);
            send('error', asApiError(error).body);
          } finally {
            clearInterval(heartbeat);
            if (!gone.signal.aborted) controller.close();
          }
        })();
      },
      cancel: () => gone.abort(new ClientGone()),
    },
    { highWaterMark: PATIENCE },
  );
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies may hold events back.
      'x-accel-buffering': 'no',
    },
  });
}
