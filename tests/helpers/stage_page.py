"""The stage in a bare page, with a kernel that is this very Python: no notebook, no server.

Picture two tins and a string: what the page's model sends is heard here at once, and what the
explorer has to show goes back. A view of VS Code or Colab gives the module no more than this.
"""

import base64
import contextlib

import browser

from labsim.view.stage import module

MODEL = """([source, traits]) => {
    const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
    const model = window.model = {
        traits: {}, heard: {}, sent: [],
        get(name) { return this.traits[name]; },
        on(event, call) { (this.heard[event] ??= new Set()).add(call); },
        off(event, call) { this.heard[event]?.delete(call); },
        tell(event, ...more) { for (const call of this.heard[event] ?? []) call(...more); },
        take(changes) {
            for (const [name, value] of Object.entries(changes))
                this.traits[name] = name === 'run' || name === 'ghost' ? bytes(value) : value;
            for (const name of Object.keys(changes)) this.tell('change:' + name);
        },
        send(content, callbacks, buffers = []) {
            this.sent.push(content);
            const text = data => Array.from(new Uint8Array(data), c => String.fromCharCode(c))
                .join('');
            if (!window.deaf) window.kernel(content, buffers.map(data => btoa(text(data))))
                .then(changes => this.take(changes));
        },
    };
    const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    return import(url).then(({default: widget}) => {
        model.take(traits);
        widget.initialize({model});
        window.leave = widget.render({model, el: document.querySelector('#place')});
        window.stage = document.querySelector('#place').stage;
    });
}"""
# A second view of the model, in `window.second`.
SECOND = """source => {
    const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    return import(url).then(({default: widget}) => widget.render({model, el: window.second}));
}"""
PAGE = ("<!DOCTYPE html><html lang=en><title>stage</title><body style='margin:0;background:{}'>"
        "<main id=place></main>")


class Tin:
    """A page with a stage in it; `show(explorer)` puts one up."""

    def __init__(self, page):
        self.page, self.problems, self.explorer, self._last = page, [], None, {}
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.expose_function("kernel", self._heard)

    def show(self, explorer, background: str = "#fff"):
        """The stage of `explorer`, once it shows a run."""
        self.explorer, self._last = explorer, {}
        self.page.goto("about:blank")
        self.page.set_content(PAGE.format(background))
        self.page.evaluate(MODEL, [module(), self._changes()])
        self.page.wait_for_function("window.stage?.run && document.querySelector('#place')"
                                    ".firstChild.dataset.t !== undefined")
        return self.page.locator(".stage")

    def _heard(self, content, buffers):
        self.explorer._heard(self.explorer.widget, content, [*map(base64.b64decode, buffers)])
        if self.explorer._waiting is not None:      # there is no loop of a kernel here
            self.explorer.render()
        return self._changes()

    def _changes(self) -> dict:
        stage = self.explorer.widget
        traits = {"plan": stage.plan, "state": stage.state, "wall": stage.wall,
                  "dark": stage.dark, "live": "",
                  "run": base64.b64encode(stage.run).decode(),
                  "ghost": base64.b64encode(stage.ghost).decode()}
        changed = {name: value for name, value in traits.items()
                   if name not in self._last or self._last[name] != value}
        self._last = traits
        return changed


@contextlib.contextmanager
def tin(width: int = 1240, height: int = 640):
    """A `Tin` in a fresh Chromium."""
    with browser.page(width, height) as page:
        yield Tin(page)
