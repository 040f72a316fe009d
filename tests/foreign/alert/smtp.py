"""A real SMTP server (aiosmtpd) for tests/foreign/alert/smtp.rs: smtp.py PORT FOLDER MODE; each mail becomes FOLDER/mail.N.

MODE: plain | starttls | tls (implicit) | expired (starttls with an expired certificate) | login (starttls, and a password is
required) | refuse (550 to each mail) | later (451) | hang (no greeting) | garbage | unknown (no recipient is known)
"""
import asyncio
import socket
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

port, folder, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]

if mode in ("hang", "garbage"):
    server = socket.create_server(("127.0.0.1", port))
    kept = []
    while True:
        kept.append(server.accept()[0])
        if mode == "garbage":
            kept[-1].sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if mode == "unknown" or address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if mode == "refuse":
            return "554 5.7.1 this looks like spam"
        if mode == "later":
            return "451 4.3.0 the disk is full"
        Handler.count += 1
        who = session.auth_data.login.decode() if session.authenticated else "-"
        head = f"X-Test-From: {envelope.mail_from}\nX-Test-To: {' '.join(envelope.rcpt_tos)}\nX-Test-TLS: {bool(session.ssl)}\nX-Test-User: {who}\n"
        with open(f"{folder}/mail.{Handler.count}", "wb") as f:
            f.write(head.encode() + envelope.content)
        return "250 2.0.0 queued as 42"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"standin", b"geheim")
    return AuthResult(success=good, auth_data=data, handled=good)


def context(name):
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    return made


options = {}
if mode in ("starttls", "login", "expired"):
    options = {"tls_context": context("expired" if mode == "expired" else "good"), "require_starttls": True}
if mode == "login":
    options |= {"authenticator": authenticate, "auth_required": True}
if mode == "tls":
    options = {"ssl_context": context("good")}
controller = Controller(Handler(), hostname="127.0.0.1", port=port, **options)
if mode == "tls":
    # aiosmtpd looks at itself when it starts, without our certificate.
    controller.ssl_context.check_hostname = False
    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.create_server(controller._factory_invoker, "127.0.0.1", port, ssl=controller.ssl_context))
    loop.run_forever()
controller.start()
while True:
    time.sleep(60)
