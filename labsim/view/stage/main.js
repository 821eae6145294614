// -- where it stands: in a notebook's output, as a widget's view, or alone in a page --------------

function raise(model, place) {
  place.stage?.close();
  const host = node('div');
  place.replaceChildren(host);
  place.stage = new Stage(model, host, place.runs);
  host.stage = place.stage;
  return place.stage;
}

// The plan and the recordings that stand in a place, before it is raised.
function told(place) {
  const data = place.querySelector('script[type="application/json"]');
  const plan = data && JSON.parse(data.textContent);
  place.runs ??= plan?.runs;
  return plan;
}

function awaken() {
  awake('.labsim-stage', place => {
    const plan = told(place);
    if (!plan) return;
    raise({get: name => name === 'plan' ? plan : undefined}, place);
    if (place.dataset.step) place.stage.go(Number(place.dataset.step));
  });
}

const initialize = ({model}) => alive(model, place => { told(place); raise(model, place); });

function render({model, el}) {
  const stage = raise(model, el);
  return () => stage.close();
}
