// The engine's forward pass in plain loops over typed arrays, arranged so that the innermost one walks through contiguous
// memory: the one to read, and what computes where WebAssembly may not.
import { convolve, factorsOf } from "./convolve.js";

/** The largest of each v x h patch: (C, H, W) -> (C, floor(H / v), floor(W / h)). */
function maxPool(input, C, H, W, v, h) {
  const rows = Math.floor(H / v);
  const columns = Math.floor(W / h);
  const output = new Float32Array(C * rows * columns);
  for (let c = 0, o = 0; c < C; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, o++) {
        let best = -Infinity;
        for (let j = 0; j < v; j++) {
          for (let i = 0, at = (c * H + y * v + j) * W + x * h; i < h; i++, at++) {
            if (input[at] > best) best = input[at];
          }
        }
        output[o] = best;
      }
    }
  }
  return output;
}

/** weight (M, N) times x (N) plus bias (M), eight rows at a time; `x` and `output` are read and written at offsets. */
function affine(weight, bias, x, xAt, output, outAt) {
  const M = bias.length;
  const N = weight.length / M;
  let m = 0;
  for (; m + 8 <= M; m += 8) {
    let s0 = bias[m], s1 = bias[m + 1], s2 = bias[m + 2], s3 = bias[m + 3];
    let s4 = bias[m + 4], s5 = bias[m + 5], s6 = bias[m + 6], s7 = bias[m + 7];
    for (let n = 0, i = m * N; n < N; n++, i++) {
      const value = x[xAt + n];
      s0 += weight[i] * value;
      s1 += weight[i + N] * value;
      s2 += weight[i + 2 * N] * value;
      s3 += weight[i + 3 * N] * value;
      s4 += weight[i + 4 * N] * value;
      s5 += weight[i + 5 * N] * value;
      s6 += weight[i + 6 * N] * value;
      s7 += weight[i + 7 * N] * value;
    }
    output.set([s0, s1, s2, s3, s4, s5, s6, s7], outAt + m);
  }
  for (; m < M; m++) {
    let sum = bias[m];
    for (let n = 0; n < N; n++) sum += weight[m * N + n] * x[xAt + n];
    output[outAt + m] = sum;
  }
}

export const sigmoid = (/** @type {number} */ z) => 1 / (1 + Math.exp(-z));
export const tanh = (/** @type {number} */ z) => 2 / (1 + Math.exp(-2 * z)) - 1; // sooner than Math.tanh

/**
 * One direction of the LSTM over T columns of F features, into its half of `states` (T, 2 * hidden).
 * Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 2000); gates in torch's order i, f, g, o.
 */
function lstm(features, T, F, hidden, weight, bias, backwards, states) {
  const seen = new Float32Array(F + hidden); // the column, then the last hidden state
  const gates = new Float32Array(4 * hidden);
  const cell = new Float32Array(hidden);
  for (let step = 0; step < T; step++) {
    const t = backwards ? T - 1 - step : step;
    seen.set(features.subarray(t * F, t * F + F));
    affine(weight, bias, seen, 0, gates, 0);
    for (let i = 0; i < hidden; i++) {
      cell[i] = sigmoid(gates[hidden + i]) * cell[i] + sigmoid(gates[i]) * tanh(gates[2 * hidden + i]);
      seen[F + i] = sigmoid(gates[3 * hidden + i]) * tanh(cell[i]);
    }
    states.set(seen.subarray(F), t * 2 * hidden + (backwards ? hidden : 0));
  }
}

/** The forward pass of a network. @param {import("./engine.js").Network} network @returns {import("./engine.js").Forward} */
export function plain({ config, rows, convolutions, project, forward, reverse, classify }) {
  const { channels, pools, features: F, hidden } = config;
  const columnSize = channels[channels.length - 1] * rows;
  const K = classify.bias.length;
  const layers = convolutions.map(({ weight, bias }, i) => ({
    factors: factorsOf(weight, bias.length, i ? channels[i - 1] : 1),
    bias,
  }));

  return (image, H, W, put) => {
    let x = image;
    let C = 1;
    layers.forEach(({ factors, bias }, i) => {
      x = convolve(x, C, H, W, factors, bias);
      C = bias.length;
      put(`conv${i + 1}`, x, C, H, W);
      const [v, h] = pools[i];
      x = maxPool(x, C, H, W, v, h);
      H = Math.floor(H / v);
      W = Math.floor(W / h);
      put(`pool${i + 1}`, x, C, H, W);
    });
    const T = W;
    const columns = new Float32Array(T * columnSize);
    for (let row = 0; row < columnSize; row++) {
      for (let t = 0; t < T; t++) columns[t * columnSize + row] = x[row * T + t];
    }
    put("columns", columns, T, columnSize);
    const features = new Float32Array(T * F);
    for (let t = 0; t < T; t++) affine(project.weight, project.bias, columns, t * columnSize, features, t * F);
    for (let i = 0; i < features.length; i++) if (features[i] < 0) features[i] = 0;
    put("features", features, T, F);
    const states = new Float32Array(T * 2 * hidden);
    lstm(features, T, F, hidden, forward.weight, forward.bias, false, states);
    lstm(features, T, F, hidden, reverse.weight, reverse.bias, true, states);
    put("states", states, T, 2 * hidden);
    const logits = new Float32Array(T * K);
    for (let t = 0; t < T; t++) affine(classify.weight, classify.bias, states, t * 2 * hidden, logits, t * K);
    put("logits", logits, T, K);
  };
}
