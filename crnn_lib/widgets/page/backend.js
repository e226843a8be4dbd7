// What the widgets compute with: readers and recordings by name, each loaded once.
import { createReader } from "./engine.js";

/**
 * @param {{readers: string[], load: (name: string) => Promise<Uint8Array>, data: (name: string) => Promise<object>}} host
 *   readers: names; load: a reader's page weights; data: a recording
 */
export function createBackend({ readers, load, data }) {
  const made = new Map();

  /** The reader of that name; a failure is not remembered. */
  function reader(name) {
    if (!made.has(name)) {
      const promise = load(name).then(createReader);
      promise.catch(() => made.delete(name));
      made.set(name, promise);
    }
    return made.get(name);
  }

  /**
   * Every stage of a standardised image (H, W), by name.
   * @param {string} name @param {Float32Array} image @param {number} H @param {number} W
   */
  async function infer(name, image, H, W) {
    return (await reader(name)).infer(image, H, W);
  }

  return { readers, reader, infer, data };
}
