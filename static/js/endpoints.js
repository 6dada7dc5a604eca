/* A model that is served here has no address, no name there and no key. */

const served = document.getElementById("id_served");
const elsewhere = ["id_address", "id_model", "id_api_key"]
  .map((id) => document.getElementById(id)?.closest(".form-row"))
  .filter(Boolean);

function showOrHide() {
  for (const row of elsewhere) row.hidden = served.value !== served.options[0].value;
}

if (served) {
  served.addEventListener("change", showOrHide);
  showOrHide();
}
