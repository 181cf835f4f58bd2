// The small signs in bars and in the legend: shapes, so that nothing is told by colour alone.

const SHAPES = {
  running: "M4 3v10l9-5z",
  warned: "M8 1 15.5 14.5H.5zM7.2 6v4.4h1.6V6zm0 5.5v1.6h1.6v-1.6z",
  overrun: "M3 1h10v2.2L9.4 8l3.6 4.8V15H3v-2.2L6.6 8 3 3.2zm2 1.6L8 6.4l3-3.8z",
  preempted: "m3.4 2 4.6 4.6L12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z",
  no_show: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1m0 1.7a5.3 5.3 0 0 0-4.2 8.5l7.4-7.4A5.3 5.3 0 0 0 8 2.7m4.2 2.1-7.4 7.4a5.3 5.3 0 0 0 7.4-7.4",
  ended: "m2 8.4 1.4-1.4L6.5 10l6.2-6.6L14 4.7l-7.5 8z",
  queued: "M2 3h12v2H2zm0 4h9v2H2zm0 4h6v2H2z",
  urgent: "M2 1h4.6l-.7 8.6H2.7zm.2 10.6h4.2V15H2.2zM9.4 1H14l-.7 8.6h-3.2zm.2 10.6h4.2V15H9.6z",
  mine: "m8 1 2.1 4.6 5 .6-3.7 3.4 1 4.9L8 12l-4.4 2.5 1-4.9L.9 6.2l5-.6z",
  offer: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1m-.8 3v4.6l3.6 2 .8-1.4-2.8-1.6V4z",
  hold: "M4 7V5a4 4 0 0 1 8 0v2h1.5v8h-11V7zm1.8 0h4.4V5a2.2 2.2 0 0 0-4.4 0z",
  drain: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M4 7v2h8V7z",
  close: "m4 2.6 4 4 4-4L13.4 4l-4 4 4 4-1.4 1.4-4-4-4 4L2.6 12l4-4-4-4z",
  link: "M6.5 9.5a3 3 0 0 0 4.3.2l2.4-2.4A3 3 0 0 0 9 3L7.6 4.4l1.1 1L10 4.2a1.5 1.5 0 0 1 2.1 2.1L9.8 8.6a1.5 1.5 0 0 1-2.2-.1zm3-3a3 3 0 0 0-4.3-.2L2.8 8.7A3 3 0 0 0 7 13l1.4-1.4-1.1-1L6 11.8a1.5 1.5 0 0 1-2.1-2.1l2.3-2.3a1.5 1.5 0 0 1 2.2.1z",
};

const SVG = "http://www.w3.org/2000/svg";
const made = new Map();

/** A fresh drawing of that sign, which screen readers pass over. */
export function mark(name) {
  if (!made.has(name)) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", `mark-${name}`);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", SHAPES[name]);
    path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
    made.set(name, svg);
  }
  return made.get(name).cloneNode(true);
}
