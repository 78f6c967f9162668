// Hands a token to the page that opened this window, and to no other: the browser checks the origin.
"use strict";

const handover = document.getElementById("handover").dataset;

if (window.opener) {
  const message = {
    type: "oauth_callback",
    token: handover.token,
    refresh_token: handover.refreshToken,
    expires_in: Number(handover.expiresIn),
  };
  window.opener.postMessage(message, handover.origin);
  window.close();
}
