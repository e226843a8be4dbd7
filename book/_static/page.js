// What a page of the book does, apart from its widgets: light and dark, sidebars, search, contents, copying. It stands
// in for the scripts of theme and extensions (45 kB compressed, most of it Bootstrap) and uses their HTML and styles.
// Whether the page is light or dark is settled before the first paint, by a script in its head (book/_ext/lean.py).

const root = document.documentElement;
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
let memory = /** @type {Record<string, string>} */ ({}); // of this visit alone, where the browser forbids another
try {
  memory = localStorage;
} catch { /* so be it */ }

// --- light, dark, or as the system has it ---
const dark = matchMedia("(prefers-color-scheme: dark)");

function showMode(mode) {
  root.dataset.mode = mode;
  root.dataset.theme = mode === "auto" ? (dark.matches ? "dark" : "light") : mode;
}

function nextMode() {
  const modes = dark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"]; // the first press changes something
  const mode = modes[(modes.indexOf(root.dataset.mode ?? "auto") + 1) % 3];
  memory.mode = mode;
  showMode(mode);
}
dark.addEventListener("change", () => showMode(root.dataset.mode));

// --- sidebars: beside the text, or on a narrow screen in a dialog ---
function toggleSidebar(name) {
  const bar = one(`#pst-${name}-sidebar`);
  const dialog = one(`#pst-${name}-sidebar-modal`);
  if (!bar) return;
  if (name === "primary" && matchMedia("(min-width: 992px)").matches) {
    bar.classList.toggle("pst-sidebar-hidden");
    return;
  }
  const move = (from, to) => {
    to.append(...from.childNodes);
    to.className = from.className;
    from.className = "";
  };
  move(bar, dialog);
  dialog.showModal();
  dialog.addEventListener("close", () => move(dialog, bar), { once: true });
}

/** In a low window, the sidebar shows where in the book this page is. */
function showPlace() {
  const bar = one(".bd-sidebar-primary");
  const here = one(".bd-docs-nav .current.active");
  if (!bar || !here) return;
  new IntersectionObserver(([seen], observer) => {
    observer.disconnect();
    const { top } = seen.boundingClientRect;
    if (top > bar.clientHeight / 2) bar.scrollTop = top - bar.clientHeight / 4;
  }).observe(here);
}

// --- search ---
function openSearch() {
  const field = one("main form.bd-search input"); // the search page has one of its own
  const dialog = one("#pst-search-dialog");
  if (field) field.select();
  else if (dialog.open) dialog.close();
  else dialog.showModal();
}

/** Marks what was searched for, on the page that a result led to; Escape takes the marks away. */
function markWords() {
  const given = memory.sphinx_highlight_terms || new URLSearchParams(location.search).get("highlight") || "";
  const words = given.toLowerCase().split(/\s+/).filter(Boolean);
  if (one("#search-results") || !words.length || !CSS.highlights) return;
  delete memory.sphinx_highlight_terms;
  const ranges = [];
  for (const walk = document.createTreeWalker(one("main"), NodeFilter.SHOW_TEXT); walk.nextNode();) {
    const text = (walk.currentNode.nodeValue ?? "").toLowerCase();
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(walk.currentNode, at);
        range.setEnd(walk.currentNode, at + word.length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("searched", new Highlight(...ranges));
}

// --- the page's contents mark the section in view ---
function followSections() {
  const links = new Map();
  for (const link of all("#pst-page-toc-nav a")) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    links.set(target?.querySelector("h1, h2, h3, h4, h5, h6") ?? target, link);
  }
  links.delete(null);
  let still = 0; // a chosen link stays marked while the page scrolls to it
  const mark = (chosen) => {
    for (const link of links.values()) {
      link.classList.toggle("active", link === chosen);
      link.ariaCurrent = link === chosen ? "true" : null;
    }
    for (const entry of all(".toc-entry")) entry.classList.toggle("active", entry.contains(chosen));
  };
  const choose = () => {
    const chosen = [...links.values()].find((link) => link.hash === location.hash);
    if (!chosen) return;
    still = performance.now() + 1000;
    mark(chosen);
  };
  const seen = new IntersectionObserver((entries) => {
    const last = entries.findLast((entry) => entry.isIntersecting);
    if (last && performance.now() > still) mark(links.get(last.target));
  }, { rootMargin: "0px 0px -70% 0px" });
  for (const heading of links.keys()) seen.observe(heading);
  addEventListener("hashchange", choose);
  choose();
}

// --- code ---
const COPY =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true"><rect x="8" y="8" width="12" height="12" rx="2"/><path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2"/></svg>';
const DONE =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M5 12l5 5L20 7"/></svg>';

/** A button to each piece of code as it comes near: all at once would lay out the whole page again. */
function addCopyButtons() {
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      const button = document.createElement("button");
      button.className = "copybtn";
      button.title = "Copy";
      button.innerHTML = COPY;
      target.after(button);
    }
  }, { rootMargin: "100% 0px" });
  if (navigator.clipboard) { for (const code of all("div.highlight > pre")) near.observe(code); }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.previousSibling.textContent.trimEnd());
  button.title = "Copied";
  button.innerHTML = DONE;
  button.classList.add("success");
  setTimeout(() => {
    button.title = "Copy";
    button.innerHTML = COPY;
    button.classList.remove("success");
  }, 2000);
}

/** What scrolls in a box of its own can be reached with the Tab key, and scrolled with the arrows. */
function reachScrollers() {
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of all("pre, .cell_output > .output, .pst-scrollable-table-container")) sizes.observe(box);
}

// --- what is pressed ---
function toggleMenu(button) {
  for (const other of all(".dropdown-toggle")) {
    const open = other === button && button.ariaExpanded !== "true";
    other.ariaExpanded = String(open);
    other.nextElementSibling.classList.toggle("show", open);
  }
}

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else root.requestFullscreen?.(); // a small telephone has none
}

const PRESSED = {
  ".theme-switch-button": nextMode,
  ".primary-toggle": () => toggleSidebar("primary"),
  ".secondary-toggle": () => toggleSidebar("secondary"),
  ".search-button__button": openSearch,
  ".copybtn": copy,
  "[data-press='print']": () => print(),
  "[data-press='toggleFullScreen']": toggleFullScreen,
};

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  toggleMenu(target.closest(".dropdown-toggle")); // what is pressed elsewhere closes the menus
  for (const [selector, act] of Object.entries(PRESSED)) {
    const button = target.closest(selector);
    if (button) act(button);
  }
  const dialog = target.closest("dialog");
  if (!dialog) return;
  const box = dialog.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  const beside = target === dialog && (x < box.left || x > box.right || y < box.top || y > box.bottom);
  if (beside || target.closest("a[href*='#']")) dialog.close(); // a link may lead to a place on this page
});

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    openSearch();
  }
  if (event.key === "Escape") {
    one(".dropdown-toggle[aria-expanded='true']")?.focus();
    toggleMenu(null);
    CSS.highlights?.delete("searched");
  }
});

new IntersectionObserver(([top]) => document.body.classList.toggle("scrolled", !top.isIntersecting))
  .observe(one(".sbt-scroll-pixel-helper"));
showPlace();
followSections();
reachScrollers();
addCopyButtons();
markWords();
