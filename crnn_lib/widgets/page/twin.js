// The kernel's sums for training in JavaScript, for where WebAssembly may not run: as kernel.wat, function for function.
import { BYTES, PAGE, upTo } from "./memory.js";
import { sigmoid, tanh } from "./plain.js";

/** The kernel's twin, with a memory of its own. Addresses and steps are in bytes. @returns {import("./memory.js").Kernel} */
export function createTwin() {
  let all = new Float32Array(PAGE / BYTES);
  const memory = {
    get buffer() {
      return all.buffer;
    },
    grow(pages) {
      const before = all;
      all = new Float32Array(before.length + pages * PAGE / BYTES);
      all.set(before);
      return before.length * BYTES / PAGE;
    },
  };
  const starts = (rows, K) => new Int32Array(all.buffer, rows, K).map((row) => row / BYTES);

  function product(rows, K, weights, D, n, out, step, floor) {
    const numbers = all; // constant, so V8 need not look again each time
    const from = starts(rows, K);
    for (let d = 0; d < D; d += 4) { // four outputs at a time
      const group = weights / BYTES + d * (K + 1);
      const [to, next] = [(out + d * step) / BYTES, step / BYTES];
      for (let p = 0; p < n; p++) {
        let s0 = numbers[group], s1 = numbers[group + 1], s2 = numbers[group + 2], s3 = numbers[group + 3];
        for (let k = 0, w = group + 4; k < K; k++, w += 4) {
          const value = numbers[from[k] + p];
          s0 += numbers[w] * value;
          s1 += numbers[w + 1] * value;
          s2 += numbers[w + 2] * value;
          s3 += numbers[w + 3] * value;
        }
        numbers[to + p] = Math.max(s0, floor);
        numbers[to + next + p] = Math.max(s1, floor);
        numbers[to + 2 * next + p] = Math.max(s2, floor);
        numbers[to + 3 * next + p] = Math.max(s3, floor);
      }
    }
  }

  function inner(a, step, D, rows, K, n, out) {
    const numbers = all;
    const from = starts(rows, K);
    const [next, across] = [step / BYTES, upTo(K, 2)];
    for (let d = 0; d < D; d += 4) { // four rows at a time
      for (let k = 0; k < K; k++) {
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (let q = from[k], p = a / BYTES + d * next, end = p + n; p < end; p++, q++) {
          const value = numbers[q];
          s0 += numbers[p] * value;
          s1 += numbers[p + next] * value;
          s2 += numbers[p + 2 * next] * value;
          s3 += numbers[p + 3 * next] * value;
        }
        const to = out / BYTES + d * across + k;
        numbers[to] = s0;
        numbers[to + across] = s1;
        numbers[to + 2 * across] = s2;
        numbers[to + 3 * across] = s3;
      }
    }
  }

  // deno-fmt-ignore
  function squash(raw, image, row, pixel, v, h, out, out_image, out_row, out_pixel, winners, count, H, W, scale, shift) {
    const numbers = all;
    const won = new Int32Array(numbers.buffer, winners, count * H * W);
    for (let k = 0; k < won.length; k++) {
      const [n, y, x] = [Math.floor(k / (H * W)), Math.floor(k / W) % H, k % W];
      let best = 0;
      won[k] = -1;
      for (let j = 0; j < v; j++) {
        for (let i = 0; i < h; i++) {
          const at = raw + n * image + (y * v + j) * row + (x * h + i) * pixel;
          const value = scale * numbers[at / BYTES] + shift;
          if (value > best) {
            best = value;
            won[k] = at;
          }
        }
      }
      numbers[(out + n * out_image + y * out_row + x * out_pixel) / BYTES] = best;
    }
  }

  function cells(gates, cell, states, row, back, hidden, n) {
    const numbers = all;
    [gates, cell, states, row, back] = [gates, cell, states, row, back].map((bytes) => bytes / BYTES);
    for (let u = 0; u < hidden; u++) {
      for (let i = 0, g = gates + u * row, at = cell + u * row; i < n; i++, g++, at++) {
        const taken = numbers[g] = sigmoid(numbers[g]);
        const kept = numbers[g + hidden * row] = sigmoid(numbers[g + hidden * row]);
        const fresh = numbers[g + 2 * hidden * row] = tanh(numbers[g + 2 * hidden * row]);
        const given = numbers[g + 3 * hidden * row] = sigmoid(numbers[g + 3 * hidden * row]);
        numbers[at] = kept * numbers[at + back] + taken * fresh;
        numbers[states + u * row + i] = given * tanh(numbers[at]);
      }
    }
  }

  function cells_back(gates, cell, states, row, back, hidden, n, carry) {
    const numbers = all;
    [gates, cell, states, row, back, carry] = [gates, cell, states, row, back, carry].map((bytes) => bytes / BYTES);
    for (let u = 0; u < hidden; u++) {
      for (let i = 0, g = gates + u * row, at = cell + u * row; i < n; i++, g++, at++, carry++) {
        const [taken, kept, fresh, given] = [0, 1, 2, 3].map((gate) => numbers[g + gate * hidden * row]);
        const seen = tanh(numbers[at]);
        const state = numbers[states + u * row + i];
        const slope = numbers[carry] + state * given * (1 - seen * seen); // of the cell
        numbers[carry] = slope * kept;
        numbers[g] = slope * fresh * taken * (1 - taken);
        numbers[g + hidden * row] = slope * numbers[at + back] * kept * (1 - kept);
        numbers[g + 2 * hidden * row] = slope * taken * (1 - fresh * fresh);
        numbers[g + 3 * hidden * row] = state * seen * given * (1 - given);
      }
    }
  }

  return { memory, product, inner, squash, cells, cells_back };
}
