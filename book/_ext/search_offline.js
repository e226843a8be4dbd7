// A page opened as a file may not fetch another one, so the search's excerpts come from one script instead, loaded
// when the first excerpt is wanted. Over http nothing is changed.
if (location.protocol === "file:") {
  const root = document.currentScript.src.replace(/_static\/[^/]*$/, "");
  let loading;
  const load = () =>
    (loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${root}search-pages.js`;
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    }));
  window.fetch = async (url) => {
    const page = new URL(url, location.href).href.replace(/[?#].*$/, "");
    await load().catch(() => (globalThis.searchPages = {})); // then there are results without excerpts
    const name = decodeURI(page.startsWith(root) ? page.slice(root.length) : page).replace(/\.html$/, "");
    const text = globalThis.searchPages[name] ?? "";
    return { ok: text !== "", text: async () => text };
  };
}
