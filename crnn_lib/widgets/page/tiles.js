// All maps of a stage side by side: how the tiles fill a view, and which of them lies where.
/** @typedef {{across: number, down: number, width: number, height: number, gap: number}} Grid of tiles, in pixels */

const GAP = 6; // pixels between two tiles

/** How C tiles of that ratio fill a view of w by h pixels. @returns {Grid} */
export function gridOf(C, ratio, w, h) {
  const shape = (across) => {
    const down = Math.ceil(C / across);
    const [width, height] = [(w - (across - 1) * GAP) / across, (h - (down - 1) * GAP) / down];
    return { across, down, width, height, off: Math.abs(Math.log(width / Math.max(height, 0.1) / ratio)) };
  };
  const all = Array.from({ length: C }, (_, i) => shape(i + 1));
  return { ...all.reduce((best, one) => (one.off < best.off ? one : best)), gap: GAP };
}

/** Where tile `c` lies. @param {Grid} grid @returns {[number, number]} */
export function tileAt({ across, width, height, gap }, c) {
  return [(c % across) * (width + gap), Math.floor(c / across) * (height + gap)];
}
