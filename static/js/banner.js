/* The line above the work that says what is wrong, with buttons that help. */

const banner = document.getElementById("banner");

/** `buttons` are [label, what it does] each. */
export function warn(text, buttons) {
  const message = document.createElement("span");
  message.textContent = text;
  banner.replaceChildren(message);
  for (const [label, deed] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = label;
    button.addEventListener("click", () => deed());
    banner.append(button);
  }
  banner.hidden = false;
}

export function clearBanner() {
  banner.hidden = true;
  banner.replaceChildren();
}
