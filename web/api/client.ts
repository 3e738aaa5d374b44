// Calls of the server. Addresses are relative, so that the page works under any path of a proxy.
import { signal } from "../core/signal";
import { stored } from "../core/stored";
import type { Capabilities, Job, Json, LintReport, Metadata, OutlineBlock, Plan, RequestFields, ServerError } from "./types";

export class ApiError extends Error {
  constructor(readonly status: number, readonly error: ServerError) {
    super(error.message);
  }
}

// What the server does not answer at all.
export class Unreachable extends Error {}

export const apiKey = stored<string>("key", "");
export const keyNeeded = signal(false); // a call was refused for want of one, and none was given since
export const reachable = signal(true);

export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (apiKey.peek()) headers.set("Authorization", `Bearer ${apiKey.peek()}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    reachable.value = false;
    throw new Unreachable(String(e));
  }
  reachable.value = true;
  if (response.ok) return response;
  if (response.status === 401) keyNeeded.value = true;
  throw new ApiError(response.status, await errorOf(response));
}

async function errorOf(response: Response): Promise<ServerError> {
  try {
    return ((await response.json()) as { error: ServerError }).error;
  } catch {
    return { kind: "internal", message: `${response.status} ${response.statusText}`, hint: "" };
  }
}

async function get<T>(path: string, abort?: AbortSignal): Promise<T> {
  return (await (await call(path, { signal: abort ?? null })).json()) as T;
}

async function post<T>(path: string, body: unknown, abort?: AbortSignal): Promise<T> {
  const response = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: abort ?? null,
  });
  return (await response.json()) as T;
}

export const api = {
  capabilities: () => get<Capabilities>("v1/capabilities"),
  plan: (request: RequestFields, abort: AbortSignal) => post<Plan>("v1/plan", request, abort),
  submit: (request: RequestFields, clientId: string) =>
    post<Job>("v1/jobs", { ...request, client_id: clientId, output_format: "png" }),
  jobs: () => get<{ jobs: Job[] }>("v1/jobs?most=100"),
  job: (id: string) => get<Job>(`v1/jobs/${id}`),
  cancel: async (id: string) => (await (await call(`v1/jobs/${id}`, { method: "DELETE" })).json()) as Job,
  toFront: (id: string) => post<Job>(`v1/jobs/${id}/front`, {}),
  picture: async (url: string) => (await call(url)).blob(),
  lint: (prompt: string, abort: AbortSignal) => post<LintReport>("v1/prompt/lint", { prompt }, abort),
  format: (prompt: string) => post<{ prompt: string }>("v1/prompt/format", { prompt }),
  fromTags: (tags: string) => post<{ prompt: string }>("v1/prompt/from-tags", { tags }),
  outline: (prompt: string, abort: AbortSignal) =>
    post<{ blocks: OutlineBlock[] }>("v1/prompt/outline", { prompt }, abort),
  words: () => get<{ words: string[] }>("v1/prompt/words"),
  schema: () => get<{ [key: string]: Json }>("v1/prompt/schema"),
  metadata: async (file: Blob) => {
    const response = await call("v1/metadata", { method: "POST", body: file, headers: { "Content-Type": file.type || "application/octet-stream" } });
    return (await response.json()) as Metadata;
  },
};
