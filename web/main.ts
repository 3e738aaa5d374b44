// The page, put together. Elements are made once; what changes follows signals.
import "./styles/page.css";
import { reachable } from "./api/client";
import { h } from "./core/h";
import { effect } from "./core/signal";
import { drawBar, planPanel } from "./components/draw";
import { watchDrops } from "./components/drop";
import { galleryPanel } from "./components/gallery";
import { header, notices } from "./components/header";
import { initPanel } from "./components/init_picture";
import { promptPanel } from "./components/prompt_panel";
import { queuePanel, resultPanel } from "./components/result";
import { settingsPanel } from "./components/settings_panel";
import { shortcutSheet } from "./components/shortcuts";
import { viewer } from "./components/viewer";
import { capabilities, watchServer } from "./state/capabilities";
import { loadGallery } from "./state/gallery";
import { findAgain } from "./state/jobs";
import { watchPlan } from "./state/plan";
import { watchPrompt } from "./state/prompt";
import { sleep } from "./core/wait";

const sheet = shortcutSheet();
document.body.append(
  header(() => sheet.showModal()),
  notices(),
  h("main", {},
    h("div", { class: "column write" }, promptPanel(), settingsPanel(), initPanel(), planPanel(), drawBar()),
    h("div", { class: "column see" }, resultPanel(), queuePanel(), galleryPanel())),
  viewer(),
  sheet,
);

watchServer();
watchDrops();
void loadGallery();

// What asks the server waits until it has said what it is.
const started = effect(() => {
  if (!capabilities.value) return;
  queueMicrotask(() => {
    started();
    watchPrompt();
    watchPlan();
    void findAgain().catch(() => undefined);
  });
});

// Gone and back: told while it lasts, and asked until it answers.
effect(() => {
  if (reachable.value) return;
  void (async () => {
    while (!reachable.peek()) {
      await sleep(1000);
      try {
        await fetch("health");
        reachable.value = true;
      } catch {
        // still gone
      }
    }
  })();
});
