"""The widgets on the built pages: a directive for Markdown, and the scripts on those pages that hold a widget.

    ```{crnn-widget} pad
    :sample: 2b7xy
    ```

Scripts are made from `crnn_lib/widgets` and written into the build's own `_static`: under the sources' `_static`,
Jupyter Book would put each of them, weights included, on every page. Weights are loaded when a widget comes into view.
"""

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from crnn_lib import widgets
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError
from crnn_lib.widgets import bundle, fields, host, weights

CLASSES = [getattr(widgets, name) for name in widgets.WIDGETS]
CLASSES = [kind for kind in CLASSES if issubclass(kind, host.Widget)]
KINDS = {kind.kind.default_value: kind for kind in CLASSES}


class CrnnWidget(Directive):
    """A widget of one kind, with the fields that it starts with."""

    required_arguments = 1
    option_spec = dict.fromkeys(
        ["text", *(name for widget in CLASSES for name in widget.options)],
        directives.unchanged,
    )

    def run(self):
        """One raw HTML node; other builders leave it out."""
        kind = self.arguments[0]
        if kind not in KINDS:
            raise self.error(
                f"there is no widget {kind!r}: give one of {', '.join(KINDS)}"
            )
        widget = KINDS[kind]
        try:
            options = {n: value_of(widget, n, t) for n, t in self.options.items()}
            if "text" in options:
                options["strokes"] = skeletons.place(options.pop("text"))
            return [nodes.raw("", widget(**options).baked(), format="html")]
        except UserError as error:
            raise self.error(str(error)) from error


def value_of(widget, name, text):
    """What the option `name` of a class of widgets means; a wrong name is left to the widget to refuse."""
    field = getattr(widget, name, None)
    return field.from_string(text) if isinstance(field, fields.Field) else text


def write_scripts(app):
    """Script, style sheet and weights, into the build's `_static`."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    models = host.readers()
    files = {
        "crnn-widgets.js": bundle.script(list(models)),
        "crnn-widgets.css": bundle.style(),
    }
    for name, model in models.items():
        files[f"crnn-weights-{name}.js"] = weights.to_script(model, name)
    for name, path in host.RECORDINGS.items():
        text = path.read_text(encoding="utf-8")
        files[f"crnn-data-{name}.js"] = (
            f"(globalThis.crnnData ??= {{}})[{name!r}] = {text};\n"
        )
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def add_scripts(app, page, template, context, doctree):
    """The script on a page that holds a widget, from a directive or from a notebook's output."""
    if "<crnn-widget" in context.get("body", ""):
        app.add_js_file("crnn-widgets.js", loading_method="defer")
        app.add_css_file("crnn-widgets.css")


def setup(app):
    """Register with Sphinx."""
    app.add_directive("crnn-widget", CrnnWidget)
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", add_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
