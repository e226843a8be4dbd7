// The engine's forward pass by WebAssembly SIMD: kernel.wat has the sums, this module what lies where in their memory.
//
// A map (C, H, W) lies with a border of zeros, rows of W + 2 numbers one after another. So a pixel's nine neighbours are
// nine fixed distances away, wherever it lies, and a convolution is one long product over all rows at once; the two
// numbers that it makes beyond each row's end are passed over. From the columns on, a stage (T, size) lies as (size, T):
// a row of T numbers for each feature, gate or class.
import { BYTES, createArena, createKernel, NONE, packed, upTo } from "./memory.js";

/** @typedef {import("./engine.js").Layer} Layer */

/**
 * A direction of the LSTM in two: what a column adds to the gates, a layer (4 * units, F), and what the last hidden state
 * adds, (units, 4 * units). `units` is hidden with units of zeros up to a multiple of four.
 */
function halves(/** @type {Layer} */ { weight, bias }, F, hidden) {
  const units = upTo(hidden, 4);
  const column = { weight: new Float32Array(4 * units * F), bias: new Float32Array(4 * units) };
  const recurrent = new Float32Array(4 * units * units);
  for (let gate = 0; gate < 4 * hidden; gate++) {
    const to = Math.floor(gate / hidden) * units + gate % hidden;
    const row = weight.subarray(gate * (F + hidden), (gate + 1) * (F + hidden));
    column.weight.set(row.subarray(0, F), to * F);
    column.bias[to] = bias[gate];
    for (let j = 0; j < hidden; j++) recurrent[j * 4 * units + to] = row[F + j];
  }
  return { column, recurrent };
}

/**
 * The forward pass of a network; null where the kernel cannot run.
 * @param {import("./engine.js").Network} network @returns {import("./engine.js").Forward | null}
 */
export function simd({ config, rows, convolutions, project, forward, reverse, classify }) {
  const kernel = createKernel();
  if (!kernel) return null;
  const { product, pool, lstm, memory } = kernel;
  const { room, kept, top, rewind, numbers: all } = createArena(memory);
  const { channels, pools, features: F, hidden } = config;
  const units = upTo(hidden, 4);
  const columnSize = channels[channels.length - 1] * rows;
  const K = classify.bias.length;
  const filters = convolutions.map((layer) => kept(packed(layer)));
  const projection = kept(packed(project));
  const directions = [forward, reverse].map((layer) => {
    const { column, recurrent } = halves(layer, F, hidden);
    return { column: kept(packed(column)), recurrent: kept(recurrent) };
  });
  const classifier = kept(packed(classify));
  const first = top(); // of what depends on the image's size

  /** A map with its border: where its first pixel lies, and the nine neighbours of that pixel in each channel. */
  function bordered(C, H, W) {
    const row = (W + 2) * BYTES;
    const plane = (H + 2) * row;
    const corner = room(C * (H + 2) * (W + 2));
    const neighbour = (k) => corner + Math.floor(k / 9) * plane + Math.floor(k % 9 / 3) * row + k % 3 * BYTES;
    const at = corner + row + BYTES;
    return { at, plane, row, rows: kept(Int32Array.from({ length: 9 * C }, (_, k) => neighbour(k))) };
  }

  /** A matrix (count, T): where it lies, and where each of its rows begins. */
  function matrix(count, T) {
    const row = upTo(T, 8) * BYTES;
    const at = room(upTo(count, 4) * upTo(T, 8));
    return { at, plane: rows * row, row, rows: kept(Int32Array.from({ length: count }, (_, i) => at + i * row)) };
  }

  /** A place for each stage of an image (H, W). */
  function layOut(H, W) {
    rewind(first);
    const size = `${H} x ${W}`;
    const image = bordered(1, H, W);
    let [source, C] = [image, 1];
    const blocks = channels.map((D, i) => {
      const block = { source, C, D, H, W, map: room(upTo(D, 4) * upTo(H * (W + 2), 8)), tight: room(D * H * W) };
      const [v, h] = pools[i];
      [C, H, W] = [D, Math.floor(H / v), Math.floor(W / h)];
      source = i + 1 < channels.length ? bordered(C, H, W) : matrix(columnSize, W);
      return { ...block, v, h, pooled: source };
    });
    const [features, gates, states, logits] = [F, 4 * units, 2 * hidden, K].map((count) => matrix(count, W));
    return {
      size,
      image,
      blocks,
      T: W,
      columns: source,
      features,
      gates,
      states,
      logits,
      steps: room(W * 4 * units),
      hiddens: room(W * 2 * units),
      cell: room(units),
    };
  }

  /** @type {ReturnType<typeof layOut> | null} */
  let work = null;

  return (image, H, W, put) => {
    if (work?.size !== `${H} x ${W}`) {
      work = null; // should the memory not suffice, nothing is left of it
      work = layOut(H, W);
    }
    const { blocks, T, columns, features, gates, states, logits, steps, hiddens, cell } = work;
    const numbers = all();

    /** A map (C, H, W) without its border. */
    function tight(/** @type {{at: number, plane: number, row: number}} */ { at, plane, row }, to, C, H, W) {
      pool(at, plane, row, 1, 1, to, H * W * BYTES, W * BYTES, C, H, W);
      return numbers.slice(to / BYTES, to / BYTES + C * H * W);
    }

    /** A matrix (count, T) as (T, count). */
    function turned({ at, row }, count) {
      const result = new Float32Array(T * count);
      for (let i = 0; i < count; i++) {
        for (let t = 0, from = (at + i * row) / BYTES; t < T; t++, from++) result[t * count + i] = numbers[from];
      }
      return result;
    }

    for (let y = 0; y < H; y++) {
      numbers.set(image.subarray(y * W, (y + 1) * W), (work.image.at + y * work.image.row) / BYTES);
    }
    blocks.forEach(({ source, C, D, H, W, map, tight: to, v, h, pooled }, i) => {
      const n = H * (W + 2);
      const made = { at: map, plane: upTo(n, 8) * BYTES, row: (W + 2) * BYTES };
      product(source.rows, 9 * C, filters[i], D, n, map, made.plane, 0);
      put(`conv${i + 1}`, tight(made, to, D, H, W), D, H, W);
      const [rows, across] = [Math.floor(H / v), Math.floor(W / h)];
      pool(map, made.plane, made.row, v, h, pooled.at, pooled.plane, pooled.row, D, rows, across);
      put(`pool${i + 1}`, tight(pooled, to, D, rows, across), D, rows, across);
    });
    put("columns", turned(columns, columnSize), T, columnSize);
    product(columns.rows, columnSize, projection, F, T, features.at, features.row, 0);
    put("features", turned(features, F), T, F);
    directions.forEach(({ column, recurrent }, i) => {
      product(features.rows, F, column, 4 * units, T, gates.at, gates.row, NONE);
      numbers.set(turned(gates, 4 * units), steps / BYTES);
      numbers.fill(0, cell / BYTES, cell / BYTES + units);
      const [begin, on] = i ? [T - 1, -BYTES] : [0, BYTES];
      const [from, to] = [steps + begin * 4 * units * BYTES, hiddens + (begin * 2 + i) * units * BYTES];
      lstm(from, 4 * units * on, to, 2 * units * on, T, units, recurrent, cell);
    });
    const both = new Float32Array(T * 2 * hidden);
    for (let half = 0; half < 2 * T; half++) {
      const from = hiddens / BYTES + half * units;
      both.set(numbers.subarray(from, from + hidden), half * hidden);
    }
    put("states", both, T, 2 * hidden);
    for (let i = 0; i < 2 * hidden; i++) {
      for (let t = 0, to = (states.at + i * states.row) / BYTES; t < T; t++, to++) {
        numbers[to] = both[t * 2 * hidden + i];
      }
    }
    product(states.rows, 2 * hidden, classifier, K, T, logits.at, logits.row, NONE);
    put("logits", turned(logits, K), T, K);
  };
}
