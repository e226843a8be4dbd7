// safetensors files (github.com/huggingface/safetensors): eight bytes of header length, a JSON header that says where each
// tensor is, the numbers, little-endian. Everything is checked before it is used, and what is wrong is said in words.

const KINDS = { F16: Uint16Array, F32: Float32Array, I8: Int8Array, I64: BigInt64Array }; // float16 as its bits
const MOST_HEADER = 100e6; // bytes, as the safetensors library has it

/** @typedef {Uint16Array | Float32Array | Int8Array | BigInt64Array} Numbers */
/** @typedef {{data: Numbers, dims: number[]}} Stored a tensor as it is stored */
/** @typedef {{metadata: Object<string, string>, tensors: Object<string, Stored>}} Content */

const damaged = (/** @type {string} */ why) => new Error(`the file is damaged: ${why}`);
const whole = (/** @type {any} */ n) => Number.isSafeInteger(n) && n >= 0;
const short = (/** @type {string} */ name) => `“${name.slice(0, 80)}”`;

/** The object that JSON text holds, or null. @param {string} text */
export function objectOf(text) {
  try {
    const found = JSON.parse(text);
    return typeof found === "object" && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

/** The text of UTF-8 bytes, or "". @param {Uint8Array} bytes */
function textOfBytes(bytes) {
  let escaped = "";
  for (const byte of bytes) escaped += byte < 128 && byte !== 37 ? String.fromCharCode(byte) : `%${byte.toString(16)}`;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return "";
  }
}

/** The header, and where the numbers begin. @param {Uint8Array} bytes */
function headerOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes.length < 8 ? NaN : 8 + view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (start <= MOST_HEADER && start > bytes.length && (bytes[8] ?? 123) === 123) { // 123: an opening brace
    throw new Error("the file is cut short: its header does not end");
  }
  const header = start <= MOST_HEADER && start <= bytes.length && objectOf(textOfBytes(bytes.subarray(8, start)));
  if (!header) throw new Error("this is not a safetensors file");
  return { header, start };
}

/** The tensors that a header lists, in their order: all of the file, no byte twice. */
function layout(header, end) {
  const entries = Object.entries(header).map(([name, entry]) => {
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    if (typeof dtype === "string" && !Object.hasOwn(KINDS, dtype)) {
      throw new Error(`${short(name)} holds numbers of type ${dtype.slice(0, 20)}, which no model has`);
    }
    const sound = typeof dtype === "string" && Array.isArray(shape) && shape.every(whole) && Array.isArray(offsets) &&
      offsets.length === 2 && offsets.every(whole);
    const [from, to] = sound ? offsets : [0, -1];
    const size = sound ? shape.reduce((a, b) => a * b, 1) * KINDS[dtype].BYTES_PER_ELEMENT : 0;
    if (to - from !== size) throw damaged(`${short(name)} does not have the size that its header gives`);
    return { name, Kind: KINDS[dtype], dims: shape, from, to };
  });
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  const told = entries.reduce((last, { name, from, to }) => {
    if (from !== last) throw damaged(`${short(name)} does not begin where the tensor before it ends`);
    return to;
  }, 0);
  if (told > end) throw new Error(`the file is cut short: of ${told} bytes of numbers it has ${end}`);
  if (told < end) throw damaged("it holds more than its header lists");
  return entries;
}

/** What a safetensors file holds. @param {Uint8Array} bytes @returns {Content} */
export function read(bytes) {
  const { header, start } = headerOf(bytes);
  const metadata = header.__metadata__ ?? {};
  const texts = typeof metadata === "object" && Object.values(metadata);
  if (!texts || !texts.every((text) => typeof text === "string")) throw damaged("its metadata are not texts");
  delete header.__metadata__;
  /** @type {Object<string, Stored>} */
  const tensors = Object.create(null);
  for (const { name, Kind, dims, from, to } of layout(header, bytes.length - start)) {
    tensors[name] = { data: new Kind(bytes.slice(start + from, start + to).buffer), dims };
  }
  return { metadata, tensors };
}

/** JSON of an object, its keys in order, in ASCII: as `reader.save` writes it. @param {Object<string, any>} object */
function json(object) {
  const sorted = (_, value) =>
    value?.constructor === Object
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  const escape = (/** @type {string} */ c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(object, sorted).replace(/[^ -~]/g, escape);
}

/**
 * A safetensors file that holds this, byte for byte as `crnn_lib.reader.save` writes it: the largest numbers first.
 * @param {Object<string, string>} metadata @param {Object<string, Stored>} tensors @returns {Uint8Array}
 */
export function write(metadata, tensors) {
  const size = (/** @type {string} */ name) => tensors[name].data.BYTES_PER_ELEMENT;
  const names = Object.keys(tensors).sort((a, b) => size(b) - size(a) || (a < b ? -1 : 1));
  /** @type {Object<string, any>} */
  const header = { __metadata__: metadata };
  let end = 0;
  for (const name of names) {
    const { data, dims } = tensors[name];
    const dtype = Object.keys(KINDS).find((kind) => data instanceof KINDS[kind]);
    header[name] = { dtype, shape: dims, data_offsets: [end, end += data.byteLength] };
  }
  let text = json(header);
  text += " ".repeat((8 - text.length % 8) % 8);
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  for (let i = 0; i < text.length; i++) bytes[8 + i] = text.charCodeAt(i);
  for (const name of names) {
    const { buffer, byteOffset, byteLength } = tensors[name].data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), 8 + text.length + header[name].data_offsets[0]);
  }
  return bytes;
}
