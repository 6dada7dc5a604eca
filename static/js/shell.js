/* What every page does: menus close by Escape and outside clicks, dangerous buttons ask first,
   times are shown in the reader's own zone, the section we are in is in view. */

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
});

// On a narrow screen the sections scroll sideways: those we are in are brought into view.
// Sideways only: the page may stand at a place further down that its address names.
for (const here of document.querySelectorAll(".sections [aria-current], .subsections [aria-current]")) {
  let row = here.parentElement;
  while (row.scrollWidth <= row.clientWidth && row.parentElement) row = row.parentElement;
  const { left, width } = here.getBoundingClientRect();
  row.scrollLeft += left - row.getBoundingClientRect().left - (row.clientWidth - width) / 2;
}

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    time.dataset.local = "";
    time.title = moment.toLocaleString();
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}
localTimes(document);
document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));

/* A part of a form that belongs to one choice of a select is shown only with that choice. */
for (const part of document.querySelectorAll("[data-only-for]")) {
  const select = document.getElementById(part.dataset.onlyFor);
  const showOrHide = () => (part.hidden = select.value !== part.dataset.value);
  select.addEventListener("change", showOrHide);
  showOrHide();
}
