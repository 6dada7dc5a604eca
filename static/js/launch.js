/* A form marked data-once is sent once, however often its button is pressed. The server holds it
   too (request_key); this only spares the second trip. Coming back by the back button re-arms it. */

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-once]");
  if (!form || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) {
    button.setAttribute("aria-disabled", "true");
    button.dataset.text = button.textContent;
    button.textContent = "One moment…";
  }
});

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[data-text]")) {
      button.removeAttribute("aria-disabled");
      button.textContent = button.dataset.text;
    }
  }
});

document.querySelector("[aria-invalid=true]")?.focus();
