"""An OpenID Connect server that knows one person, on a port of this machine."""

import base64
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT_ID, SECRET = "prefloop", "a secret of at least thirty-two bytes"


NINA: dict[str, Any] = {
    "sub": "7",
    "email": "nina@example.org",
    "email_verified": True,
    "preferred_username": "nina",
}


class FakeOpenId:
    """`person` is who signs in; a code is good once, for who can show the verifier."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = dict(NINA)
        self.audience = CLIENT_ID
        self.challenges: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self.send(outer.discovery())
                elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer access":
                    self.send(outer.person)
                elif self.path.startswith("/authorize?"):
                    address = outer.url + self.path
                    back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
                    self.send_response(302)
                    self.send_header("Location", f"{back}?{urlencode(outer.authorize(address))}")
                    self.end_headers()
                else:
                    self.send({}, 404)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                sent = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
                answer = outer.exchange(sent)
                self.send(answer or {"error": "invalid_grant"}, 200 if answer else 400)

            def send(self, what: dict[str, Any], status: int = 200) -> None:
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing: the tests' output is for what goes wrong."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def app(self) -> dict[str, Any]:
        """What stands in SOCIALACCOUNT_PROVIDERS about this server."""
        return {
            "provider_id": "sso",
            "name": "Example ID",
            "client_id": CLIENT_ID,
            "secret": SECRET,
            "settings": {"server_url": self.url, "oauth_pkce_enabled": True},
        }

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, address: str) -> dict[str, str]:
        """The person agrees: what the browser brings back from `address`."""
        assert address.startswith(f"{self.url}/authorize?")
        asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"]}

    def exchange(self, sent: dict[str, str]) -> dict[str, Any] | None:
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if sent.get("client_secret") != SECRET:
            return None
        if self.challenges.pop(sent.get("code", ""), None) != challenge:
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.audience, "iat": now, "exp": now + 60}
        token = jwt.encode(claims | {"sub": self.person["sub"]}, SECRET, "HS256")
        return {"access_token": "access", "token_type": "Bearer", "id_token": token}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
