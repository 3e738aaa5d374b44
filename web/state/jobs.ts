// The jobs of this page and of others of the same owner: handed in, followed by their events, found again after a reload.
import { api, ApiError, Unreachable } from "../api/client";
import { listen } from "../api/events";
import { isOver, type Job, type RequestFields } from "../api/types";
import { signal } from "../core/signal";
import { stored } from "../core/stored";
import { keep } from "./gallery";
import { keepSeed, randomSeed, request, setField } from "./settings";
import { tell, tellError } from "./notices";
import { strings } from "../strings";

export interface Followed {
  job: Job;
  request: RequestFields;
  preview: string | null; // a data URL
}

export const jobs = signal<Followed[]>([]); // the newest last
export const shown = signal<string | null>(null); // the job in the result's place
const handedIn = stored<string[]>("jobs", []); // ids whose end this page has not seen

const kPreviews = 28; // of a picture, at most

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
  const steps = Number(asked["steps"] ?? 28);
  try {
    const job = await api.submit({ ...asked, preview_every: Math.max(1, Math.round(steps / kPreviews)) }, "page");
    const followed = { job, request: asked, preview: null };
    jobs.value = [...jobs.peek(), followed];
    shown.value = job.id;
    if (keepSeed.peek()) setField("seed", asked["seed"]!);
    handedIn.value = [...handedIn.peek(), job.id];
    void follow(job.id);
    return followed;
  } catch (e) {
    if (!(e instanceof ApiError) && !(e instanceof Unreachable)) throw e;
    tellError(e);
    return null;
  }
}

async function follow(id: string): Promise<void> {
  const abort = new AbortController();
  try {
    for await (const event of listen(`v1/jobs/${id}/events`, abort.signal)) {
      const data = event.data as Partial<Job> & { base64?: string; media_type?: string; evaluation?: number; evaluations?: number };
      update(id, (f) => ({
        ...f,
        preview: event.name === "preview" ? `data:${data.media_type};base64,${data.base64}` : f.preview,
        job: {
          ...f.job,
          state: data.state ?? f.job.state,
          position: data.position ?? (event.name === "started" ? 0 : f.job.position),
          stage: data.stage ?? f.job.stage,
          progress: data.progress ?? f.job.progress,
          step: data.evaluation ?? f.job.step,
          steps: data.evaluations ?? f.job.steps,
          seconds_left: data.seconds_left ?? f.job.seconds_left,
        },
      }));
      if (event.name === "picture") await fetchPictures(id);
    }
    await fetchPictures(id);
  } catch (e) {
    if (e instanceof ApiError && (e.status === 404 || e.status === 410)) {
      const error = e.error;
      update(id, (f) => ({ ...f, job: { ...f.job, state: "failed", error } }));
      forget(id);
      return;
    }
    if (!(e instanceof ApiError) && !(e instanceof Unreachable)) throw e;
    tellError(e);
  }
}

function forget(id: string): void {
  handedIn.value = handedIn.peek().filter((other) => other !== id);
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
  const mine = new Set(handedIn.peek());
  const { jobs: known } = await api.jobs();
  const there = known.filter((j) => !isOver(j.state) || mine.has(j.id)).reverse();
  jobs.value = there.map((job) => ({ job, request: {}, preview: null }));
  const lost = [...mine].filter((id) => !known.some((j) => j.id === id));
  if (lost.length) tell(strings.value.lostJobs(lost.length));
  handedIn.value = there.map((j) => j.id);
  const running = there.find((j) => j.state === "running");
  if (running) shown.value = running.id;
  for (const job of there) void follow(job.id);
}
