// Who computes: the kernel's torch model where one answers, else the page's own engine. Both give the same stages.
import { createReader } from "./engine.js";

const PATIENCE = 4000; // milliseconds that a kernel may take; a busy one answers late and is then asked again

/**
 * @param {{readers: string[], load: (name: string) => Promise<Uint8Array>,
 *          data: (name: string) => Promise<object>, ask?: (request: object, buffers: ArrayBuffer[]) => Promise<object>}} host
 *   readers: names; load: a reader's page weights; data: a recording; ask: one question to the kernel
 */
export function createBackend({ readers, load, data, ask }) {
  const made = new Map();
  let kernelAnswers = Boolean(ask);

  /** The page's reader of that name, loaded once; a failure is not remembered. */
  function reader(name) {
    if (!made.has(name)) {
      const promise = load(name).then(createReader);
      promise.catch(() => made.delete(name));
      made.set(name, promise);
    }
    return made.get(name);
  }

  /**
   * Every stage (or those named in `want`) of a standardised image (H, W), by name.
   * @param {string} name @param {Float32Array} image @param {number} H @param {number} W @param {string[]} [want]
   */
  async function infer(name, image, H, W, want) {
    if (kernelAnswers) {
      try {
        return await askKernel(name, image, H, W, want);
      } catch (error) {
        if (!error.silent) throw error; // the kernel said what is wrong
        kernelAnswers = false;
        error.late?.then(() => (kernelAnswers = true), () => {});
      }
    }
    return (await reader(name)).infer(image, H, W);
  }

  async function askKernel(name, image, H, W, want) {
    const answer = ask({ kind: "infer", reader: name, H, W, want: want ?? null }, [image.slice().buffer]);
    const { names, dims, buffers } = await withPatience(answer);
    return Object.fromEntries(names.map((n, i) => [n, { data: floats(buffers[i]), dims: dims[i] }]));
  }

  return { readers, reader, infer, data, where: () => (kernelAnswers ? "kernel" : "page") };
}

/** `answer`, or after PATIENCE an error that is `silent` and keeps the answer as `late`. */
function withPatience(answer) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error("the kernel is silent"), { silent: true, late: answer })), PATIENCE);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Buffers arrive as DataView on memory that is not ours to keep, aligned or not: copy. @param {DataView} view */
export function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** Questions and answers over an anywidget model's messages, each with a number. */
export function kernelOf(model) {
  const waiting = new Map();
  let count = 0;
  model.on("msg:custom", (content, buffers) => {
    const { resolve, reject } = waiting.get(content.id) ?? {};
    waiting.delete(content.id);
    if (content.error) reject?.(new Error(content.error));
    else resolve?.({ ...content, buffers });
  });
  return (request, buffers = []) =>
    new Promise((resolve, reject) => {
      const id = ++count;
      waiting.set(id, { resolve, reject });
      try {
        model.send({ ...request, id }, undefined, buffers);
      } catch (error) { // the connection is gone: nobody will answer
        waiting.delete(id);
        reject(Object.assign(new Error("the kernel is gone", { cause: error }), { silent: true }));
      }
    });
}
