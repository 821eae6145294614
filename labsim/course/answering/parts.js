/* What questions are made of: elements, and words that are said aloud. */

const SVG = 'http://www.w3.org/2000/svg';

/** An element with its attributes and children; a function is a listener, "on" before its event. */
function h(tag, attributes = {}, ...children) {
  const made = tag.startsWith('svg:') ? document.createElementNS(SVG, tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter(child => child != null && child !== ''));
  return made;
}

/** Fill an element anew, unless it says the same already: a live region speaks once. */
function fill(node, ...children) {
  const fresh = h('div', {}, ...children);
  if (fresh.innerHTML !== node.innerHTML) node.replaceChildren(...fresh.childNodes);
}

/** A number as it is read aloud and shown: three figures, thousands apart. */
function amount(value, unit) {
  const text = Number(value.toPrecision(3)).toLocaleString('en-US', {maximumFractionDigits: 12});
  return unit ? `${text} ${unit}` : text;
}
