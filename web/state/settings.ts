// Fields of the request that were changed, and the request as it is sent. Everything else has the server's default.
import type { Field, Json, RequestFields } from "../api/types";
import { computed, signal } from "../core/signal";
import { stored } from "../core/stored";
import { capabilities } from "./capabilities";
import { negative, prompt } from "./prompt";

export const changed = stored<RequestFields>("settings", {});
export const keepSeed = stored("keepSeed", false);
// Pictures to start from are too large to be stored: they are gone after a reload.
export const initPicture = signal<string | null>(null); // base64 of a file
export const mask = signal<string | null>(null);

const kElsewhere = new Set(["prompt", "negative_prompt", "init_image", "mask", "preview_every", "preview_method"]);
export const shownFields = computed<Field[]>(() =>
  (capabilities.value?.fields ?? []).filter((f) => !kElsewhere.has(f.name)),
);

export function setField(name: string, value: Json | undefined): void {
  const { [name]: _, ...rest } = changed.peek();
  changed.value = value === undefined ? rest : { ...rest, [name]: value };
}

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);

export const request = computed<RequestFields>(() => {
  const out: RequestFields = { ...changed.value, prompt: prompt.value };
  if (negative.value) out["negative_prompt"] = negative.value;
  if (initPicture.value) out["init_image"] = initPicture.value;
  if (initPicture.value && mask.value) out["mask"] = mask.value;
  return out;
});

// A picture says its precision and the preset that decided it; a job asks for a preset, or for the server's own.
export function asJobSays(picture: RequestFields): RequestFields {
  const { precision: _, precision_preset: preset, ...rest } = picture;
  const own = capabilities.peek()?.precision.preset;
  return preset !== undefined && own !== undefined && preset !== own ? { ...rest, precision: preset } : rest;
}

// Everything a picture says; what it does not say goes back to the default.
export function takeOver(from: RequestFields): void {
  const known = new Set(capabilities.peek()?.fields.map((f) => f.name));
  const rest: RequestFields = {};
  for (const [name, value] of Object.entries(asJobSays(from))) if (known.has(name) && !kElsewhere.has(name)) rest[name] = value;
  prompt.value = String(from["prompt"] ?? "");
  negative.value = String(from["negative_prompt"] ?? "");
  changed.value = rest;
  if (rest["seed"] !== undefined) keepSeed.value = true;
}
