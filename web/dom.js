// The few ways this page touches the document. Everything goes in as text, never as markup, and only when it changed.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** The element with this stable test id. */
export const byTestId = (id) => document.querySelector(`[data-testid="${id}"]`);

/** Writes text where it differs, so that an unchanged number costs no layout. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element. */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Makes an element with a class, a text and children. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Keeps one child of `parent` per item, reusing the children there are: no flicker, and nothing to leak. */
export function fill(parent, items, create, update) {
  while (parent.children.length < items.length) parent.append(create());
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, index) => update(parent.children[index], item, index));
}

/** Sets a bar to a share between 0 and 1. */
export function setBar(element, share) {
  const scale = `scaleX(${Math.max(0, Math.min(1, share || 0)).toFixed(4)})`;
  if (element.style.transform !== scale) element.style.transform = scale;
}
