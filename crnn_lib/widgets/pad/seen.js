// The small picture beside the pad: what the network sees of what lies there.
import { element, part, setText } from "../page/dom.js";

const [HEAD, COLOURS] = [54, 256]; // of a BMP: its head in bytes, and its palette of greys

/** Grey levels as an address of a BMP: no canvas is read back for it. @param {ArrayLike<number>} data @param {number} H @param {number} W */
function addressOf(data, H, W) {
  const [start, row] = [HEAD + 4 * COLOURS, Math.ceil(W / 4) * 4];
  const bytes = new Uint8Array(start + row * H);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  const words = { 2: bytes.length, 10: start, 14: 40, 18: W, 22: H, 26: 1 | (8 << 16), 34: row * H, 46: COLOURS };
  for (const [at, value] of Object.entries(words)) view.setUint32(Number(at), value, true);
  for (let grey = 0; grey < COLOURS; grey++) bytes.set([grey, grey, grey, 0], HEAD + 4 * grey);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) bytes[start + (H - 1 - y) * row + x] = data[y * W + x];
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `data:image/bmp;base64,${btoa(text)}`;
}

/** A strip that is lit over what it lies on. */
export function createStrip() {
  const node = element("div", { class: "pad-strip", hidden: true });
  /** @param {number[] | null} strip from, to in parts of the width */
  function light(strip) {
    node.hidden = !strip;
    if (!strip) return;
    const [from, to] = strip;
    Object.assign(node.style, { left: `${100 * from}%`, width: `${100 * (to - from)}%` });
  }
  return { node, light };
}

export function createSeen() {
  const [picture, strip] = [part("seen", "img"), createStrip()];
  const words = element("figcaption", { class: "crnn-note" });
  const node = element("figure", { class: "pad-seen" }, element("div", {}, picture, strip.node), words);
  return {
    node,
    light: strip.light,
    /** @param {import("../page/images.js").Grey} grey */
    show({ data, height, width }) {
      Object.assign(picture, { src: addressOf(data, height, width), alt: "What the network sees" });
      setText(words, `as it is seen, ${height} × ${width}`);
    },
  };
}
