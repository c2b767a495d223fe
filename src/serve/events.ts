import { asApiError, ClientGone } from './apiError.js';
import type { DrawEvents } from './wire.js';

/** Sends an event with a JSON object; of steps that a slow client does not read in time, some are left out. */
export type Send = <Name extends keyof DrawEvents>(event: Name, data: DrawEvents[Name]) => void;

/** So often something is sent while nothing happens, so that neither side takes the other for gone. */
const HEARTBEAT_MILLISECONDS = 15_000;
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
 */
export function eventStream(
  work: (send: Send, signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void,
): Response {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>(
    {
      async start(controller) {
        const write = (text: string) => {
          if (!gone.signal.aborted) controller.enqueue(encoder.encode(text));
        };
        const heartbeat = setInterval(() => write(': still here\n\n'), HEARTBEAT_MILLISECONDS);
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
