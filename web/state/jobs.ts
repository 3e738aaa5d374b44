// The jobs of this page and of others of the same owner: handed in, followed by their events, found again after a reload.
import { api, ApiError, Unreachable } from "../api/client";
import { listen } from "../api/events";
import type { ServerEvent } from "../api/events";
import { type GuardEvent, isOver, type Job, type RequestFields, type ServerError } from "../api/types";
import { signal } from "../core/signal";
import { stored } from "../core/stored";
import { sleep } from "../core/wait";
import { keep } from "./gallery";
import { capabilities } from "./capabilities";
import { keepSeed, randomSeed, request, setField } from "./settings";
import { tell, tellError } from "./notices";
import { strings } from "../strings";

export interface Followed {
  job: Job;
  words: string; // of its prompt: what a list shows
  preview: string | null; // a data URL
}

export const jobs = signal<Followed[]>([]); // the newest last
export const shown = signal<string | null>(null); // the job in the result's place
const handedIn = stored<{ [id: string]: string }>("handedIn", {}); // jobs whose end this page has not seen, in words

const kPreviews = 28; // of a picture, at most

const kWords = 60;
const inWords = (asked: RequestFields): string =>
  String(asked["prompt"] ?? "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, kWords);

function update(id: string, change: (f: Followed) => Followed): void {
  jobs.value = jobs.peek().map((f) => (f.job.id === id ? change(f) : f));
}

export async function draw(fields: RequestFields = request.value): Promise<Followed | null> {
  const asked: RequestFields = { ...fields };
  if (asked["seed"] === undefined || !keepSeed.peek()) asked["seed"] = randomSeed();
  return submit(asked);
}

// As it stands, its seed included.
export async function submit(asked: RequestFields): Promise<Followed | null> {
  const steps = Number(asked["steps"] ?? capabilities.peek()?.fields.find((f) => f.name === "steps")?.default ?? 1);
  try {
    const job = await api.submit({ ...asked, preview_every: Math.max(1, Math.round(steps / kPreviews)) }, "page");
    const followed = { job, words: inWords(asked), preview: null };
    jobs.value = [...jobs.peek(), followed];
    const now = jobs.peek().find((f) => f.job.id === shown.peek());
    if (!now || isOver(now.job.state)) shown.value = job.id; // else it is shown when its turn comes
    if (keepSeed.peek()) setField("seed", asked["seed"]!);
    handedIn.value = { ...handedIn.peek(), [job.id]: followed.words };
    void follow(job.id);
    return followed;
  } catch (e) {
    if (!(e instanceof ApiError) && !(e instanceof Unreachable)) throw e;
    tellError(e);
    return null;
  }
}

// What any event may say (docs/serve.md): each has some of it.
type Said = Partial<Job> & GuardEvent & { base64: string; media_type: string; evaluations: number; message: string };

function after(f: Followed, event: ServerEvent): Followed {
  const data = event.data as Said;
  const job = { ...f.job };
  switch (event.name) {
    case "preview":
      return { ...f, preview: `data:${data.media_type};base64,${data.base64}` };
    case "guard":
      return { ...f, job: { ...job, guard: [...(job.guard ?? []), data] } };
    case "warning":
      return { ...f, job: { ...job, warnings: [...(job.warnings ?? []), data.message] } };
    case "cancelling":
      return { ...f, job: { ...job, state: "cancelling" } };
    case "error":
      return { ...f, job: { ...job, state: data.state ?? "failed", error: event.data as ServerError } };
    default:
      job.state = data.state ?? job.state;
      job.position = data.position ?? (event.name === "started" ? 0 : job.position);
      job.stage = data.stage ?? job.stage;
      job.progress = data.progress ?? job.progress;
      job.step = data.evaluation ?? job.step;
      job.steps = data.evaluations ?? job.steps;
      job.seconds_left = data.seconds_left ?? job.seconds_left;
      return { ...f, job };
  }
}

// What is drawn is looked at, once what was looked at is done.
function showInstead(id: string): void {
  const now = jobs.peek().find((f) => f.job.id === shown.peek());
  if (!now || isOver(now.job.state)) shown.value = id;
}

// A browser has six connections to a server: streams take a few of them, and jobs further back are asked for together.
const kStreams = 3;
const streams = new Set<string>();

async function turn(id: string): Promise<void> {
  for (;;) {
    const unheard = jobs.peek().filter((f) => !streams.has(f.job.id) && !isOver(f.job.state));
    const mine = unheard.find((f) => f.job.id === id);
    if (mine?.job.state !== "queued" || (streams.size < kStreams && unheard[0] === mine)) break;
    void askForUnheard();
    await sleep(300);
  }
  streams.add(id);
}

let asking: Promise<void> | null = null;
function askForUnheard(): Promise<void> {
  return (asking ??= (async () => {
    await sleep(1500);
    try {
      for (const job of (await api.jobs()).jobs)
        if (!streams.has(job.id)) update(job.id, (f) => ({ ...f, job: { ...f.job, state: job.state, position: job.position } }));
    } catch (e) {
      if (!(e instanceof ApiError) && !(e instanceof Unreachable)) throw e;
    } finally {
      asking = null;
    }
  })());
}

// Until its end is seen and its pictures are here, however often the server is away meanwhile.
async function follow(id: string): Promise<void> {
  for (;;) {
    try {
      await turn(id);
      for await (const event of listen(`v1/jobs/${id}/events`, new AbortController().signal)) {
        update(id, (f) => after(f, event));
        if (event.name === "started") showInstead(id);
        if (event.name === "picture") await fetchPictures(id);
      }
      return await fetchPictures(id);
    } catch (e) {
      if (e instanceof ApiError && (e.status === 404 || e.status === 410)) {
        const error = e.error;
        update(id, (f) => ({ ...f, job: { ...f.job, state: "failed", error } }));
        tell(strings.value.lostJobs(1));
        return forget(id);
      }
      if (e instanceof ApiError) return tellError(e);
      if (!(e instanceof Unreachable)) throw e;
      await sleep(1000);
    } finally {
      streams.delete(id);
    }
  }
}

function forget(id: string): void {
  const { [id]: _, ...rest } = handedIn.peek();
  handedIn.value = rest;
}

// The job as it is now, and its finished pictures into the gallery.
async function fetchPictures(id: string): Promise<void> {
  const job = await api.job(id);
  update(id, (f) => ({ ...f, job }));
  for (const picture of job.pictures) await keep(job, picture);
  if (isOver(job.state)) forget(id);
}

export async function cancel(id: string): Promise<void> {
  try {
    const job = await api.cancel(id);
    update(id, (f) => ({ ...f, job: { ...f.job, state: job.state, position: job.position } }));
  } catch (e) {
    if (e instanceof ApiError || e instanceof Unreachable) tellError(e);
    else throw e;
  }
}

export async function toFront(id: string): Promise<void> {
  try {
    await api.toFront(id);
  } catch (e) {
    if (e instanceof ApiError || e instanceof Unreachable) tellError(e);
    else throw e;
  }
}

// After a reload: jobs that still wait or draw, and what was finished meanwhile. Those that the server no longer knows
// were lost with it.
export async function findAgain(): Promise<void> {
  const mine = handedIn.peek();
  const { jobs: known } = await api.jobs();
  const there = known.filter((j) => !isOver(j.state) || j.id in mine).reverse();
  jobs.value = there.map((job) => ({ job, words: mine[job.id] ?? "", preview: null }));
  const lost = Object.keys(mine).filter((id) => !known.some((j) => j.id === id));
  if (lost.length) tell(strings.value.lostJobs(lost.length));
  handedIn.value = Object.fromEntries(there.map((j) => [j.id, mine[j.id] ?? ""]));
  const running = there.find((j) => j.state === "running");
  if (running) shown.value = running.id;
  for (const job of there) void follow(job.id);
}
