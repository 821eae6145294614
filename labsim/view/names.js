/* Runs when the look is there (`this` is the style element). Every slider handle, field and
   button without a text gets, for a screen reader, the name that is written beside it, or that
   its widget was given: class "labsim-is-Event-log" names it "Event log". */
(root => {
  if (!root) return;
  const parts = '.noUi-handle, input, select, button';
  const named = (part, name) => {
    if (name && part.getAttribute('aria-label') !== name) part.setAttribute('aria-label', name);
  };
  const look = () => {
    for (const row of root.querySelectorAll('.labsim-row > .widget-hbox')) {
      const words = [...row.querySelectorAll('.widget-label')].map(label => label.textContent);
      for (const part of row.querySelectorAll('.noUi-handle, input, select'))
        named(part, words.filter(Boolean).join(', '));
    }
    for (const widget of root.querySelectorAll('[class*=labsim-is-]')) {
      const own = [...widget.classList].find(c => c.startsWith('labsim-is-'));
      const name = own.slice('labsim-is-'.length).replaceAll('-', ' ');
      if (widget.matches('img')) widget.alt = name;
      if (widget.matches('.widget-vbox')) {   // it scrolls: by keyboard, too
        widget.tabIndex = 0;
        widget.setAttribute('role', 'region');
        named(widget, name);
      }
      const buttons = ['play or pause', 'stop', 'repeat'];
      widget.querySelectorAll(parts).forEach((part, i) => named(part,
        part.matches('.widget-play button') ? `${name}: ${buttons[i]}` : name));
    }
  };
  look();
  new MutationObserver(look).observe(root, {childList: true, subtree: true});
})(this.closest('.labsim-explorer, .labsim-demo'));
