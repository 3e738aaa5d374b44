// Server-sent events by fetch: an EventSource cannot say a key.
import { call, Unreachable } from "./client";
import { sleep } from "../core/wait";

export interface ServerEvent {
  id: string;
  name: string;
  data: unknown;
}

// Events of a job until its last one. After a break, or when the server ended, it goes on behind the last event that was
// heard; what the server refuses (a job it no longer knows) is thrown.
export async function* listen(path: string, abort: AbortSignal): AsyncGenerator<ServerEvent> {
  let last = "";
  while (!abort.aborted) {
    try {
      const response = await call(path, { signal: abort, headers: last ? { "Last-Event-ID": last } : {} });
      for await (const event of parse(response.body!)) {
        last = event.id || last;
        yield event;
        if (event.name === "done" || event.name === "error") return;
      }
    } catch (e) {
      if (abort.aborted) return;
      if (!(e instanceof Unreachable) && !(e instanceof TypeError)) throw e;
    }
    await sleep(1000);
  }
}

async function* parse(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = eventOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield event;
    }
  }
}

function eventOf(lines: string): ServerEvent | null {
  const out = { id: "", name: "message", data: "" };
  for (const line of lines.split("\n")) {
    if (line.startsWith("id: ")) out.id = line.slice(4);
    else if (line.startsWith("event: ")) out.name = line.slice(7);
    else if (line.startsWith("data: ")) out.data += line.slice(6);
  }
  return out.data ? { ...out, data: JSON.parse(out.data) as unknown } : null;
}
