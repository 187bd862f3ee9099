// The theme changes at once; the server remembers it.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-theme-form] button");
  if (!button) return;
  const { value } = button;
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  for (const other of button.parentElement.children) {
    if (other === button) other.setAttribute("aria-pressed", "true");
    else other.removeAttribute("aria-pressed");
  }
});
