"""A widget's module in a bare page, with a model object of its own, as VS Code and Colab have it.

What a hand sends goes straight to the widget in Python, and what its traits are then comes back;
no Jupyter is there, and nothing is loaded from anywhere.
"""

import itertools
import json

MOUNT = """async ([script, state, name]) => {
    const ears = new Map();
    const take = fresh => {
        const old = state;
        state = fresh;
        for (const key of Object.keys(fresh))
            if (JSON.stringify(old[key]) !== JSON.stringify(fresh[key]))
                for (const ear of ears.get('change:' + key) ?? []) ear();
    };
    const model = {
        get: key => state[key], set: () => {}, save_changes: () => {},
        on: (event, ear) => ears.set(event, [...ears.get(event) ?? [], ear]),
        off: (event, ear) => ears.set(event, (ears.get(event) ?? []).filter(e => e !== ear)),
        send: message => { (window.sent ??= []).push(message);
                           window[name](message).then(text => take(JSON.parse(text))); },
    };
    const url = URL.createObjectURL(new Blob([script], {type: 'text/javascript'}));
    const el = document.createElement('div');
    document.body.append(el);
    window.gone = (await import(url)).default.render({model, el});
}"""
TRAITS = ("label", "asks", "told", "tried", "ran")
_names = itertools.count()


def mounted(tab, widget, *, dark: bool = False) -> None:
    """Show `widget` in a page of its own."""
    name = f"kernel{next(_names)}"

    def state() -> dict:
        return json.loads(json.dumps({trait: getattr(widget, trait) for trait in TRAITS}))

    def hear(message) -> str:
        widget.hear(message)
        return json.dumps(state())

    tab.goto("about:blank")     # a new document: in a rewritten one Chromium drags no slider
    tab.set_content("<!doctype html><html lang='en'><title>A bare page</title><body "
                    f"style='margin:16px;background:{'#111' if dark else '#fff'}'></body>")
    if dark:
        tab.evaluate("document.documentElement.style.colorScheme = 'dark'")
    tab.expose_function(name, hear)
    tab.evaluate(MOUNT, [widget._esm if isinstance(widget._esm, str) else str(widget._esm),
                         state(), name])
