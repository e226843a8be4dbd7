// What is done to a picture before it is read, and the sliders for it.
import { slider } from "../page/controls.js";
import { spoil } from "../page/damage.js";
import { HEIGHT, naturalWidth, resize } from "../page/images.js";
import { imageFor, sheetImage } from "../page/strokes.js";

/** @typedef {import("../page/images.js").Grey} Grey */
/** @typedef {{thickness: number, rotation: number, lines: number, blur: number}} Settings */

const SLIDERS = {
  thickness: { name: "Thickness", min: 1, max: 6, step: 0.5, unit: " px", value: 2 },
  rotation: { name: "Rotation", min: -20, max: 20, step: 1, unit: "°", value: 0 },
  lines: { name: "Noise lines", min: 0, max: 6, step: 1, unit: "", value: 0 },
  blur: { name: "Blur", min: 0, max: 2, step: 0.1, unit: " px", value: 0 },
};
const FIELDS = Object.keys(SLIDERS);

/** The sliders, in step with the model. @param {import("../page/model.js").Model} model @param {() => void} onchange */
export function createKnobs(model, onchange) {
  const settings = /** @type {Settings} */ (
    Object.fromEntries(FIELDS.map((key) => [key, model.get(key) ?? SLIDERS[key].value]))
  );
  const sliders = FIELDS.map((key) =>
    slider({ ...SLIDERS[key], value: settings[key] }, (value) => {
      settings[key] = value;
      model.save({ [key]: value });
      onchange();
    })
  );
  model.on(FIELDS, () => {
    FIELDS.forEach((key, i) => {
      settings[key] = model.get(key);
      sliders[i].show(settings[key]);
    });
    onchange();
  });
  return { settings, nodes: sliders.map(({ node }) => node) };
}

/** @param {Settings} settings */
export const spoils = ({ rotation, lines, blur }) => rotation !== 0 || lines > 0 || blur > 0;

/** A drawing or picture as it lies on the pad, spoilt. @param {{strokes: number[][][], picture: Grey | null}} sheet @param {Settings} settings */
export function lying({ strokes, picture }, settings) {
  return spoil(picture ?? sheetImage(strokes, settings.thickness), settings);
}

/** The bytes of 32 rows of it. @param {Grey} grey */
export const bytesOf = (grey) =>
  Uint8Array.from(resize(grey, HEIGHT, naturalWidth(grey)).data, (value) => Math.round(value));

/** The same as a reader of that shape gets it. @param {{strokes: number[][][], picture: Grey | null}} sheet @param {Settings} settings */
export function given({ strokes, picture }, settings, config) {
  return spoil(picture ?? imageFor(config, strokes, settings.thickness), settings);
}
