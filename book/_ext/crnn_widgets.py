"""The widgets on the built pages: a directive for Markdown, and the scripts on those pages that hold a widget.

    ```{crnn-widget} pad
    :sample: 2b7xy
    ```

Scripts are made from `crnn_lib/widgets` and written into the build's own `_static`: under the sources' `_static`,
Jupyter Book would put each of them, weights included, on every page. A widget's scripts are loaded when it comes near,
weights when somebody touches it: until then it shows what was recorded while the book was built.
"""

import hashlib
import html
import json
import re
from pathlib import Path

import prerender
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from py_mini_racer import JSPromiseError
from sphinx.errors import ExtensionError

from crnn_lib import widgets
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError
from crnn_lib.widgets import bundle, fields, host, weights

CLASSES = [getattr(widgets, name) for name in widgets.WIDGETS]
CLASSES = [kind for kind in CLASSES if issubclass(kind, host.Widget)]
ELEMENT = re.compile(
    r'<crnn-widget kind="([\w-]+)" state="([^"]*)">(.*?)</crnn-widget>', re.DOTALL
)
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
    """Scripts, style sheet, weights and recordings, into the build's `_static`."""
    if app.builder.format != "html":
        return
    models = {name: weights.to_bytes(m) for name, m in host.readers().items()}
    app.crnn_stage = prerender.Stage(models)
    write(app, bundle.scripts(list(models)) | {"crnn-widgets.css": bundle.style()})
    for name, content in models.items():
        write(app, bundle.data(f"weights-{name}", prerender.encoded(content)))
    for name, path in host.RECORDINGS.items():
        write(app, bundle.data(name, json.loads(path.read_text(encoding="utf-8"))))


def write(app, files):
    """Texts by file name, into the build's `_static`."""
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def complete(app, page, template, context, doctree):
    """The script on a page that holds a widget, from a directive or from a notebook's output, and each one's box."""
    body = context.get("body", "")
    if "<crnn-widget" not in body:
        return
    app.add_js_file("crnn-widgets.js", loading_method="defer")
    app.add_css_file("crnn-widgets.css")
    if app.builder.name == "html":
        context["body"] = ELEMENT.sub(lambda found: started(app, page, found), body)


def started(app, page, found):
    """An element with the box that its widget will fill, and the name of what was recorded of its start."""
    kind, state, inside = found.groups()
    try:
        box, records = app.crnn_stage.start(kind, json.loads(html.unescape(state)))
    except JSPromiseError as error:
        reason = str(error).splitlines()[0]
        raise ExtensionError(
            f"{page}: the widget {kind} does not start: {reason}"
        ) from None
    recorded = ""
    if records:
        name = hashlib.sha256(json.dumps(records).encode()).hexdigest()[:12]
        write(app, bundle.data(f"recorded-{name}", records))
        recorded = f' recorded="{name}"'
    room = f'<div class="crnn-widget crnn-room crnn-{kind}" inert aria-hidden="true">{box}</div>'
    return f'<crnn-widget kind="{kind}" state="{state}"{recorded}>{inside}{room}</crnn-widget>'


def setup(app):
    """Register with Sphinx."""
    app.add_directive("crnn-widget", CrnnWidget)
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", complete)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
