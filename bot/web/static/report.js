// The report works without this: here it only saves a click, and lets keys walk the heat map.

const form = document.querySelector(".choose");
form?.addEventListener("change", () => form.requestSubmit());

const table = document.querySelector(".heat");
const said = document.getElementById(table?.dataset.said ?? "");
const rows = [...(table?.tBodies[0]?.rows ?? [])].map((row) => [...row.cells].slice(1));

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** One cell can be reached with Tab; arrow keys go on from there. */
function select(cell) {
  for (const other of rows.flat()) other.tabIndex = other === cell ? 0 : -1;
}

function step(cell, key) {
  const row = rows.findIndex((cells) => cells.includes(cell));
  const column = rows[row].indexOf(cell);
  if (key === "Home") return rows[row][0];
  if (key === "End") return rows[row].at(-1);
  const [down, right] = STEPS[key];
  return rows[row + down]?.[column + right];
}

for (const cell of rows.flat()) {
  // What a pointer finds in the tooltip, keys and touch find below the table.
  cell.addEventListener("focus", () => { said.textContent = cell.title; });
  cell.addEventListener("pointerenter", () => { said.textContent = cell.title; });
}

table?.addEventListener("keydown", (event) => {
  if (!(event.key in STEPS) && event.key !== "Home" && event.key !== "End") return;
  const next = step(event.target.closest("td"), event.key);
  event.preventDefault();
  if (next) {
    select(next);
    next.focus();
  }
});

if (rows.length) select(rows[0][0]);
