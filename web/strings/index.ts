// The language in use: the one chosen, else the browser's.
import { computed } from "../core/signal";
import { stored } from "../core/stored";
import { en, type Strings } from "./en";
import { zh } from "./zh";

export const languages = { en, zh } as const;
export type Language = keyof typeof languages;

export const language = stored<Language>("language", navigator.language.startsWith("zh") ? "zh" : "en");
export const strings = computed<Strings>(() => languages[language.value]);

export function bytesInWords(bytes: number): string {
  if (bytes < 1 << 30) return `${(bytes / (1 << 20)).toFixed(0)} MiB`;
  return `${(bytes / (1 << 30)).toFixed(1)} GiB`;
}

export function secondsInWords(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
