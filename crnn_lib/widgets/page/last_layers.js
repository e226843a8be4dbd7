// The layers of a reader that learn a hand, LSTM and output, as the trainer has them: torch's matrices by torch's names.
import { createParameters } from "./train_layers.js";
import { parameterShapes } from "./train_network.js";

/** @typedef {import("./engine.js").Network} Network @typedef {ReturnType<typeof createParameters>} Parameters */

const ENDS = { forward: "", reverse: "_reverse" };
const CLOSED = -100; // what shuts a gate

/** Which numbers of a network are which of a parameter. @param {Network} network @param {Parameters["by"]} by */
function* places({ config: { features: F, hidden }, ...network }, by) {
  for (const [name, end] of Object.entries(ENDS)) {
    for (let gate = 0; gate < 4 * hidden; gate++) {
      const row = network[name].weight.subarray(gate * (F + hidden), (gate + 1) * (F + hidden));
      const part = (/** @type {string} */ key, /** @type {number} */ size) =>
        by[`lstm.weight_${key}_l0${end}`].values.subarray(gate * size, (gate + 1) * size);
      yield [row.subarray(0, F), part("ih", F)];
      yield [row.subarray(F), part("hh", hidden)];
    }
  }
}

/** The parameters that learn, with a network's numbers; and `closed`, which learns nothing. @param {Network} network */
export function parametersOf(network) {
  const shapes = Object.entries(parameterShapes(network.config)).filter(([name]) => /^(lstm|classify)\./.test(name));
  const parameters = createParameters({ ...Object.fromEntries(shapes), closed: [1] });
  const { by } = parameters;
  for (const [stored, learnt] of places(network, by)) learnt.set(stored);
  for (const [name, end] of Object.entries(ENDS)) by[`lstm.bias_ih_l0${end}`].values.set(network[name].bias);
  by["classify.weight"].values.set(network.classify.weight);
  by["classify.bias"].values.set(network.classify.bias);
  by.closed.values[0] = CLOSED;
  return parameters;
}

/** The network with what was learnt in place of its last layers. @param {Network} network @param {Parameters} parameters @returns {Network} */
export function withLearnt(network, { by }) {
  const copy = ({ weight, bias }) => ({ weight: weight.slice(), bias: bias.slice() });
  const { forward, reverse, classify } = network;
  const made = { ...network, forward: copy(forward), reverse: copy(reverse), classify: copy(classify) };
  for (const [stored, learnt] of places(made, by)) stored.set(learnt);
  for (const [name, end] of Object.entries(ENDS)) {
    const [input, recurrent] = ["ih", "hh"].map((part) => by[`lstm.bias_${part}_l0${end}`].values);
    made[name].bias.set(input.map((value, i) => value + recurrent[i]));
  }
  made.classify.weight.set(by["classify.weight"].values);
  made.classify.bias.set(by["classify.bias"].values);
  return made;
}

/** All weights of a network by torch's names; of its BatchNorms, which are folded away, the biases. @param {Network} network */
export function unfolded(network) {
  const { config: { channels, features }, rows, convolutions, project } = network;
  const of = (/** @type {Float32Array} */ data, ...dims) => ({ data, dims });
  const blocks = convolutions.flatMap(({ weight, bias }, i) => [
    [`blocks.${i}.0.weight`, of(weight, channels[i], i ? channels[i - 1] : 1, 3, 3)],
    [`blocks.${i}.1.bias`, of(bias, channels[i])],
  ]);
  const columns = channels[channels.length - 1] * rows;
  const last = Object.entries(parametersOf(network).by).map(([name, { values, dims }]) => [name, of(values, ...dims)]);
  return Object.fromEntries([
    ...blocks,
    ["project.weight", of(project.weight, features, columns)],
    ["normalise.bias", of(project.bias, features)],
    ...last.filter(([name]) => name !== "closed"),
  ]);
}
