// What the server says (docs/serve.md, /openapi.json).

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type RequestFields = { [name: string]: Json };

export interface Field {
  name: string;
  kind: "text" | "truth" | "integer" | "seed" | "real" | "reals" | "choice" | "picture" | "adapters";
  group: string;
  help: string;
  flag: string;
  default: Json;
  default_means?: string;
  least?: number;
  least_included?: boolean;
  most?: number;
  multiple?: number;
  words?: string[];
}

export interface Named {
  name: string;
  summary: string;
}

export interface Precision {
  name: string;
  preset?: string; // what a job asks for by `precision`
  reasons: string[];
}

export interface Capabilities {
  version: string;
  model: string;
  width: number;
  height: number;
  threads: number;
  memory_budget_bytes: number;
  precision: Precision;
  precisions: Named[]; // what a job may ask for instead
  loras: string[];
  samplers: Named[];
  schedules: Named[];
  output_formats: { name: string; media_type: string }[];
  fields: Field[];
  limits: { body_bytes: number; prompt_bytes: number; picture_side: number };
  needs_key: boolean;
}

export interface Stage {
  name: string;
  peak_bytes: number;
}

export interface Adapter {
  name: string;
  strength: number;
}

export interface Plan {
  peak_bytes: number;
  budget_bytes: number;
  stages: Stage[];
  decided_by: string;
  width: number;
  height: number;
  precision: Precision;
  seconds?: number | null; // by what was drawn here before
  unused: string[];
}

export interface Picture {
  index: number;
  seed: number | string;
  width: number;
  height: number;
  bytes: number;
  url: string;
  file_name: string;
  parameters?: string;
  request?: RequestFields;
}

export interface GuardEvent {
  where: string;
  problem: string;
  action: string;
  picture: number;
  evaluation: number;
}

export interface ServerError {
  kind: string;
  message: string;
  hint: string;
  param?: string | null;
  would_fit?: { what: string; request: RequestFields; peak_bytes: number };
}

export type JobState = "queued" | "running" | "cancelling" | "done" | "failed" | "cancelled";
export const isOver = (state: JobState): boolean => state === "done" || state === "failed" || state === "cancelled";

export interface Job {
  id: string;
  state: JobState;
  position: number;
  client_id: string;
  precision?: string | null;
  stage: string;
  progress: number;
  picture: number;
  step: number;
  steps: number;
  seconds_left: number | null;
  started: number | null; // seconds since 1970
  ended: number | null;
  pictures: Picture[];
  guard?: GuardEvent[];
  warnings?: string[];
  plan?: Plan;
  error?: ServerError;
}

export interface Finding {
  code: string;
  severity: "error" | "warning" | "info";
  line: number;
  column: number;
  offset: number;
  message: string;
  hint: string;
  fix?: { begin: number; end: number; text: string };
}

export interface EncoderTokens {
  encoder: string;
  tokens: number;
  limit: number;
  lost: number;
  lost_at: { line: number; column: number; offset: number } | null;
  blocks: { name: string; line: number; tokens: number }[];
}

export interface LintReport {
  findings: Finding[];
  errors: number;
  warnings: number;
  infos: number;
  tokens: { encoders: EncoderTokens[] } | null;
}

// Offsets are bytes of the UTF-8 text.
export interface OutlineElement {
  name: string;
  begin: number;
  end: number;
  content_begin: number;
  content_end: number;
}
export interface OutlineBlock extends OutlineElement {
  kind: "character" | "general";
  fields: OutlineElement[];
}

export interface Metadata {
  width: number;
  height: number;
  recalled: { source: string; request: RequestFields; notes: string[] } | null;
}
