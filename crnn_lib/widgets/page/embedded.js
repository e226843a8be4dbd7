// What the page carries: the numbers stand in crnn_lib/assets, and bundle.py writes them in here.

/** The plainest way of writing each symbol, as crnn_lib/drawing/skeletons.py reads it. @type {Record<string, string>} */
export const SKELETONS = {};
/** Pictures as grey bytes, deflated, base64. @type {Record<string, {height: number, width: number, pixels: string}>} */
export const SAMPLES = {};
