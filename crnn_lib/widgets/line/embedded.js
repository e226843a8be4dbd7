// What this widget carries: the printed lines of crnn_lib/assets, which bundle.py writes in here.

/** Pictures as grey bytes, deflated, base64, with their texts. @type {Record<string, {height: number, width: number, pixels: string, text: string}>} */
export const LINES = {};
