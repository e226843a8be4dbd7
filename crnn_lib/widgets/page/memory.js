// The kernel and its memory, in which all that it adds up lies end to end.
import { fromBase64 } from "./base64.js";
import { KERNEL } from "./kernel.js";

/** @typedef {{memory: {buffer: ArrayBuffer, grow: (pages: number) => number}, [sum: string]: any}} Kernel */
/** @typedef {ReturnType<typeof createArena>} Arena */

export const BYTES = 4; // a number
export const NONE = -Infinity; // the floor of a product without ReLU
export const PAGE = 65536; // bytes, in which memory grows

export const upTo = (/** @type {number} */ n, /** @type {number} */ multiple) => multiple * Math.ceil(n / multiple);

/** @type {WebAssembly.Module | null | undefined} */
let compiled;

/** The kernel with a memory of its own; null where there is no WebAssembly, no SIMD, or a policy that forbids it. */
export function createKernel() {
  try {
    if (compiled === undefined) compiled = new WebAssembly.Module(/** @type {BufferSource} */ (fromBase64(KERNEL)));
    return compiled && /** @type {Kernel} */ (/** @type {any} */ (new WebAssembly.Instance(compiled).exports));
  } catch {
    return (compiled = null);
  }
}

/** Weights (D, K) and biases as `product` takes them: for four outputs at a time the biases, then the weights of each k. */
export function packed(/** @type {import("./engine.js").Layer} */ { weight, bias }) {
  const D = bias.length;
  const K = weight.length / D;
  const result = new Float32Array(upTo(D, 4) * (K + 1));
  for (let d = 0; d < D; d++) {
    const at = (d - d % 4) * (K + 1) + d % 4;
    result[at] = bias[d];
    for (let k = 0; k < K; k++) result[at + 4 * (k + 1)] = weight[d * K + k];
  }
  return result;
}

/** Places for numbers in a kernel's memory, dealt out one after another. @param {Kernel["memory"]} memory */
export function createArena(memory) {
  let top = 0; // the first free byte
  let numbers = new Float32Array(memory.buffer);

  /** The address of `count` numbers, all zero, that are nobody else's. @param {number} count */
  function room(count) {
    const address = top;
    top += upTo(count * BYTES, 16);
    const missing = Math.ceil(top / PAGE) + 1 - memory.buffer.byteLength / PAGE; // one more: products read a little on
    if (missing > 0) memory.grow(missing);
    new Uint8Array(memory.buffer).fill(0, address, top);
    return address;
  }

  /** The address of a copy of `values`. @param {Float32Array | Int32Array} values */
  function kept(values) {
    const address = room(values.length);
    new /** @type {any} */ (values.constructor)(memory.buffer).set(values, address / BYTES);
    return address;
  }

  return {
    room,
    kept,
    top: () => top,
    /** Give back what lies from `address` on. @param {number} address */
    rewind: (address) => void (top = address),
    /** All of memory. Growing moves it, so ask again after `room` and `kept`. */
    numbers() {
      if (numbers.buffer !== memory.buffer) numbers = new Float32Array(memory.buffer);
      return numbers;
    },
  };
}
