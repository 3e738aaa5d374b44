// A picture to start from, and the mask of what is drawn anew: painted in the picture's own pixels, whatever the zoom.
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { initPicture, mask } from "../state/settings";
import { strings } from "../strings";

export async function base64Of(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

export function initPanel(): HTMLElement {
  const title = h("summary");
  const choose = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", onchange: () => void take() });
  const take = async (): Promise<void> => {
    const file = choose.files?.[0];
    if (file) initPicture.value = await base64Of(file);
    choose.value = "";
  };
  const body = h("div");
  const out = h("details", { class: "panel init" }, title, h("label", {}, h("span", { class: "sr" }), choose), body);
  effect(() => {
    const s = strings.value;
    title.textContent = s.initPicture;
    choose.setAttribute("aria-label", s.choosePicture);
    const data = initPicture.value;
    mask.value = null;
    if (data) out.open = true;
    fill(body, data ? [maskEditor(data)] : []);
  });
  return out;
}

type Tool = "brush" | "eraser";

// A stroke is a list of points in picture pixels: undo paints all but the last again.
interface Stroke {
  tool: Tool;
  size: number;
  points: [number, number][];
}

function maskEditor(base64: string): HTMLElement {
  const s = strings.value;
  const picture = h("img", { alt: "", src: `data:image/*;base64,${base64}` });
  const canvas = h("canvas", { role: "img", tabindex: "0", "aria-label": s.maskLabel });
  const stage = h("div", { class: "mask-stage" }, picture, canvas);
  const strokes: Stroke[] = [];
  let tool: Tool = "brush";
  let size = 24;
  let drawing: Stroke | null = null;

  picture.onload = () => {
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    size = Math.max(8, Math.round(canvas.width / 12));
    sizes.value = String(size);
  };
  const context = (): CanvasRenderingContext2D => canvas.getContext("2d")!;
  const paint = (stroke: Stroke): void => {
    const c = context();
    c.globalCompositeOperation = stroke.tool === "brush" ? "source-over" : "destination-out";
    c.strokeStyle = c.fillStyle = "#fff";
    c.lineWidth = stroke.size;
    c.lineCap = c.lineJoin = "round";
    c.beginPath();
    const [x, y] = stroke.points[0]!;
    c.moveTo(x, y);
    for (const [px, py] of stroke.points) c.lineTo(px, py);
    c.lineTo(x + 0.01, y);
    if (stroke.points.length > 1) {
      c.beginPath();
      stroke.points.forEach(([px, py], i) => (i ? c.lineTo(px, py) : c.moveTo(px, py)));
    }
    c.stroke();
  };
  const repaint = (): void => {
    context().clearRect(0, 0, canvas.width, canvas.height);
    strokes.forEach(paint);
    handOver();
  };
  // Black and white to the pixel: what is half covered counts as painted.
  const handOver = (): void => {
    if (!strokes.length) {
      mask.value = null;
      return;
    }
    const pixels = context().getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const on = pixels.data[i + 3]! >= 128 ? 255 : 0;
      pixels.data[i] = pixels.data[i + 1] = pixels.data[i + 2] = on;
      pixels.data[i + 3] = 255;
    }
    const out = h("canvas", { width: canvas.width, height: canvas.height });
    out.getContext("2d")!.putImageData(pixels, 0, 0);
    out.toBlob((blob) => {
      if (blob) void base64Of(blob).then((data) => (mask.value = data));
    }, "image/png");
  };
  const at = (e: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [((e.clientX - box.left) / box.width) * canvas.width, ((e.clientY - box.top) / box.height) * canvas.height];
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    drawing = { tool, size, points: [at(e)] };
    strokes.push(drawing);
    paint(drawing);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!drawing) return;
    drawing.points.push(at(e));
    paint({ ...drawing, points: drawing.points.slice(-2) });
  });
  const end = (): void => {
    if (drawing) repaint();
    drawing = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  const undo = (): void => {
    strokes.pop();
    repaint();
  };
  canvas.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key === "z") {
      e.preventDefault();
      undo();
    }
  });

  const toolButton = (which: Tool, words: string): HTMLButtonElement =>
    h("button", { type: "button", class: "small", "aria-pressed": String(tool === which), onclick: () => {
      tool = which;
      for (const [button, name] of [[brush, "brush"], [eraser, "eraser"]] as const) button.setAttribute("aria-pressed", String(name === tool));
    } }, words);
  const brush = toolButton("brush", s.brush);
  const eraser = toolButton("eraser", s.eraser);
  const sizes = h("input", { type: "range", min: "1", max: "200", value: size, "aria-label": s.brushSize, oninput: () => (size = sizes.valueAsNumber) });
  const zoom = h("input", { type: "range", min: "50", max: "400", value: "100", "aria-label": s.zoom, oninput: () => (stage.style.width = `${zoom.value}%`) });
  return h("div", {},
    h("p", { class: "quiet" }, s.paintMask),
    h("div", { class: "mask-scroll" }, stage),
    h("div", { class: "row wrap" }, brush, eraser, sizes, zoom,
      h("button", { type: "button", class: "small", onclick: undo }, s.undo),
      h("button", { type: "button", class: "small", onclick: () => { strokes.length = 0; repaint(); } }, s.clearMask),
      h("button", { type: "button", class: "small", onclick: () => (initPicture.value = null) }, s.removePicture)));
}
