"""Receivers of another make: aiosmtpd takes the mail, the standardwebhooks package checks each webhook's signature.

Argument: the webhook secret (whsec_…). Prints the SMTP port and the HTTP port. GET /received answers
{"mails": [{"to", "subject", "message_id", "auto_submitted", "text", "html"}], "webhooks": [{"id", "body"}], "refused": [reason]}.
"""
import email
import email.policy
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook

verifier = Webhook(sys.argv[1])
lock = threading.Lock()
received = {"mails": [], "webhooks": [], "refused": []}


class Mailbox:
    async def handle_DATA(self, _server, _session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        with lock:
            received["mails"].append({
                "to": envelope.rcpt_tos,
                "subject": message["Subject"],
                "message_id": message["Message-ID"],
                "auto_submitted": message["Auto-Submitted"],
                "text": text.get_content() if text else None,
                "html": html.get_content() if html else None,
            })
        return "250 taken"


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, json.dumps(received).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            verified = verifier.verify(body, dict(self.headers.items()))
        except Exception as error:
            with lock:
                received["refused"].append(repr(error))
            return self.answer(400)
        with lock:
            received["webhooks"].append({"id": self.headers["webhook-id"], "body": verified})
        self.answer(204)


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    smtp_port = probe.getsockname()[1]
mail = Controller(Mailbox(), hostname="127.0.0.1", port=smtp_port)
mail.start()
hooks = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(smtp_port, hooks.server_address[1], flush=True)
hooks.serve_forever()
