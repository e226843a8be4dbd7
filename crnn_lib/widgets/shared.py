"""What the widgets of one kernel share in the page: their script, weights and recordings, each sent once.

A widget asks its kernel for nothing, since a busy one would answer late: all that it needs is state, set when it is
made. State is copied with each widget, into a saved notebook too, so what is large is a model of its own, to which
the widgets refer.
"""

import ipywidgets
import traitlets

# What anywidget runs in each widget: the shared script, imported once a kernel, so that its modules are one scope.
LOADER = """\
export default {
  async render({ model, el }) {
    const script = await model.widget_manager.get_model(model.get("files").script.slice("IPY_MODEL_".length));
    const content = script.get("content");
    if (!content.byteLength) return; // restored from a saved notebook, which keeps no bytes: the picture is seen
    script.loaded ??= import(URL.createObjectURL(new Blob([content], { type: "text/javascript" })));
    return (await script.loaded).default.render({ model, el });
  },
};
"""
_FILES: dict[bytes, "File"] = {}


class File(ipywidgets.Widget):
    """Bytes in the page, without a view."""

    content = traitlets.Bytes().tag(sync=True)


def reference(content: bytes) -> str:
    """`content` as a widget's state names it; the same bytes are sent once."""
    file = _FILES.get(content)
    if file is None or file.comm is None:  # comm: None once it was closed, as by `Widget.close_all`
        file = _FILES[content] = File(content=content)
    return f"IPY_MODEL_{file.model_id}"
