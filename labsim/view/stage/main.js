// -- where it stands: in a notebook's output, as a widget's view, or alone in a page --------------

// A live model may come before or after the place in the page that its kernel wrote for it.
const live = globalThis.labsimLive ??= {models: new Map(), places: new Map()};

function meet(id) {
  const model = live.models.get(id);
  for (const place of live.places.get(id) ?? []) if (model) raise(model, place);
}

function raise(model, place) {
  place.stage?.close();
  const host = node('div');
  place.replaceChildren(host);
  place.stage = new Stage(model, host, place.runs);
  host.stage = place.stage;
  return place.stage;
}

// A page's own places: the recordings stand beside, as JSON.
function awake() {
  for (const place of document.querySelectorAll('.labsim-stage:not([data-awake])')) {
    place.dataset.awake = '';
    const id = place.dataset.live, data = place.querySelector('script[type="application/json"]');
    const plan = data ? JSON.parse(data.textContent) : null;
    place.runs = plan?.runs;
    if (id) live.places.set(id, [...(live.places.get(id) ?? []).filter(one => one.isConnected),
      place]);
    if (id && live.models.has(id)) raise(live.models.get(id), place);
    else if (plan) raise({get: name => name === 'plan' ? plan : undefined}, place);
  }
}

function initialize({model}) {
  const known = () => {
    const id = model.get('live');
    if (!id) return;
    live.models.set(id, model);
    meet(id);
  };
  model.on('change:live', known);
  known();
}

function render({model, el}) {
  const stage = raise(model, el);
  return () => stage.close();
}
