// The engine's 3x3 convolutions, by Winograd's minimal filtering (Lavin and Gray 2015, arXiv 1509.09308, F(4x4, 3x3)).
//
// Outputs are computed in tiles of 4 x 4, each from 6 x 6 inputs. Along one axis, four outputs of three taps are twelve
// products; when taps and inputs are first mixed as below, six products are enough, and mixing these gives the outputs.
// Along both axes 36 products do for 144. All in float64, so that nothing is lost by the mixing.
//
// Each mixer works `n` times: it reads numbers that lie `step` apart in `from`, writes numbers `far` apart to `to`, and
// goes on by `next` and `on`.

/** Three taps of a filter -> six factors. */
function mixTaps(from, at, step, next, to, out, far, on, n) {
  for (let i = 0; i < n; i++, at += next, out += on) {
    const a = from[at], b = from[at + step], c = from[at + 2 * step];
    to[out] = a / 4;
    to[out + far] = -(a + b + c) / 6;
    to[out + 2 * far] = -(a - b + c) / 6;
    to[out + 3 * far] = (a + 2 * b + 4 * c) / 24;
    to[out + 4 * far] = (a - 2 * b + 4 * c) / 24;
    to[out + 5 * far] = c;
  }
}

/** Six neighbours of the input -> what the six factors multiply. */
function mixInputs(from, at, step, next, to, out, far, on, n) {
  for (let i = 0; i < n; i++, at += next, out += on) {
    const a = from[at], b = from[at + step], c = from[at + 2 * step];
    const d = from[at + 3 * step], e = from[at + 4 * step], f = from[at + 5 * step];
    to[out] = 4 * a - 5 * c + e;
    to[out + far] = e - 4 * c + (d - 4 * b);
    to[out + 2 * far] = e - 4 * c - (d - 4 * b);
    to[out + 3 * far] = e - c + 2 * (d - b);
    to[out + 4 * far] = e - c - 2 * (d - b);
    to[out + 5 * far] = 4 * b - 5 * d + f;
  }
}

/** Six sums of products -> four outputs. */
function mixProducts(from, at, step, next, to, out, far, on, n) {
  for (let i = 0; i < n; i++, at += next, out += on) {
    const a = from[at], b = from[at + step], c = from[at + 2 * step];
    const d = from[at + 3 * step], e = from[at + 4 * step], f = from[at + 5 * step];
    to[out] = a + (b + c) + (d + e);
    to[out + far] = b - c + 2 * (d - e);
    to[out + 2 * far] = b + c + 4 * (d + e);
    to[out + 3 * far] = b - c + 8 * (d - e) + f;
  }
}

const upToFour = (/** @type {number} */ n) => 4 * Math.ceil(n / 4);

/** Filters (D, C, 3, 3) -> their factors (36, D, C), with zeros up to multiples of four. */
export function factorsOf(data, D, C) {
  const across = upToFour(C);
  const size = upToFour(D) * across;
  const factors = new Float64Array(36 * size);
  const half = new Float64Array(18); // (6, 3): mixed down the columns
  for (let d = 0; d < D; d++) {
    for (let c = 0; c < C; c++) {
      mixTaps(data, (d * C + c) * 9, 3, 1, half, 0, 3, 1, 3);
      mixTaps(half, 0, 1, 3, factors, d * across + c, size, 6 * size, 6);
    }
  }
  return factors;
}

/** products (D, n) += factors (D, C) times mixed (C, n), four rows of each at a time; all three begin at an offset. */
function multiply(factors, f, mixed, m, products, p, D, C, n) {
  for (let d = 0; d < D; d += 4, p += 4 * n) {
    for (let c = 0; c < C; c += 4) {
      const a = f + d * C + c, b = a + C, g = b + C, h = g + C;
      const a0 = factors[a], a1 = factors[a + 1], a2 = factors[a + 2], a3 = factors[a + 3];
      const b0 = factors[b], b1 = factors[b + 1], b2 = factors[b + 2], b3 = factors[b + 3];
      const g0 = factors[g], g1 = factors[g + 1], g2 = factors[g + 2], g3 = factors[g + 3];
      const h0 = factors[h], h1 = factors[h + 1], h2 = factors[h + 2], h3 = factors[h + 3];
      for (let i = p, j = m + c * n; i < p + n; i++, j++) {
        const x0 = mixed[j], x1 = mixed[j + n], x2 = mixed[j + 2 * n], x3 = mixed[j + 3 * n];
        products[i] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3;
        products[i + n] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3;
        products[i + 2 * n] += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3;
        products[i + 3 * n] += h0 * x0 + h1 * x1 + h2 * x2 + h3 * x3;
      }
    }
  }
}

/**
 * 3x3 convolution, stride 1, zeros around, plus bias, then ReLU: (C, H, W) -> (D, H, W), four rows of outputs at a time.
 * @param {Float32Array} input @param {Float64Array} factors of the filters @param {Float32Array} bias (D)
 */
export function convolve(input, C, H, W, factors, bias) {
  const [across, down] = [upToFour(C), upToFour(bias.length)];
  const n = Math.ceil(W / 4); // tiles side by side
  const wide = 4 * n + 2; // with a border of zeros, so that the edge needs no special case
  const rows = new Float64Array(6 * wide);
  const half = new Float64Array(6 * wide); // mixed down the columns
  const mixed = new Float64Array(36 * across * n);
  const products = new Float64Array(36 * down * n);
  const output = new Float32Array(bias.length * H * W);
  for (let top = 0; top < H; top += 4) {
    for (let c = 0; c < C; c++) {
      rows.fill(0);
      for (let y = Math.max(top - 1, 0), at = (c * H + y) * W; y < Math.min(top + 5, H); y++, at += W) {
        rows.set(input.subarray(at, at + W), (y - top + 1) * wide + 1);
      }
      mixInputs(rows, 0, wide, 1, half, 0, wide, 1, wide);
      for (let i = 0; i < 6; i++) mixInputs(half, i * wide, 1, 4, mixed, (i * 6 * across + c) * n, across * n, 1, n);
    }
    products.fill(0);
    for (let k = 0; k < 36; k++) {
      multiply(factors, k * down * across, mixed, k * across * n, products, k * down * n, down, across, n);
    }
    for (let d = 0; d < bias.length; d++) {
      for (let j = 0; j < 6; j++) mixProducts(products, (j * down + d) * n, 6 * down * n, 1, half, j * n, 6 * n, 1, n);
      for (let y = top, at = (d * H + y) * W; y < Math.min(top + 4, H); y++, at += W) {
        mixProducts(half, (y - top) * 6 * n, n, 1, rows, 0, 1, 4, n);
        for (let x = 0; x < W; x++) output[at + x] = Math.max(rows[x] + bias[d], 0);
      }
    }
  }
  return output;
}
