// Small pieces of page made by script. Text always goes in as text.
const SVG = "http://www.w3.org/2000/svg";

export function element(tag, { text, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name === "className") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function button(text, { onPress, iconName, ...properties } = {}) {
  const made = element("button", { type: "button", className: "button button-small", ...properties });
  if (iconName) made.append(icon(iconName));
  made.append(text);
  if (onPress) made.addEventListener("click", onPress);
  return made;
}

export function idChip(id) {
  const chip = element("button", { type: "button", className: "id", "data-copy": id, "aria-label": `Copy session id ${id}`, text: id.slice(0, 8) });
  chip.append(icon("copy"), element("span", { className: "id-full", "aria-hidden": "true", text: id }));
  return chip;
}
