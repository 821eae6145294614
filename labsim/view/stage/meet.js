// -- a place in a page, and a model of a kernel: either may come first ---------------------------

const live = globalThis.labsimLive ??= {raisers: new Map(), places: new Map()};

// New places of a kind: raised by their model, if it is alive, or else by `alone`.
function awake(selector, alone) {
  for (const place of document.querySelectorAll(`${selector}:not([data-awake])`)) {
    place.dataset.awake = '';
    const id = place.dataset.live, known = id && live.raisers.get(id);
    if (id) live.places.set(id, [...(live.places.get(id) ?? []).filter(one => one.isConnected),
      place]);
    if (known) known(place); else alone?.(place);
  }
}

// A model is alive: it raises its places, those that are there and those to come.
function alive(model, raise) {
  const known = () => {
    const id = model.get('live');
    if (!id) return;
    live.raisers.set(id, raise);
    (live.places.get(id) ?? []).forEach(raise);
  };
  model.on('change:live', known);
  known();
}
