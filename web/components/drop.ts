// A picture dropped or pasted anywhere gives its settings back. A file never leads away from the page.
import { api, ApiError, Unreachable } from "../api/client";
import { tell, tellError } from "../state/notices";
import { takeOver } from "../state/settings";
import { strings } from "../strings";

async function recall(file: Blob): Promise<void> {
  try {
    const { recalled } = await api.metadata(file);
    if (!recalled) return tell(strings.value.nothingRecalled);
    takeOver(recalled.request);
    tell([strings.value.recalled(recalled.source), ...recalled.notes].join(" "));
  } catch (e) {
    if (e instanceof ApiError || e instanceof Unreachable) tellError(e);
    else throw e;
  }
}

export function watchDrops(): void {
  const isFiles = (e: DragEvent): boolean => e.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    document.body.dataset["drop"] = strings.value.dropHere;
  });
  addEventListener("dragleave", (e) => {
    if (!e.relatedTarget) delete document.body.dataset["drop"];
  });
  addEventListener("drop", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    delete document.body.dataset["drop"];
    const file = e.dataTransfer!.files[0];
    if (file) void recall(file);
  });
  document.addEventListener("paste", (e) => {
    const file = [...(e.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/"));
    if (file) void recall(file);
  });
}
