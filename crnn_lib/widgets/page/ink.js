// Drawn strokes as somebody who draws sees them: smooth ink.
import { INK } from "./colours.js";

/** Strokes as smooth black ink, `scale` canvas pixels a pixel of the pad. @param {CanvasRenderingContext2D} context */
export function inkStrokes(context, strokes, scale, thickness = 2) {
  Object.assign(context, { lineWidth: thickness * scale, lineCap: "round", lineJoin: "round" });
  Object.assign(context, { strokeStyle: INK, imageSmoothingEnabled: true });
  for (const stroke of strokes) {
    context.beginPath();
    const at = stroke.map(([x, y]) => [x * scale, y * scale]);
    context.moveTo(at[0][0], at[0][1]);
    for (let i = 1; i + 1 < at.length; i++) {
      const half = [(at[i][0] + at[i + 1][0]) / 2, (at[i][1] + at[i + 1][1]) / 2];
      context.quadraticCurveTo(at[i][0], at[i][1], half[0], half[1]);
    }
    const end = at[at.length - 1];
    context.lineTo(end[0] + 0.01, end[1]); // a canvas draws no line without a length: a dot would be unseen
    context.stroke();
  }
}
