// A widget's start without a browser: as much of a document as the widgets' modules ask for, in V8. What comes out is the
// box that a widget will fill, as HTML without content that anybody could use, and what its models answered.

class Node_ {
  childNodes = [];
  addEventListener() {}
  removeEventListener() {}
  dispatchEvent() {}
  append(...nodes) {
    for (const node of nodes) {
      const made = node instanceof Node_ ? node : new Text_(String(node));
      made.remove();
      made.parent = this;
      this.childNodes.push(made);
    }
  }
  remove() {
    if (this.parent) this.parent.childNodes = this.parent.childNodes.filter((node) => node !== this);
    this.parent = null;
  }
  replaceChildren(...nodes) {
    for (const node of [...this.childNodes]) node.remove();
    this.append(...nodes);
  }
  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }
  set textContent(text) {
    this.replaceChildren(...(text === "" ? [] : [text]));
  }
  get children() {
    return this.childNodes.filter((node) => node instanceof Element_);
  }
}

class Text_ extends Node_ {
  constructor(text) {
    super();
    this.text = text;
  }
  get textContent() {
    return this.text;
  }
  set textContent(text) {
    this.text = text;
  }
}

const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** An object whose properties are written through to attributes named after them. */
const reflected = (node, prefix) =>
  new Proxy({}, {
    get: (_, name) => node.getAttribute(prefix + kebab(name)) ?? undefined,
    set: (_, name, value) => (node.setAttribute(prefix + kebab(name), value), true),
  });

class Style {
  setProperty(name, value) {
    this[name] = value;
  }
}

class Element_ extends Node_ {
  constructor(tag) {
    super();
    this.localName = tag;
    this.attributes = new Map();
    this.dataset = reflected(this, "data-");
    this.style = new Style();
    const names = () => new Set((this.getAttribute("class") ?? "").split(" ").filter(Boolean));
    const keep = (set) => this.setAttribute("class", [...set].join(" "));
    this.classList = {
      add: (...added) => keep(new Set([...names(), ...added])),
      remove: (...gone) => keep(names().difference(new Set(gone))),
      contains: (name) => names().has(name),
      toggle: (name, on = !names().has(name)) => (on ? this.classList.add(name) : this.classList.remove(name)),
    };
  }
  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }
  hasAttribute(name) {
    return this.attributes.has(name);
  }
  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }
  removeAttribute(name) {
    this.attributes.delete(name);
  }
  toggleAttribute(name, on = !this.hasAttribute(name)) {
    on ? this.setAttribute(name, "") : this.removeAttribute(name);
  }
  getBoundingClientRect() {
    return { left: 0, top: 0, width: 0, height: 0 };
  }
  querySelectorAll() {
    return [];
  }
  querySelector() {
    return null;
  }
  focus() {}
  getContext() {
    const nothing = new Proxy(() => nothing, { get: () => nothing, set: () => true });
    return nothing;
  }
  /** The chosen option of a select, else the first; what is typed into an input. */
  get value() {
    if (this.localName !== "select") return this.getAttribute("value") ?? "";
    const chosen = this.children.find((option) => option.hasAttribute("selected")) ?? this.children[0];
    return chosen?.getAttribute("value") ?? "";
  }
  set value(value) {
    if (this.localName !== "select") return this.setAttribute("value", value);
    for (const option of this.children) option.toggleAttribute("selected", option.getAttribute("value") === String(value));
  }
}
for (const name of ["hidden", "open", "disabled", "checked", "readOnly"]) {
  Object.defineProperty(Element_.prototype, name, {
    get() {
      return this.hasAttribute(name.toLowerCase());
    },
    set(on) {
      this.toggleAttribute(name.toLowerCase(), Boolean(on));
    },
  });
}
for (const name of ["width", "height", "id", "className", "type", "min", "max", "step", "tabIndex", "htmlFor"]) {
  const attribute = { className: "class", htmlFor: "for" }[name] ?? name.toLowerCase();
  Object.defineProperty(Element_.prototype, name, {
    get() {
      const text = this.getAttribute(attribute);
      return ["width", "height", "tabIndex"].includes(name) ? Number(text) : text ?? "";
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
  });
}

const KEPT = new Set("class style width height type value size rows cols open hidden selected checked viewbox multiple".split(" "));
const VOID = new Set(["input", "br", "hr"]);
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

/** HTML of an element as a box: what has a size, and nothing that could be named, focused or heard. */
function boxOf(node) {
  if (!(node instanceof Element_)) return escaped(node.textContent);
  const style = Object.entries(node.style).map(([name, value]) => `${name.startsWith("--") ? name : kebab(name)}:${value}`);
  const written = [node.getAttribute("style"), ...style].filter(Boolean).join(";");
  if (written) node.setAttribute("style", written);
  const attributes = [...node.attributes].filter(([name]) => KEPT.has(name.toLowerCase()));
  const start = attributes.map(([name, value]) => (value === "" ? ` ${name}` : ` ${name}="${escaped(value)}"`)).join("");
  if (VOID.has(node.localName)) return `<${node.localName}${start}>`;
  const inside = node.localName === "svg" ? "" : node.childNodes.map(boxOf).join("");
  const tag = node.localName === "img" ? "span" : node.localName; // the one picture there is the page's own
  return `<${tag}${start}>${inside}</${tag}>`;
}

// --- what a module finds around it ---
const later = globalThis.setTimeout;
Object.assign(globalThis, {
  addEventListener() {},
  setTimeout: (act, wait = 1) => later(act, Math.max(wait, 1)), // this V8's own cannot do without waiting
  clearTimeout() {},
  document: {
    createElement: (tag) => new Element_(tag),
    createElementNS: (_, tag) => new Element_(tag),
    hidden: true, // nothing is painted here
  },
  AbortController: class {
    signal = { aborted: false, addEventListener() {} };
    abort() {
      this.signal.aborted = true;
    }
  },
  matchMedia: () => ({ matches: false, addEventListener() {} }),
  ImageData: class {
    constructor(width, height) {
      Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
    }
  },
  ResizeObserver: class {
    observe() {}
  },
  // V8 inflates nothing: prerender.py gives what the samples come to.
  Blob: class {
    constructor([bytes]) {
      this.bytes = bytes;
    }
    stream() {
      return { pipeThrough: () => Uint8Array.fromBase64(given.inflated[this.bytes.toBase64()]) };
    }
  },
  DecompressionStream: class {},
  Response: class {
    constructor(bytes) {
      this.arrayBuffer = async () => bytes.buffer;
    }
  },
});

globalThis.btoa ??= (text) => Uint8Array.from(text, (c) => c.charCodeAt(0)).toBase64();

/** Text nodes are made by the library's words.js as by a browser. */
document.createTextNode = (text) => new Text_(text);

// --- what a model answers ---
const toBase64 = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength).toBase64();

/**
 * A stage's numbers as they are kept: log-probabilities whole, for they decide on texts; others as fractions of the
 * largest, of 16 bits or, where none is below zero, of 8, in which whatever is above zero stays so.
 */
function packed(name, { dims, data }, used) {
  if (!used) return { dims };
  if (name === "log_probs") return { dims, type: "F32", data: toBase64(data) };
  const largest = data.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  const [type, kind, most, round] = data.some((v) => v < 0)
    ? ["I16", Int16Array, 32767, Math.round]
    : ["U8", Uint8Array, 255, Math.ceil];
  const scale = largest / most;
  const whole = (v) => Math.min(round(v / scale), most);
  return { dims, type, scale, data: toBase64(kind.from(data, whole)) };
}

/** All elements below `node`. */
const descendants = (node) => node.children.flatMap((child) => [child, ...descendants(child)]);

/** A reader that notes each image, and which stages somebody looked into. */
function watched(reader, markOf, readings) {
  async function infer(image, H, W) {
    const stages = await reader.infer(image, H, W);
    const used = new Set();
    readings.push({ mark: markOf(image), stages, used });
    return Object.fromEntries(Object.entries(stages).map(([name, { dims, data }]) => {
      const look = () => (used.add(name), data);
      return [name, Object.defineProperty({ dims }, "data", { get: look, enumerable: true })];
    }));
  }
  return { config: reader.config, infer };
}

let real = null;

/** Start a widget: its box, and what was recorded of the readers that it asked. */
async function prerender(kind, state) {
  const { createReaders, createBackend, markOf } = modules["page/backend.js"];
  const { weights, recordings } = given;
  real ??= createReaders(async (name) => modules["page/base64.js"].fromBase64(weights[name]));
  const readings = {};
  const reader = async (name) => {
    const known = await real.reader(name);
    return watched(known, markOf, (readings[name] ??= { config: known.config, readings: [] }).readings);
  };
  const backend = createBackend({
    readers: Object.keys(weights),
    made: { reader, forget() {} },
    data: async (name) => recordings[name],
  });
  const view = new AbortController();
  const model = { get: (name) => state[name], save: (fields) => Object.assign(state, fields), on() {} };
  const root = new Element_("div");
  root.className = `crnn-widget crnn-${kind}`;
  const widget = Object.values(modules).find((module) => module.kind === kind);
  await widget.mount({ root, model, backend, signal: view.signal });
  const asked = () => Object.values(readings).reduce((sum, { readings }) => sum + readings.length, 0);
  for (let before = -1; before < asked();) { // curves come later
    before = asked();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const wrong = descendants(root).find((node) => node.classList.contains("crnn-error"));
  if (wrong) throw new Error(wrong.textContent);
  const result = { box: root.childNodes.map(boxOf).join(""), records: {} };
  view.abort();
  for (const [name, { config, readings: all }] of Object.entries(readings)) {
    const kept = all.map(({ mark, stages, used }) => ({
      mark,
      stages: Object.fromEntries(Object.entries(stages).map(([key, stage]) => [key, packed(key, stage, used.has(key))])),
    }));
    result.records[name] = { config, readings: kept };
  }
  return result;
}
