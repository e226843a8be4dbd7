// Models of somebody's own: files that the library wrote, opened in this page, which they do not leave. What is dropped on a
// widget comes in here too.
import { opened } from "./backend.js";
import { button, choice, field, fill } from "./controls.js";
import { element } from "./dom.js";
import { createReader } from "./engine.js";
import { createTaker } from "./sources.js";

const MOST_MEGABYTES = 64;
const MODEL = /\.(safetensors|pt|pth|ckpt|bin|pkl|onnx)$/i; // those that cannot be read are refused

/** Who offers the opened models, told of each by its name. @type {Set<(name: string) => void>} */
const offering = new Set();

/** The reader in a file, or a clear error. @param {File} file */
async function openModel(file) {
  const name = `"${file.name}"`;
  const megabytes = file.size / 1e6;
  if (megabytes > MOST_MEGABYTES) {
    const limit = `the limit is ${MOST_MEGABYTES} megabytes`;
    throw new Error(`${name} is too large for a page: it has ${megabytes.toFixed(0)}, ${limit}`);
  }
  try {
    const key = file.name.includes(".") ? file.name : `${file.name} (file)`; // never the name of one of the page's own
    return { name: key, reader: createReader(new Uint8Array(await file.arrayBuffer())) };
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new Error(`${name} cannot be read as a model, a .safetensors file that crnn train wrote: ${message}`);
  }
}

/**
 * Take a file that is dropped on `root`, or comes by another of `events`; words may be dropped where words are typed.
 * @param {HTMLElement} root @param {string[]} events @param {(file: File) => any} take @param {() => any} refuse
 */
function receiveFiles(root, events, take, refuse) {
  const over = (/** @type {boolean} */ on) => root.classList.toggle("crnn-over", on);
  const typed = (/** @type {any} */ { target }) => target instanceof HTMLInputElement && target.type === "text";
  for (const name of events) {
    root.addEventListener(name, (event) => {
      const { dataTransfer, clipboardData } = /** @type {DragEvent & ClipboardEvent} */ (event);
      const files = [...((dataTransfer ?? clipboardData)?.files ?? [])];
      over(false);
      if (!files.length && typed(event)) return;
      event.preventDefault();
      event.stopPropagation();
      const known = files.find((file) => file.type.startsWith("image/") || MODEL.test(file.name));
      if (files.length) take(known ?? files[0]);
      else refuse();
    });
  }
  for (const name of ["dragenter", "dragover"]) {
    root.addEventListener(name, (event) => {
      const files = /** @type {DragEvent} */ (event).dataTransfer?.types.includes("Files");
      if (!files && typed(event)) return;
      event.preventDefault();
      over(true);
    });
  }
  root.addEventListener("dragleave", () => over(false));
}

/**
 * Which reader is asked, and a button for a file of somebody's own, which may also be dropped on the widget. The choice is
 * seen when there is such a file, or (`always`) from the start.
 * @param {Pick<import("./main.js").Place, "root" | "backend" | "signal"> & {message: ReturnType<typeof import("./controls.js").createMessage>,
 *   onpicture: (file: File) => any, always?: boolean, events?: string[]}} options onpicture: takes a file that is no model
 */
export function createModels({ root, backend, signal, message, onpicture, always = false, events = ["drop"] }) {
  const { readers } = backend;
  const fitting = readers.length > 1
    ? [["", "the fitting one"], ...readers.map((name) => [name, name])]
    : [["", ...readers]];
  const select = choice(fitting, "", backend.choose);
  const named = field("Model", select);
  const take = createTaker(({ name, reader }) => {
    opened.set(name, reader);
    message.say(`${name} reads here now; it stays in this page.`);
    backend.choose(name);
    for (const offer of offering) offer(name);
  }, message.fail);
  const open = (/** @type {File} */ file) => void take(() => openModel(file));
  const file = element("input", { type: "file" });
  file.addEventListener("change", () => file.files?.[0] && open(file.files[0]));
  function pick() {
    file.value = ""; // so that the same file can be opened again
    file.click();
  }

  /** @param {string} [changed] a model; who asks it reads again */
  function offer(changed) {
    fill(select, [...fitting, ...[...opened.keys()].map((name) => [name, name])], backend.chosen());
    named.hidden = select.children.length === 1 || !(always || opened.size);
    if (changed === backend.chosen()) backend.choose(changed);
  }
  offer();
  backend.onrenew(() => (select.value = backend.chosen()), signal);
  offering.add(offer);
  signal.addEventListener("abort", () => offering.delete(offer));
  const refuse = () => message.say("that is not a picture: copy an image, or choose its file", true);
  receiveFiles(root, events, (given) => (MODEL.test(given.name) ? open(given) : onpicture(given)), refuse);
  const title = "A .safetensors file that crnn train wrote; it may also be dropped here";
  return { nodes: [named, button("Model file", pick, { title })] };
}
